"""A site on this machine that answers as Civitai does, or as it is told to."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from live_lora.library.civitai.access import Access
from live_lora.library.civitai.addresses import Origin
from live_lora.library.civitai.client import CivitaiClient
from live_lora.library.civitai.pacing import Pace
from live_lora.library.civitai.transport import Transport

from library.files import lora

PNG = b"\x89PNG\r\n\x1a\n" + b"picture"
Fault = Callable[["Handler"], bool]  # answers in its own way, or says no


class Handler(BaseHTTPRequestHandler):
    """Answers from `site`; a fault goes before."""

    protocol_version = "HTTP/1.1"
    site: Site

    def do_GET(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.site.asked.append(f"{self.command} {self.path}")
        self.site.headers.append(dict(self.headers))
        for fault in list(self.site.faults):
            if fault(self):
                return
        self.say(*self.site.answer(self.command, self.path, self.body))

    do_POST = do_GET

    def say(self, status: int, content: Any, **headers: str) -> None:
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *arguments: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    """Clients that hang up are no news."""

    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


class Site:
    """Versions and models by id; `asked` is every request that came, `faults` what goes wrong."""

    def __init__(self) -> None:
        self.versions: dict[int, dict[str, Any]] = {}
        self.models: dict[int, dict[str, Any]] = {}
        self.archive: dict[str, dict[str, Any]] = {}
        self.files: dict[int, bytes] = {}
        self.by_hash: dict[str, int] = {}
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.faults: list[Fault] = []
        self.url = ""

    def add(self, path: Path, id: int, **fields: Any) -> dict[str, Any]:
        """A version with this file, as the site describes it; `fields` of it that differ."""
        raw = path.read_bytes()
        file = described(path.name, raw, id)
        picture = {"url": f"{self.url}/img/original=true/{id}.png", "nsfwLevel": 1}
        version = version_of(id, file, picture) | fields
        self.versions[id] = version
        self.by_hash |= dict.fromkeys(file["hashes"].values(), id)
        self.files[id] = raw
        self.models[id + 1000] = model_of(id, version)
        return version

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        """As api/v1 of civitai.com, api of civarchive.com, its downloads and its pictures."""
        parts = urlsplit(path)
        *_, kind, last = parts.path.split("/")
        if parts.path == "/api/v1/model-versions/by-hash":
            wanted = json.loads(body)
            if len(wanted) > 100 or any(len(hash) != 64 for hash in wanted):
                return 400, {"error": "up to 100 SHA256"}
            found = [self.versions[self.by_hash[hash]] for hash in wanted if hash in self.by_hash]
            return 200, [None, *reversed(found), *found[:1]]
        if parts.path.startswith("/api/v1/model-versions/by-hash/"):
            return self._found(self.versions.get(self.by_hash.get(last, 0)))
        if parts.path.startswith("/api/v1/model-versions/"):
            return self._found(self.versions.get(int(last)))
        if parts.path == "/api/v1/models":
            ids = parse_qs(parts.query)["ids"][0].split(",")
            return 200, {"items": [self.models[int(id)] for id in ids if int(id) in self.models]}
        if kind == "sha256":
            return self._found(self.archive.get(last))
        if kind == "models" and int(last) in self.files:
            return 200, self.files[int(last)]
        return (200, PNG) if last.endswith(".png") else (404, {"error": "no such page"})

    @staticmethod
    def _found(content: Any) -> tuple[int, Any]:
        return (404, {"error": "Model not found"}) if content is None else (200, content)

    def access(self, **changes: Any) -> Access:
        """This site as both sites."""
        origin = Origin.of(self.url)
        return Access(**{"host": origin, "fallback": origin, **changes})

    def client(self, key: str | None = None, **options: Any) -> CivitaiClient:
        """Asks this site, without the second between two requests."""
        known = ("resolve", "connect", "context", "patience")
        transport = {name: options.pop(name) for name in known if name in options}
        quick = Pace(0, sleep=lambda seconds: None, clock=Ticking())
        return CivitaiClient(
            Transport(self.access(key=key), **transport), options.pop("pace", quick), **options
        )


def described(name: str, raw: bytes, id: int) -> dict[str, Any]:
    """A file of version `id`: its hashes are of all its bytes, and of its tensors alone."""
    tensors = raw[8 + int.from_bytes(raw[:8], "little") :]
    return {
        "id": id + 5000,
        "sizeKB": len(raw) / 1024,
        "name": name,
        "type": "Model",
        "metadata": {"format": "SafeTensor"},
        "hashes": {
            "SHA256": hashlib.sha256(raw).hexdigest().upper(),
            "AutoV3": hashlib.sha256(tensors).hexdigest()[:12].upper(),
        },
        "primary": True,
        "downloadUrl": f"https://civitai.com/api/download/models/{id}",
    }


def version_of(id: int, file: dict[str, Any], picture: dict[str, Any]) -> dict[str, Any]:
    """A version of one file and one picture."""
    return {
        "id": id,
        "modelId": id + 1000,
        "name": f"v{id}",
        "baseModel": "SDXL 1.0",
        "trainedWords": ["ghibli style, anime"],
        "model": {"name": f"Model {id}", "type": "LORA", "nsfw": False, "poi": False},
        "files": [file],
        "images": [picture],
        "publishedAt": "2024-05-01T00:00:00.000Z",
    }


def model_of(id: int, version: dict[str, Any]) -> dict[str, Any]:
    """The model of one version, whose id is a thousand less."""
    return {
        "id": id + 1000,
        "name": f"Model {id}",
        "tags": ["style"],
        "description": "<p>Draws <b>well</b></p><script>alert(1)</script>",
        "creator": {"username": "somebody"},
        "allowCommercialUse": ["Image"],
        "modelVersions": [version],
    }


class Ticking:
    """A clock on which every look is a minute later."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 60
        return self.now


@contextmanager
def running() -> Iterator[Site]:
    """The site on a free port."""
    site = Site()
    handler = type("Ours", (Handler,), {"site": site})
    with Server(("127.0.0.1", 0), handler) as server:
        site.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def in_place_of_civitai(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """The site is what settings name, nothing is asked elsewhere, and it may be asked at once."""
    with running() as site:
        monkeypatch.setenv("LIVE_LORA_CIVITAI_HOST", site.url)
        monkeypatch.setenv("LIVE_LORA_CIVITAI_FALLBACK", "")
        monkeypatch.setattr("live_lora.library.civitai.service.Pace", lambda: Pace(0))
        yield site


def loras(folder: Path, count: int) -> list[Path]:
    """Files that all differ."""
    return [
        lora(folder / f"file{n:05}.safetensors", data=f"tensors of {n:05}".encode())
        for n in range(count)
    ]

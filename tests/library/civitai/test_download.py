"""A download is the file that was announced, in the folder that was chosen, or nothing."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from live_lora.errors import FileError, LiveLoraError, OnlineError
from live_lora.library.bulk import placing
from live_lora.library.civitai.download import Downloaded, address, choose, download
from live_lora.library.civitai.transport import Stopping

from library.files import lora

from .site import Handler, Site, running

DATA = bytes(range(256)) * 1000


@pytest.fixture
def remote(site: Site, tmp_path: Path) -> dict[str, Any]:
    """A version with one file, which is not in the library."""
    return site.add(lora(tmp_path / "there/ghibli.safetensors", data=DATA), 7)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "Lora"
    folder.mkdir()
    return folder


def fetch(site: Site, version: dict[str, Any], folder: Path, **options: Any) -> Path:
    client = site.client(**{k: options.pop(k) for k in ("key", "stopped") if k in options})
    return download(client, 7, choose(version), folder, **options)


def test_it_is_fetched_whole(site: Site, remote: dict[str, Any], folder: Path) -> None:
    told: list[Downloaded] = []
    path = fetch(site, remote, folder, key="abcdef0123456789", tell=told.append)
    assert path == folder / "ghibli.safetensors"
    assert path.read_bytes() == site.files[7]
    assert told[-1] == Downloaded("ghibli", path.stat().st_size, path.stat().st_size)
    assert site.asked == ["GET /api/download/models/7"]
    assert "Authorization" in site.headers[0]
    assert [one.name for one in folder.iterdir()] == ["ghibli.safetensors"]


def test_it_writes_over_nothing(site: Site, remote: dict[str, Any], folder: Path) -> None:
    (folder / "ghibli.safetensors").write_text("mine")
    assert fetch(site, remote, folder).name == "ghibli (2).safetensors"
    assert (folder / "ghibli.safetensors").read_text() == "mine"


NAMES = {
    "../../evil.safetensors": "_.._evil.safetensors",
    "..\\..\\evil.safetensors": "_.._evil.safetensors",
    "/etc/cron.d/x.safetensors": "_etc_cron.d_x.safetensors",
    "CON.safetensors": "_CON.safetensors",
    ".safetensors": "lora.safetensors",
    "a\x00b\u202e.SafeTensors": "ab.safetensors",
    "x" * 400 + ".safetensors": "x" * 200 + ".safetensors",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_leads_nowhere(site: Site, remote: dict[str, Any], folder: Path, name: str) -> None:
    remote["files"][0]["name"] = name
    assert fetch(site, remote, folder) == folder / NAMES[name]


def test_a_name_of_ones_own(site: Site, remote: dict[str, Any], folder: Path) -> None:
    assert fetch(site, remote, folder, name="../mine").name == "_mine.safetensors"


@pytest.mark.parametrize("name", ["x.ckpt", "x.pt", "x.zip", "x.safetensors.exe", "safetensors"])
def test_only_safetensors(remote: dict[str, Any], name: str) -> None:
    remote["files"][0]["name"] = name
    with pytest.raises(OnlineError, match="no such"):
        choose(remote)


def test_which_file(site: Site, remote: dict[str, Any]) -> None:
    main = remote["files"][0]
    url = "https://evil.test/api/download/models/9?type=Pruned%20Model&format=SafeTensor&token=x"
    other = {**main, "id": 2, "type": "Pruned Model", "primary": False, "downloadUrl": url}
    remote["files"] = [other, main]
    assert choose(remote).id == main["id"]
    assert choose(remote, 2).id == 2
    with pytest.raises(OnlineError):
        choose(remote, 3)
    found = address(site.client(), 7, choose(remote, 2))
    assert found == f"{site.url}/api/download/models/7?type=Pruned+Model&format=SafeTensor"


def lie(raw: bytes) -> Any:
    return lambda handler: handler.say(200, raw) is None


def more(handler: Handler) -> bool:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n" + handler.site.files[7])
    try:
        while True:
            handler.wfile.write(b"x" * 65536)
    except OSError:
        return True


def less(handler: Handler) -> bool:
    raw = handler.site.files[7]
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(raw) + raw[:-1])
    handler.close_connection = True
    return True


def less_unannounced(handler: Handler) -> bool:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n" + handler.site.files[7][:-5])
    handler.close_connection = True
    return True


def login(handler: Handler) -> bool:
    handler.say(401, {"error": "log in"})
    return True


def aside(handler: Handler) -> bool:
    handler.say(302, b"", Location="http://127.0.0.1:1/x")
    return True


FAULTS: dict[str, tuple[Any, str]] = {
    "another size": (lie(b"<html>" * 10), "another file"),
    "another file": (lie(b"\0" * 256_076), "SHA-256"),
    "without end": (more, "more comes"),
    "cut": (less, "broke off"),
    "cut, unannounced": (less_unannounced, "SHA-256|broke off"),
    "log in": (login, "key"),
    "sent elsewhere": (aside, "only https"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_goes_wrong_leaves_nothing(
    site: Site, remote: dict[str, Any], folder: Path, fault: str
) -> None:
    site.faults.append(FAULTS[fault][0])
    if fault == "another file":
        remote["files"][0]["sizeKB"] = 256_076 / 1024
    with pytest.raises(OnlineError, match=FAULTS[fault][1]):
        fetch(site, remote, folder)
    assert list(folder.iterdir()) == []


def test_without_a_hash_it_still_has_to_be_a_lora(
    site: Site, remote: dict[str, Any], folder: Path
) -> None:
    del remote["files"][0]["hashes"]
    raw = b"<!DOCTYPE html>" + b" " * 1000
    remote["files"][0]["sizeKB"] = len(raw) / 1024
    site.faults.append(lie(raw))
    with pytest.raises(OnlineError, match="no LoRA"):
        fetch(site, remote, folder)
    assert list(folder.iterdir()) == []


def test_an_unknown_size_is_not_fetched(site: Site, remote: dict[str, Any], folder: Path) -> None:
    del remote["files"][0]["sizeKB"]
    site.faults.append(more)
    with pytest.raises(OnlineError, match="how large"):
        fetch(site, remote, folder)


def slow(handler: Handler) -> bool:
    raw = handler.site.files[7]
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(raw))
    try:
        for at in range(100):
            handler.wfile.write(raw[at : at + 1])
            time.sleep(0.02)
    except OSError:
        pass
    return True


def test_a_trickle_is_given_up(site: Site, remote: dict[str, Any], folder: Path) -> None:
    site.faults.append(slow)
    with pytest.raises(OnlineError, match="too slow"):
        fetch(site, remote, folder, window=0.1)
    assert list(folder.iterdir()) == []


def test_cancel(site: Site, remote: dict[str, Any], folder: Path) -> None:
    site.faults.append(slow)
    told: list[Downloaded] = []
    with pytest.raises(Stopping):
        fetch(site, remote, folder, stopped=lambda: bool(told), tell=told.append)
    assert list(folder.iterdir()) == []


def test_a_full_disk(
    site: Site, remote: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placing, "SPARE_ROOM", 1 << 60)
    with pytest.raises(FileError, match="are free"):
        fetch(site, remote, folder)
    assert list(folder.iterdir()) == []


def test_a_folder_that_is_gone(site: Site, remote: dict[str, Any], folder: Path) -> None:
    folder.rmdir()
    with pytest.raises(LiveLoraError, match="stored"):
        fetch(site, remote, folder)


def test_the_key_stays_with_the_site(site: Site, remote: dict[str, Any], folder: Path) -> None:
    """Downloads come from elsewhere: the site answers with an address that is signed."""
    with running() as cdn:
        cdn.files[7] = site.files[7]
        target = f"{cdn.url}/api/download/models/7"
        site.faults.append(lambda handler: handler.say(302, b"", Location=target) is None)
        with pytest.raises(OnlineError):
            fetch(site, remote, folder, key="abcdef0123456789")
        assert cdn.asked == []
        assert "abcdef" not in json.dumps(cdn.headers)

"""Real browsers on stand-in pages: the tests' own gradio, and older ones where they are given.

`LIVE_LORA_GRADIO` holds interpreters of environments with other gradios, separated as in PATH.
"""

from __future__ import annotations

import copy
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import parse_qs, urlsplit

import pytest
from live_lora.prompt import parse
from live_lora.prompt.description import describe, vocabulary

from .app_program import app_page, app_running
from .route_client import Connect, client_of, guessing_catalog, small_library

if TYPE_CHECKING:
    from fastapi.testclient import TestClient
    from playwright.sync_api import Browser, Page, Route

APP = Path(__file__).with_name("app.py")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PYTHONS = [sys.executable, *filter(None, os.environ.get("LIVE_LORA_GRADIO", "").split(os.pathsep))]
LOCAL = "http://127.0.0.1:"
ARGUMENTS = [
    "--no-sandbox",
    # A page of another host, which newer Chromiums keep from this machine by themselves: what the
    # app refuses must not depend on them.
    "--host-resolver-rules=MAP evil.test 127.0.0.1",
    "--disable-features=LocalNetworkAccessChecks",
]
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8cfc0"
    "000003010100c9fe92ef0000000049454e44ae426082"
)


def missing(what: str) -> NoReturn:
    """Skips, or fails where the run demands a browser."""
    if os.environ.get("LIVE_LORA_REQUIRE_BROWSER") == "1":
        pytest.fail(f"{what}, and LIVE_LORA_REQUIRE_BROWSER=1 demands it")
    pytest.skip(what, allow_module_level=True)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder of LoRAs that `connect` serves; a file of tests may have its own."""
    return small_library(tmp_path / "Lora")


@pytest.fixture
def connect(root: Path, tmp_path: Path) -> Iterator[Connect]:
    """Makes clients of the routes, over `root` or other folders."""
    clients = []

    def connect(*folders: Path, **options: Any) -> TestClient:
        catalog = guessing_catalog(list(folders) or [root], tmp_path / "cache")
        options.setdefault("data", tmp_path / "data")
        clients.append(client_of(catalog, **options))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


@pytest.fixture
def client(connect: Connect) -> TestClient:
    """One client with the usual settings."""
    return connect()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A Chromium of this machine."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright is not installed")
    path = os.environ.get("LIVE_LORA_CHROMIUM") or next(
        filter(None, map(shutil.which, BROWSERS)), None
    )
    if path is None:
        missing("there is no Chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def app_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the app of `address` has its files."""
    return tmp_path_factory.mktemp("app")


@pytest.fixture(scope="session")
def address(app_folder: Path, chromium: Browser) -> Iterator[str]:
    """The app's address; one app for all tests that need no other."""
    with app_running(app_folder) as address:
        yield address


@pytest.fixture
def app(address: str, chromium: Browser) -> Iterator[Page]:
    """A page of it, in a context of its own."""
    with app_page(address, chromium) as page:
        yield page


def gradio_of(python: str) -> str:
    """ "gradio" for the tests' own, else the environment's folder."""
    return "gradio" if python == sys.executable else Path(python).parts[-3]


@pytest.fixture(scope="session", params=PYTHONS, ids=gradio_of)
def site(request: pytest.FixtureRequest, chromium: Browser) -> Iterator[str]:
    """The address of a stand-in page, in one of the gradios."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "GRADIO_ANALYTICS_ENABLED": "False", "PYTHONWARNINGS": "ignore"}
    process = subprocess.Popen([request.param, str(APP), str(port)], env=environment)
    try:
        await_answer(f"{LOCAL}{port}/", process)
        yield f"{LOCAL}{port}/"
    finally:
        process.kill()  # it keeps nothing, and open connections would keep it
        process.wait(10)


def await_answer(address: str, process: subprocess.Popen[bytes]) -> None:
    """Returns when the page answers; at most two minutes: a busy machine imports gradio slowly."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(600):
        assert process.poll() is None, "the stand-in ended"
        try:
            direct.open(address, timeout=5).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError("the stand-in does not answer")


def lora(name: str, **facts: Any) -> dict[str, Any]:
    """One row of the library's JSON."""
    return {
        "id": f"{abs(hash(name)):016x}"[:16],
        "name": name,
        "base": "SD1",
        "preview": None,
        **facts,
    }


LORAS = [
    lora("ghibli", weight=0.7, words="ghibli style", preview=1, mtime=1.0),
    lora("sharp", folder="style", relative="style/sharp.safetensors", mtime=3.0),
    lora("ink", folder="style/line", base="SDXL", misfit="made for SDXL, this is SD 1", mtime=2.0),
    lora("foo_v2", triggers=["brush pen"]),
    lora("a/same", stem="same", folder="a", relative="a/same.safetensors"),
    lora("b/same", stem="same", folder="b", relative="b/same.safetensors"),
]

Open = Callable[..., "Page"]


@pytest.fixture
def visit(site: str, chromium: Browser) -> Iterator[Open]:
    """Opens the page with a library; afterwards, no error may have reached the page."""
    errors: list[str] = []
    contexts = []

    def visit(
        loras: list[dict[str, Any]] = LORAS, query: str = "", base: str | None = "", **options: Any
    ) -> Page:
        """`base` is the one that was chosen last: all; None for a first visit."""
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        context.set_default_timeout(10_000)
        page = context.new_page()
        if base is not None:
            page.add_init_script(f"localStorage['live-lora.base'] ??= {base!r}")
        page.on("pageerror", lambda error: errors.append(str(error)))
        library = copy.deepcopy(loras)
        page.route("**/*", lambda route: serve(route, library))
        page.goto(site + query)
        page.wait_for_function("globalThis.liveLora?.library.state === 'ready'")
        return page

    yield visit
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture
def page(visit: Open) -> Page:
    """The page with the small library."""
    return visit()


FILE = {
    "words": "",
    "negative": "",
    "notes": "",
    "description": "",
    "kind": "",
    "triggers": [],
    "relative": "x.safetensors",
    "algorithm": "LoRA",
    "size": 9_000_000,
    "mtime": 1.0,
    "metadata": {},
    "civitai": {},
    "problems": [],
    "hashes": None,
    "training_tags": [],
}


def library_of(loras: list[dict[str, Any]], *, known: bool) -> dict[str, Any]:
    """The library's answer: all of it, or that nothing has changed."""
    facts = {"since": "1", "read": len(loras), "files": len(loras), "model": {"base": "SD1"}}
    return {**facts, "all": not known, "label": "Lora", "loras": [] if known else loras}


def serve_file(route: Route, loras: list[dict[str, Any]]) -> None:
    """One file's details; what is written is kept in its row."""
    id, _, what = route.request.url.partition("/file/")[2].partition("/")
    row = next(row for row in loras if row["id"] == id)
    if route.request.method == "POST" and not what:
        row |= route.request.post_data_json
    route.fulfill(json=FILE | row)


def serve(route: Route, loras: list[dict[str, Any]]) -> None:
    """The library's routes; everything else from the stand-in, nothing from the network."""
    address = route.request.url
    if not address.startswith((LOCAL, "data:", "blob:")):
        route.abort()
    elif "/live-lora/library?" in address or "/live-lora/refresh?" in address:
        known = "since=1" in address and "refresh" not in address
        route.fulfill(json=library_of(loras, known=known))
    elif address.endswith("/live-lora/explain"):
        asked = route.request.post_data_json["prompts"]
        read = [parse(one["text"], negative=one["negative"]) for one in asked]
        route.fulfill(json={"prompts": [describe(prompt) for prompt in read]})
    elif address.endswith("/live-lora/language"):
        route.fulfill(json=vocabulary())
    elif address.endswith("/hash"):
        route.fulfill(json={"hash": address.split("/")[-2][:12]})
    elif "/live-lora/search?" in address:
        wanted = parse_qs(urlsplit(address).query)["text"][0].rpartition(":")[2]
        ids = [row["id"] for row in loras if wanted in row.get("notes", "")]
        route.fulfill(json={"ids": ids})
    elif "/live-lora/file/" in address:
        serve_file(route, loras)
    elif "/live-lora/preview/" in address:
        route.fulfill(body=PIXEL, content_type="image/png")
    else:
        route.continue_()

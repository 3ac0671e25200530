"""The app's own page in a real browser: from a prompt to a picture, on a random model."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import numpy as np
import pytest
import tiny_pipeline
from PIL import Image
from tiny_models import ATTENTION, TEXT, random_lora, save_kohya

from .conftest import LOCAL, await_answer, missing

try:
    from playwright.sync_api import Page, Request, expect
except ImportError:
    missing("playwright is not installed")
if TYPE_CHECKING:
    from playwright.sync_api import Browser

PROGRAM = (
    f"import sys; sys.path.insert(0, {str(Path(__file__).parent.parent)!r}); import conftest; "
    "from live_lora.app.cli import main; sys.exit(main())"
)
SLOW = 60_000  # ms: a machine that does other things draws a few steps in this time


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> Iterator[str]:
    """The address of the app, started as its command does, with one LoRA."""
    folder = tmp_path_factory.mktemp("app")
    pipeline = tiny_pipeline.pipeline()
    pipeline.save_pretrained(folder / "toy")
    (folder / "loras").mkdir()
    parts = {
        "unet": random_lora(pipeline.unet, ATTENTION),
        "text_encoder": random_lora(pipeline.text_encoder, TEXT),
    }
    save_kohya(folder / "loras" / "ghibli.safetensors", parts, alpha=4.0)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    where = ["--model", str(folder / "toy"), "--lora-dir", str(folder / "loras")]
    options = ["app", "--no-browser", "--device", "cpu", "--port", str(port), *where]
    environment = {
        **os.environ,
        "XDG_CACHE_HOME": str(folder / "cache"),
        "XDG_STATE_HOME": str(folder / "state"),
        "XDG_DATA_HOME": str(folder / "data"),
        "TMPDIR": str(temp(folder)),
    }
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, *options], env=environment)
    try:
        await_answer(f"{LOCAL}{port}/", process)
        yield f"{LOCAL}{port}/"
    finally:
        process.terminate()
        process.wait(10)


def temp(folder: Path) -> Path:
    """The program's temporary folder."""
    (folder / "temp").mkdir(exist_ok=True)
    return folder / "temp"


@pytest.fixture
def app(address: str, chromium: Browser) -> Iterator[Page]:
    """The page. Afterwards: no error reached it, and it asked nothing of any other machine."""
    trouble: list[str] = []

    def asked(request: Request) -> None:
        if not request.url.startswith((address, "data:", "blob:")):
            trouble.append(request.url)

    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(SLOW)
    page = context.new_page()
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("request", asked)
    page.goto(address)
    ready(page)
    yield page
    context.close()
    assert trouble == []


def ready(page: Page) -> None:
    page.wait_for_function("globalThis.liveLora?.library.state === 'ready'")


def write(page: Page, prompt: str) -> None:
    page.get_by_label("Prompt", exact=True).fill(prompt)


def number(page: Page, name: str, value: int) -> None:
    page.get_by_role("spinbutton", name=name).fill(str(value))
    page.keyboard.press("Tab")


def generate(page: Page, prompt: str, *, steps: int = 2, seed: int = 7) -> bytes:
    """The picture's bytes."""
    write(page, prompt)
    number(page, "Steps", steps)
    number(page, "Seed", seed)
    pictures = page.locator("#pictures img")
    before = pictures.first.get_attribute("src") if pictures.count() else None
    page.get_by_role("button", name="Generate").click()
    if before:  # until this one has begun, the status is the last one's
        expect(pictures.first).not_to_have_attribute("src", before, timeout=SLOW)
    expect(page.locator("#status")).to_contain_text("Done", timeout=SLOW)
    address = pictures.first.get_attribute("src")
    assert address
    return page.request.get(urljoin(page.url, address)).body()


def pixels(png: bytes) -> np.ndarray:
    with Image.open(BytesIO(png)) as picture:
        return np.asarray(picture)


def test_a_tag_changes_the_picture(app: Page) -> None:
    plain = generate(app, "a fox")
    app.reload()
    ready(app)
    tagged = generate(app, "a fox <lora:ghibli:1>")
    assert b"a fox <lora:ghibli:1>" in tagged, "a PNG that says how it was made"
    assert not np.array_equal(pixels(plain), pixels(tagged))
    app.locator("#report summary").click()
    row = app.locator("#report").get_by_role("row").filter(has_text="ghibli")
    expect(row).to_contain_text(re.compile(r"\d+ UNet layers, \d+ text encoder layers"))


@pytest.mark.parametrize("key", ["Control+Enter", "Shift+Enter"])
def test_the_keyboard_draws(app: Page, key: str) -> None:
    write(app, "a fox")
    number(app, "Steps", 2)
    app.get_by_label("Prompt", exact=True).press(key)
    expect(app.locator("#status")).to_contain_text("Done", timeout=SLOW)
    expect(app.get_by_label("Prompt", exact=True)).to_have_value("a fox")


def test_progress_and_preview_come_before_the_picture(app: Page) -> None:
    write(app, "a fox")
    number(app, "Steps", 60)
    app.get_by_role("button", name="Generate").click()
    bar = app.get_by_role("progressbar")
    expect(bar).to_have_attribute("max", "60", timeout=SLOW)
    expect(app.locator("#pictures img").first).to_be_visible(timeout=SLOW)
    assert bar.is_visible(), "a preview is there while it draws"
    app.get_by_role("button", name="Stop").click()
    expect(app.locator("#status")).to_contain_text("Stopped early", timeout=SLOW)


def test_several_pictures(app: Page) -> None:
    number(app, "Pictures", 3)
    generate(app, "a fox")
    expect(app.locator("#pictures figure img")).to_have_count(3)


def test_a_sweep_draws_a_picture_for_each_value(app: Page) -> None:
    generate(app, "a fox <lora:ghibli:sweep=0;0.5;1>")
    captions = app.locator("#pictures figcaption")
    expect(captions).to_have_text(["ghibli 0", "ghibli 0.5", "ghibli 1"])
    sources = [one.get_attribute("src") or "" for one in app.locator("#pictures img").all()]
    drawn = [pixels(app.request.get(urljoin(app.url, one)).body()) for one in sources]
    assert not np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[1], drawn[2])
    assert {re.search(r"-\d{6}-(\d+)(-\d+)?\.png$", one)[1] for one in sources} == {"7"}  # type: ignore[index]


def test_what_was_lost_is_seen_first_and_what_ran_is_folded(app: Page) -> None:
    generate(app, "a fox <lora:gibli:1> <lora:ghibli:0.8>")
    lost = app.locator("#report .live-lora-lost")
    expect(lost.get_by_role("heading")).to_have_text("Left out of the picture")
    expect(lost).to_contain_text("no LoRA is named 'gibli'", ignore_case=True)
    expect(app.locator("#report table")).to_be_hidden()
    app.locator("#report summary").click()
    expect(app.locator("#report table")).to_be_visible()


def test_problems_are_shown_where_they_are(app: Page) -> None:
    generate(app, "a fox <lora:gibli:1>")
    report = app.locator("#report")
    expect(report).to_contain_text("no LoRA is named 'gibli'", ignore_case=True)
    expect(report).to_contain_text("did you mean 'ghibli'")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_marked_place_can_be_read(app: Page, address: str, theme: str) -> None:
    """Dark letters on yellow in either theme: WCAG asks for a contrast of 4.5."""
    app.goto(f"{address}?__theme={theme}")
    ready(app)
    generate(app, "a fox <lora:gibli:1>")
    mark = app.locator("#report mark").first
    style = "it => [getComputedStyle(it).color, getComputedStyle(it).backgroundColor]"
    dark, light = sorted(map(luminance, mark.evaluate(style)))
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def luminance(colour: str) -> float:
    """Relative luminance of "rgb(r, g, b)" (WCAG 2.2)."""
    values = [int(one) / 255 for one in re.findall(r"\d+", colour)[:3]]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_cards_put_tags_in_and_out(app: Page) -> None:
    write(app, "a fox")
    tab = app.get_by_role("region", name="LoRA library")
    card = tab.get_by_role("gridcell").get_by_role("button", name="ghibli", exact=True)
    card.click()
    prompt = app.get_by_label("Prompt", exact=True)
    expect(prompt).to_have_value(re.compile(r"a fox.*<lora:ghibli:1>"))
    weight = tab.get_by_role("slider", name="ghibli weight")
    weight.press("ArrowLeft")
    expect(prompt).to_have_value(re.compile(r"<lora:ghibli:0\.95>"))
    card.click()
    expect(prompt).not_to_have_value(re.compile("lora"))


def test_rows_under_the_prompt(app: Page) -> None:
    write(app, "a fox <lora:ghibli:0.8>")
    panel = app.get_by_role("group", name="LoRAs in Prompt", exact=True)
    expect(panel.get_by_role("slider", name="ghibli weight")).to_have_value("0.8")


def test_previews_leave_nothing_on_the_disk(
    app: Page, tmp_path_factory: pytest.TempPathFactory
) -> None:
    generate(app, "a fox", steps=30)
    folders = sorted(tmp_path_factory.getbasetemp().glob("app*"))
    left = [path for path in temp(folders[-1]).rglob("*") if path.suffix in (".png", ".webp")]
    assert left == []


def test_a_reload_keeps_the_form_and_the_pictures(app: Page) -> None:
    first = generate(app, "a fox and a bird", steps=3, seed=11)
    app.reload()
    ready(app)
    expect(app.get_by_label("Prompt", exact=True)).to_have_value("a fox and a bird")
    expect(app.get_by_role("spinbutton", name="Steps")).to_have_value("3")
    expect(app.get_by_role("spinbutton", name="Seed")).to_have_value("11")
    address = app.locator("#pictures img").first.get_attribute("src")
    assert address
    assert app.request.get(urljoin(app.url, address)).body() == first


def test_a_reload_in_the_middle_keeps_the_form(app: Page) -> None:
    write(app, "a fox <lora:ghibli:0.6>")
    number(app, "Steps", 120)
    app.get_by_role("button", name="Generate").click()
    expect(app.locator("#status")).to_contain_text("Step", timeout=SLOW)
    app.reload()
    ready(app)
    expect(app.get_by_label("Prompt", exact=True)).to_have_value("a fox <lora:ghibli:0.6>")
    panel = app.get_by_role("group", name="LoRAs in Prompt", exact=True)
    expect(panel.get_by_role("slider", name="ghibli weight")).to_have_value("0.6")


def test_stop_is_for_ones_own_drawing(app: Page, address: str) -> None:
    """Two windows: the one whose order waits takes it back, the other's drawing goes on."""
    other = app.context.new_page()
    other.goto(address)
    ready(other)
    for page, steps in ((app, 150), (other, 2)):
        write(page, "a fox")
        number(page, "Steps", steps)
        page.get_by_role("button", name="Generate").click()
        if page is app:
            expect(app.locator("#status")).to_contain_text("Step", timeout=SLOW)
    expect(other.locator("#status")).to_contain_text("Waiting for the drawing before this one")
    other.get_by_role("button", name="Stop").click()
    expect(app.locator("#status")).to_contain_text("Step")
    app.get_by_role("button", name="Stop").click()
    expect(app.locator("#status")).to_contain_text("Stopped early", timeout=SLOW)
    expect(other.locator("#status")).to_contain_text("Taken back", timeout=SLOW)
    other.close()


ATTACK = """async address => {
    const json = {'Content-Type': 'application/json'};
    const form = new FormData();
    form.append('files', new Blob(['x'.repeat(1000)]), 'x.bin');
    const tries = [
        ['live-lora/refresh', {method: 'POST', headers: json, body: '{}'}],
        ['gradio_api/call/draw', {method: 'POST', headers: json, body: '{"data": []}'}],
        ['gradio_api/call/end', {method: 'POST', headers: json, body: '{"data": []}'}],
        ['gradio_api/queue/join', {method: 'POST', mode: 'no-cors', body: '{}'}],
        ['gradio_api/upload', {method: 'POST', mode: 'no-cors', body: form}],
        ['live-lora/library', {}],
        ['live-lora/library', {mode: 'no-cors'}],
    ];
    const read = [];
    for (const [path, options] of tries) {
        try { read.push((await fetch(address + path, options)).status); }
        catch { read.push('refused'); }
    }
    return read;
}"""


class Hello(BaseHTTPRequestHandler):
    """Another page of this machine; with a path, one that frames what the path names."""

    def do_GET(self) -> None:
        framed = self.path.removeprefix("/")
        body = f'<iframe src="{framed}"></iframe>' if framed else "hello"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[int]:
    """The port of another program on this machine that serves a page."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Hello) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "evil.test"])
def test_other_pages_can_do_nothing(app: Page, address: str, elsewhere: int, name: str) -> None:
    page = app.context.new_page()
    statuses: list[int] = []
    page.on(
        "response", lambda answer: answer.url.startswith(address) and statuses.append(answer.status)
    )
    page.goto(f"http://{name}:{elsewhere}/")
    read = page.evaluate(ATTACK, address)
    page.close()
    assert set(read) <= {"refused", 0}
    assert statuses, "the requests came through to the app"
    assert set(statuses) == {403}


def test_the_page_cannot_be_framed(app: Page, address: str, elsewhere: int) -> None:
    page = app.context.new_page()
    page.goto(f"{LOCAL}{elsewhere}/{address}")
    page.wait_for_timeout(500)
    assert all("Live LoRA" not in frame.content() for frame in page.frames[1:])
    page.close()


def test_other_names_of_this_machine_are_refused(address: str, app: Page) -> None:
    answer = app.request.get(address, headers={"Host": "evil.example"})
    assert answer.status == 400

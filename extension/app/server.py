"""`live-lora app`: the page on this machine's own address."""

from __future__ import annotations

import mimetypes
import os
import socket
import sys
import webbrowser
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

import gradio as gr
import uvicorn
from fastapi import FastAPI
from platformdirs import user_cache_path, user_data_path
from starlette.types import ASGIApp

from ..browser.routes import router
from ..browser.shelf import CHECKPOINT, INVERSION, Shelves, open_shelves
from ..errors import LiveLoraError
from ..library.background import Background
from ..library.bulk.moves import recover
from . import html, page
from .generator import Generator
from .guard import Guard
from .library_command import data_folder
from .opening import EMBEDDINGS, named_folders, open_generator
from .pictures import Pictures
from .pictures import router as pictures_router

HOST = "127.0.0.1"
PORT = 7860
TRIES = 20
LARGEST_UPLOAD = "64mb"  # a picture to begin with, or to read settings from
HEAD = '<script type="module" src="live-lora/static/main.mjs"></script>'
# gradio puts its own selector behind every comma, also inside `:is(…)`.
CSS = """
#library { position: sticky; top: 0; align-self: flex-start }
#status progress { appearance: none; display: block; width: 100%; height: .5rem; border: 0 }
#status progress, #status progress::-webkit-progress-bar { background: var(--border-color-primary) }
#status progress::-webkit-progress-value { background: var(--color-accent) }
#status progress::-moz-progress-bar { background: var(--color-accent) }
#report table { width: 100%; text-align: left }
#report code { white-space: normal; overflow-wrap: anywhere }
.live-lora-problem { color: #b91c1c }
.dark .live-lora-problem { color: #fca5a5 }
.live-lora-warning { color: #92400e }
.dark .live-lora-warning { color: #fcd34d }
#report section { margin-block: .5rem; padding: .5rem .75rem; border-radius: .5rem }
#report section { border: 1px solid var(--border-color-primary) }
#report section.live-lora-lost { border-inline-start: 4px solid #dc2626 }
#report h4 { margin: 0 0 .25rem }
#report section p { margin-block: .25rem }
#report summary { cursor: pointer }
#report table, #report tr, #report th, #report td { border: 0; border-collapse: collapse }
#report th, #report td { padding: .25rem .5rem .25rem 0 }
#report .prose > details > table tr { border-top: 1px solid var(--border-color-primary) }
@media (max-width: 600px) {
  #report .prose > details > table { display: block }
  #report .prose > details > table tr, #report .prose > details > table tbody { display: block }
  #report .prose > details > table tr > * { display: block; padding: 0 }
  #report .prose > details > table tr:first-child { display: none }
  #report .prose > details > table tr { padding-block: .25rem }
}
mark { background: #fde047; color: #18181b }
.live-lora-pictures { display: grid; gap: .5rem }
.live-lora-pictures { grid-template-columns: repeat(auto-fit, minmax(min(100%, 12rem), 1fr)) }
.live-lora-pictures figure { margin: 0 }
#pictures a { display: block; padding: 0 }
.live-lora-pictures img { width: 100%; max-height: 70vh; object-fit: contain; margin: 0 }
#pictures:not(:has(img)), #report:not(:has(.prose > *)) { display: none }
.live-lora-pictures figcaption { font-size: .8rem; overflow-wrap: anywhere; opacity: .8 }
"""


def run(options: Namespace) -> int:
    """Serves until it is interrupted."""
    with listening(options.port) as place, private_temp():
        generator = open_generator(options)
        with page_of(generator, options) as page:
            serve(page, place, browse=not options.no_browser)
    return 0


@contextmanager
def page_of(generator: Generator, options: Namespace) -> Iterator[FastAPI]:
    """The app; its library is looked through meanwhile."""
    for folder in generator.catalog.folders:
        recover(folder)
    pictures = Pictures(options.output_dir or user_data_path("live-lora") / "pictures")
    print(f"pictures are kept in {pictures.folder}", file=sys.stderr)
    background = Background(generator.catalog, busy=generator.is_drawing)
    background.start()
    try:
        yield application(generator, pictures, shown_beside(options))
    finally:
        background.stop()


def shown_beside(options: Namespace) -> Shelves:
    """The textual inversions that prompts can name, and checkpoints where they are asked for."""
    folders = {
        INVERSION: named_folders("--embedding-dir", options.embedding_dir, EMBEDDINGS),
        CHECKPOINT: list(options.checkpoint_dir or ()),
    }
    return open_shelves(folders, user_cache_path("live-lora"))


def application(generator: Generator, pictures: Pictures, shelves: Shelves) -> FastAPI:
    """The page, the routes of its LoRA tab, and the pictures that were kept."""
    mimetypes.add_type("text/javascript", ".mjs")  # some systems do not know it
    app = FastAPI(openapi_url=None)
    app.add_middleware(Guard, names=(HOST, "localhost"))
    library = router(
        lambda: generator.catalog,
        model_of=lambda: generator.checkpoint.base,
        prefetch=generator.prefetch,
        shelves_of=lambda: shelves,
        data=data_folder(),
        moving=generator.moving,
        masks_of=lambda: generator.mask_pictures,
        measured=generator.measured,
        effect_of=generator.effect_of,
    )
    app.include_router(pictures_router(pictures), prefix=f"/{html.PICTURES}")
    app.include_router(library, prefix="/live-lora")
    gr.mount_gradio_app(
        app,
        page.build(generator, pictures),
        path="/",
        server_name=HOST,
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        theme=gr.themes.Default(**page.FONTS),
        css=CSS,
        head=HEAD,
        max_file_size=LARGEST_UPLOAD,
    )
    return app


@contextmanager
def private_temp() -> Iterator[None]:
    """What gradio writes meanwhile is nobody else's to read, and is gone afterwards."""
    with TemporaryDirectory(prefix="live-lora-") as folder:  # 0700
        os.environ["GRADIO_TEMP_DIR"] = folder
        yield


def listening(port: int | None) -> socket.socket:
    """A bound socket: the port asked for, or the first free one from 7860 on."""
    for number in [port] if port is not None else range(PORT, PORT + TRIES):
        place = socket.socket()
        if sys.platform != "win32":  # there it would let two programs have one port
            place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            place.bind((HOST, number))
        except OSError as error:
            place.close()
            if port is not None:
                raise LiveLoraError(f"port {port} cannot be used: {error.strerror}") from error
        else:
            return place
    raise LiveLoraError(
        f"ports {PORT} to {PORT + TRIES - 1} are all in use: choose another with --port"
    )


def serve(app: ASGIApp, place: socket.socket, *, browse: bool) -> None:
    """Says where the page is, and opens a browser, once requests are answered."""
    address = f"http://{HOST}:{place.getsockname()[1]}/"

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            announce(address, browse=browse)

    Server(uvicorn.Config(app, log_level="warning")).run([place])


def announce(address: str, *, browse: bool) -> None:
    print(f"Live LoRA: {address}", file=sys.stderr, flush=True)
    if browse:
        webbrowser.open(address)

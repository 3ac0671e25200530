"""A stand-in for the hosts: prompts and tab as the webui and the app build them, in any gradio.

Run as a program by `conftest.py`, in the tests' own Python or in one that holds an older gradio:
`python app.py PORT`. Of the package it takes only `browser/tab.py` and the static files.
"""

from __future__ import annotations

import importlib.util
import mimetypes
import sys
from pathlib import Path
from types import ModuleType

import fastapi
import gradio as gr
import uvicorn
from fastapi.staticfiles import StaticFiles

ROOT = Path(__file__).resolve().parent.parent.parent
BROWSER = ROOT / "extension" / "browser"
SCRIPT = '<script type="module" src="/live_lora.mjs"></script>'
PROMPTS = ("txt2img", "img2img")


def load_tab() -> ModuleType:
    """`browser/tab.py` by itself: older gradios come without the package's other needs."""
    spec = importlib.util.spec_from_file_location("tab", BROWSER / "tab.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def prompt(name: str, part: str, label: str) -> gr.Textbox:
    """A prompt as the webui makes it: in a row of its own, found by its class."""
    with gr.Row(elem_id=f"{name}_{part}_row", elem_classes=["prompt-row"]):
        return gr.Textbox(
            label=label,
            show_label=False,
            lines=3,
            elem_id=f"{name}_{part}",
            elem_classes=["prompt"],
        )


def host_tab(name: str) -> None:
    """One of the webui's tabs, with buttons that change and read the prompt through Python."""
    box = prompt(name, "prompt", "Prompt")
    prompt(name, "neg_prompt", "Negative prompt")
    seen = gr.Textbox(label="Seen by Python", elem_id=f"{name}_seen", interactive=False)
    gr.Button("Generate", elem_id=f"{name}_generate").click(lambda text: text, box, seen)
    style = gr.Button("Style", elem_id=f"{name}_style")
    style.click(lambda text: text + " <lora:ghibli:0.3>", box, box)
    gr.Button("Clear", elem_id=f"{name}_clear").click(lambda: "", None, box)


def page() -> gr.Blocks:
    """Tabs as in the webui: txt2img, img2img, LoRA; and one with a prompt in a plain column."""
    with gr.Blocks(title="stand-in") as blocks, gr.Tabs(elem_id="tabs"):
        for name in PROMPTS:
            with gr.Tab(name, elem_id=f"tab_{name}"):
                host_tab(name)
        with gr.Tab("LoRA", elem_id="tab_live_lora"):
            load_tab().build()
        with gr.Tab("app", elem_id="tab_app"), gr.Column():
            gr.Textbox(label="App prompt", lines=3, elem_id="app", elem_classes=["prompt"])
    return blocks


class Scripted:
    """Puts our script into the page's head, as the webui does, in every gradio."""

    def __init__(self, app: object) -> None:
        self.app = app

    async def __call__(self, scope: dict, receive: object, send: object) -> None:  # type: ignore[type-arg]
        if scope["type"] != "http" or scope["path"] != "/":
            await self.app(scope, receive, send)  # type: ignore[operator]
            return
        scope["headers"] = [item for item in scope["headers"] if item[0] != b"accept-encoding"]
        parts: list[dict] = []  # type: ignore[type-arg]

        async def keep(message: dict) -> None:  # type: ignore[type-arg]
            parts.append(message)

        await self.app(scope, receive, keep)  # type: ignore[operator]
        body = b"".join(part.get("body", b"") for part in parts)
        body = body.replace(b"</head>", SCRIPT.encode() + b"</head>")
        headers = [item for item in parts[0]["headers"] if item[0] != b"content-length"]
        await send({**parts[0], "headers": headers})  # type: ignore[operator]
        await send({"type": "http.response.body", "body": body})  # type: ignore[operator]


def build() -> Scripted:
    """The whole application, as ASGI."""
    mimetypes.add_type("application/javascript", ".mjs")
    app = fastapi.FastAPI()

    @app.get("/live_lora.mjs")
    def entry() -> fastapi.responses.FileResponse:
        path = ROOT / "javascript" / "live_lora.mjs"
        return fastapi.responses.FileResponse(path, media_type="application/javascript")

    app.mount("/live-lora/static", StaticFiles(directory=BROWSER / "static"))
    blocks = page()
    blocks.queue()
    return Scripted(gr.mount_gradio_app(app, blocks, path="/"))


if __name__ == "__main__":
    uvicorn.run(build(), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")

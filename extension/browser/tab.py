"""The LoRA tab's place in a gradio page: one empty element, alike in gradio 3.41, 4.40 and 6.

Everything else is `static/main.mjs`, which finds this element, and every prompt: a textarea inside
an element of class `prompt` (`gr.Textbox(elem_classes=["prompt"])`), as the webui's are.
"""

from __future__ import annotations

import html
import json
from pathlib import Path

import gradio as gr

TITLE = "LoRA"
ELEM_ID = "live_lora"
LANGUAGES = Path(__file__).parent / "static" / "languages"


def build(language: str = "en") -> gr.HTML:
    """The mount point; call it inside the Blocks, Tab or Column that the tab goes into."""
    return gr.HTML(mount(language))


def tabs(language: str = "en") -> list[tuple[gr.Blocks, str, str]]:
    """What the webui's `on_ui_tabs` wants: (blocks, title, elem_id)."""
    return _tab(mount(language))


def mount(language: str = "en") -> str:
    """The tab's own place."""
    return f'<div id="live-lora-tab">{loading(language)}</div>'


def place(language: str = "en") -> str:
    """Another place in the page, any number of times: the library moves to the one in sight."""
    return f'<div class="live-lora-place">{loading(language)}</div>'


def loading(language: str) -> str:
    """What a place says until the page's modules are there; in English where it is no language."""
    file = LANGUAGES / f"{language.replace('-', '_').partition('_')[0]}.json"
    known = file if file in LANGUAGES.iterdir() else LANGUAGES / "en.json"
    said: str = json.loads(known.read_text(encoding="utf-8"))["tab.loading"]
    return "<p>" + html.escape(said).replace("{path}", "<code>live-lora/</code>") + "</p>"


def saying(text: str) -> list[tuple[gr.Blocks, str, str]]:
    """The tab in a program that has none of our routes: this text."""
    return _tab(f"<p>{html.escape(text)}</p>")


def _tab(content: str) -> list[tuple[gr.Blocks, str, str]]:
    with gr.Blocks(analytics_enabled=False) as blocks:
        gr.HTML(content)
    return [(blocks, TITLE, ELEM_ID)]

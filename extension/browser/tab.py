"""The LoRA tab's place in a gradio page: one empty element, alike in gradio 3.41, 4.40 and 6.

Everything else is `static/main.mjs`, which finds this element, and every prompt: a textarea inside
an element of class `prompt` (`gr.Textbox(elem_classes=["prompt"])`), as the webui's are.
"""

from __future__ import annotations

import html

import gradio as gr

TITLE = "LoRA"
ELEM_ID = "live_lora"
LOADING = (
    "<p>Loading the LoRA tab… If this stays, the page could not reach"
    " the program's own routes under <code>live-lora/</code>.</p>"
)
MOUNT = f'<div id="live-lora-tab">{LOADING}</div>'
# Another place in the same page, any number of times: the library moves to the one in sight.
PLACE = f'<div class="live-lora-place">{LOADING}</div>'


def build() -> gr.HTML:
    """The mount point; call it inside the Blocks, Tab or Column that the tab goes into."""
    return gr.HTML(MOUNT)


def tabs() -> list[tuple[gr.Blocks, str, str]]:
    """What the webui's `on_ui_tabs` wants: (blocks, title, elem_id)."""
    return _tab(MOUNT)


def saying(text: str) -> list[tuple[gr.Blocks, str, str]]:
    """The tab in a program that has none of our routes: this text."""
    return _tab(f"<p>{html.escape(text)}</p>")


def _tab(content: str) -> list[tuple[gr.Blocks, str, str]]:
    with gr.Blocks(analytics_enabled=False) as blocks:
        gr.HTML(content)
    return [(blocks, TITLE, ELEM_ID)]

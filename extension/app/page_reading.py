"""What the page reads: settings from a text or a picture, and how many tokens prompts have."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any, Protocol

import gradio as gr

from ..browser.wording import ENGLISH, Wording
from ..errors import LiveLoraError
from . import html
from .drawing_options import infotext_of
from .generator import Generator
from .infotext_reading import BegunWith, ReadInfotext, read_infotext
from .known_inversions import with_inversions_checked
from .page_words import wording_of
from .request import HiresFix


class ReadablePage(Protocol):
    """What of the page is needed to read settings and to count tokens."""

    generator: Generator
    prompt: gr.Textbox
    negative: gr.Textbox
    status: gr.HTML
    tokens: gr.HTML
    read: gr.Button
    upload: gr.UploadButton

    @property
    def form(self) -> list[gr.components.Component]: ...


def connect_reading(page: ReadablePage) -> None:
    """The buttons that take settings from the prompt's text, or from a picture."""
    count, guidance = len(page.form), page.generator.checkpoint.guidance

    def settings_of(read: Callable[[], ReadInfotext], asked: gr.Request) -> list[Any]:
        try:
            found = with_inversions_checked(read(), page.generator.live.embeddings.scan())
        except (LiveLoraError, OSError) as error:
            return [html.failed(str(error)), *[gr.skip()] * count]
        return [told(found, wording_of(asked)), *form_of(found, guidance)]

    told_to: Any = {"outputs": [page.status, *page.form], "queue": False}
    masks = page.generator.mask_pictures

    def from_text(asked: gr.Request, text: str) -> list[Any]:
        return settings_of(lambda: read_infotext(text, masks), asked)

    def from_picture(asked: gr.Request, path: str) -> list[Any]:
        return settings_of(lambda: infotext_of(Path(path), masks), asked)

    page.read.click(from_text, [page.prompt], **told_to)
    page.upload.upload(from_picture, [page.upload], **told_to)


def connect_counting(page: ReadablePage) -> None:
    """The numbers of tokens under the prompts, whenever these change."""
    texts = [page.prompt, page.negative]

    def counted(asked: gr.Request, *texts: str) -> str:
        return html.tokens(map(page.generator.tokens, texts), wording_of(asked))

    gr.on(
        [text.change for text in texts],
        counted,
        texts,
        [page.tokens],
        queue=False,
        show_progress="hidden",
        trigger_mode="always_last",
    )


def form_of(read: ReadInfotext, guidance: float) -> list[Any]:
    """The whole page's values for a request that was read; `guidance` is the model's own."""
    request = read.request
    hires, begun = request.hires, read.begun or BegunWith()
    shown = hires or HiresFix()
    return [
        *(request.prompts[0], request.negative, request.steps),
        guidance if request.guidance is None else request.guidance,
        *(request.width or gr.skip(), request.height or gr.skip()),
        *(-1 if request.seed is None else request.seed, 1),
        *(request.sampler, request.schedule or "Automatic", request.emphasis, request.clip_skip),
        *(hires is not None, shown.scale, shown.strength, shown.steps or 0, shown.upscaler),
        *(shown.prompt, shown.negative, shown.sampler, shown.schedule),
        *(begun.strength, begun.blur, begun.fill, begun.inverted),
        *(begun.only_masked, begun.padding, begun.resize, gr.skip(), gr.skip(), gr.skip()),
    ]


def told(read: ReadInfotext, say: Wording = ENGLISH) -> str:
    """What the status says."""
    notes = "; ".join(read.notes)
    said = say("app.read_notes", notes=notes) if notes else say("app.read_done")
    return html.status(escape(said))

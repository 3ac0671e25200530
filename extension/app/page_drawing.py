"""The page's further settings: sampler, words, hires fix, a picture to begin with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any, Protocol

import gradio as gr

from ..browser.wording import ENGLISH, Wording
from ..encoding.settings import EMPHASIS_MODES
from ..errors import LiveLoraError
from . import html
from .drawing_options import FILLS, infotext_of
from .generator import Generator
from .infotext_reading import BegunWith, ReadInfotext, read_infotext
from .known_inversions import with_inversions_checked
from .latents import UPSCALERS
from .page_words import PageWords, wording_of
from .request import GenerationRequest, HiresFix, StartingPicture
from .samplers import SCHEDULES
from .sampling.sampler_list import SAMPLERS
from .sampling.schedule_types import AUTOMATIC


class DrawingForm:
    """The components, and what a request says with them; `components` is their order."""

    def __init__(self, own_sampler: str, words: PageWords) -> None:
        make = words.make
        with gr.Row():
            self._add_sampler(own_sampler, words)
            kinds = list(SCHEDULES)
            self.schedule = make(
                gr.Dropdown, kinds, value=AUTOMATIC, label="app.schedule", elem_id="schedule"
            )
        self._add_hires(words)
        self._add_start(words)
        with make(gr.Accordion, label="app.words", open=False, elem_id="words"), gr.Row():
            modes = list(EMPHASIS_MODES)
            self.emphasis = make(gr.Dropdown, modes, value="Original", label="app.emphasis")
            self.clip_skip = make(gr.Slider, 1, 12, 1, step=1, label="app.clip_skip")

    def _add_hires(self, words: PageWords) -> None:
        make = words.make
        with make(gr.Accordion, label="app.hires", open=False, elem_id="hires"):
            self.hires = make(gr.Checkbox, False, label="app.hires_on")
            with gr.Row():
                self.scale = make(gr.Slider, 1, 4, 2, step=0.05, label="app.hires_scale")
                self.hires_strength = make(
                    gr.Slider, 0, 1, 0.7, step=0.01, label="app.hires_strength"
                )
            with gr.Row():
                self.hires_steps = make(gr.Slider, 0, 150, 0, step=1, label="app.hires_steps")
                self.upscaler = make(
                    gr.Dropdown, list(UPSCALERS), value="Latent", label="app.upscaler"
                )
            with gr.Row():
                self.hires_sampler = _or_the_same(words, "app.hires_sampler", SAMPLERS)
                self.hires_schedule = _or_the_same(words, "app.hires_schedule", SCHEDULES)
            self.hires_prompt = _second_text(words, "app.hires_prompt")
            self.hires_negative = _second_text(words, "app.hires_neg_prompt")

    def _add_start(self, words: PageWords) -> None:
        make = words.make
        with make(gr.Accordion, label="app.start", open=False, elem_id="start"):
            with gr.Row():
                self.image = make(gr.Image, type="pil", label="app.picture", elem_id="start_image")
                self.mask = make(
                    gr.Image, type="pil", image_mode=None, label="app.mask", elem_id="mask"
                )
            with gr.Row():
                self.strength = make(gr.Slider, 0, 1, 0.75, step=0.01, label="app.strength")
                self.blur = make(gr.Slider, 0, 64, 4, step=1, label="app.mask_blur")
            with gr.Row():
                self.fill = make(
                    gr.Dropdown, list(FILLS), value="original", label="app.masked_content"
                )
                self.inverted = make(gr.Checkbox, False, label="app.mask_inverted")

    def _add_sampler(self, own: str, words: PageWords) -> None:
        others = [(name, name) for name in SAMPLERS]

        def choices(say: Wording) -> list[tuple[str, str]]:
            return [(say("app.own_sampler", name=own), ""), *others]

        label, place = ENGLISH("app.sampler"), "sampler"
        self.sampler = gr.Dropdown(choices(ENGLISH), value="", label=label, elem_id=place)
        words.add(
            self.sampler, lambda say: gr.update(choices=choices(say), label=say("app.sampler"))
        )

    @property
    def components(self) -> list[gr.components.Component]:
        return [
            *(self.sampler, self.schedule, self.emphasis, self.clip_skip),
            *(self.hires, self.scale, self.hires_strength, self.hires_steps, self.upscaler),
            *(self.hires_prompt, self.hires_negative, self.hires_sampler, self.hires_schedule),
            *(self.strength, self.blur, self.fill, self.inverted, self.image, self.mask),
        ]


def _second_text(words: PageWords, key: str) -> gr.Textbox:
    """A prompt of the second pass; the LoRA tab knows prompts by their class."""
    place = key.removeprefix("app.")
    return words.make(gr.Textbox, label=key, lines=2, elem_id=place, elem_classes=["prompt"])


def _or_the_same(words: PageWords, key: str, known: Iterable[str]) -> gr.Dropdown:
    """A choice of the second pass; empty for that of the first."""
    every = [(one, one) for one in known]

    def choices(say: Wording) -> list[tuple[str, str]]:
        return [(say("app.hires_same"), ""), *every]

    place = key.removeprefix("app.")
    made: gr.Dropdown = gr.Dropdown(choices(ENGLISH), value="", label=ENGLISH(key), elem_id=place)
    words.add(made, lambda say: gr.update(choices=choices(say), label=say(key)))
    return made


def remembered(values: Sequence[Any]) -> list[Any]:
    """A form's values as a browser can keep them: all but its pictures."""
    return [one if isinstance(one, (str, int, float, bool)) else None for one in values]


def extended(request: GenerationRequest, values: Sequence[Any]) -> GenerationRequest:
    """The request with the values of `DrawingForm.components`."""
    (sampler, schedule, emphasis, clip_skip), values = values[:4], values[4:]
    (hires, scale, again, steps, upscaler, *words), start = values[:9], values[9:]
    strength, blur, fill, inverted, image, mask = start
    second = HiresFix(scale, again, int(steps) or None, upscaler, *(one or "" for one in words))
    return replace(
        request,
        sampler=sampler or "",
        schedule=schedule if sampler else "",
        emphasis=emphasis,
        clip_skip=int(clip_skip),
        hires=second if hires else None,
        start=None
        if image is None
        else StartingPicture(image, mask, strength, blur, fill, bool(inverted)),
    )


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
        *(begun.strength, begun.blur, begun.fill, begun.inverted, gr.skip(), gr.skip()),
    ]


def told(read: ReadInfotext, say: Wording = ENGLISH) -> str:
    """What the status says."""
    notes = "; ".join(read.notes)
    said = say("app.read_notes", notes=notes) if notes else say("app.read_done")
    return html.status(escape(said))

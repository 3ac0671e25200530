"""The page's further settings: sampler, words, hires fix, a picture to begin with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr

from ..browser.wording import ENGLISH, Wording
from ..encoding.settings import EMPHASIS_MODES
from .latents import UPSCALERS
from .page_words import PageWords, wording_of
from .request import GenerationRequest, HiresFix, StartingPicture
from .samplers import SCHEDULES
from .sampling.sampler_list import SAMPLERS
from .sampling.schedule_types import AUTOMATIC
from .start_choices import FILLS, RESIZE_MODES

PICTURE_HEIGHT = 240  # pixels; of its own accord gradio's box is lower than a picture
SAME_WIDTH = 220  # pixels that "The same as the first time" needs


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
        self._add_measuring(words)
        with make(gr.Accordion, label="app.words", open=False, elem_id="words"), gr.Row():
            modes = list(EMPHASIS_MODES)
            self.emphasis = make(gr.Dropdown, modes, value="Original", label="app.emphasis")
            self.clip_skip = make(gr.Slider, 1, 12, 1, step=1, label="app.clip_skip")

    def _add_hires(self, words: PageWords) -> None:
        """Its switch is always seen: a text that was read may turn it on. The rest only then."""
        make = words.make
        with gr.Group():
            self.hires = make(
                gr.Checkbox, False, label="app.hires", info="app.hires_on", elem_id="hires"
            )
            with gr.Column(visible=False, elem_id="hires_settings") as settings:
                self._add_second_pass(words)
        self.hires.change(
            lambda on: gr.update(visible=on),
            [self.hires],
            [settings],
            queue=False,
            show_progress="hidden",
        )

    def _add_second_pass(self, words: PageWords) -> None:
        make = words.make
        with gr.Row():
            self.scale = make(gr.Slider, 1, 4, 2, step=0.05, label="app.hires_scale")
            self.hires_strength = make(gr.Slider, 0, 1, 0.7, step=0.01, label="app.hires_strength")
        with gr.Row():
            self.hires_steps = make(gr.Slider, 0, 150, 0, step=1, label="app.hires_steps")
            self.upscaler = make(gr.Dropdown, list(UPSCALERS), value="Latent", label="app.upscaler")
        with gr.Row():
            self.hires_sampler = _or_the_same(words, "app.hires_sampler", SAMPLERS)
            self.hires_schedule = _or_the_same(words, "app.hires_schedule", SCHEDULES)
        self.hires_prompt = _second_text(words, "app.hires_prompt")
        self.hires_negative = _second_text(words, "app.hires_neg_prompt")

    def _add_start(self, words: PageWords) -> None:
        make = words.make
        with make(gr.Accordion, label="app.start", open=False, elem_id="start") as start:
            with gr.Row():
                shown = {"type": "pil", "height": PICTURE_HEIGHT}
                self.image = make(gr.Image, label="app.picture", elem_id="start_image", **shown)
                self.mask = make(
                    gr.Image, image_mode=None, label="app.mask", elem_id="mask", **shown
                )
            with gr.Row():
                self.strength = make(gr.Slider, 0, 1, 0.75, step=0.01, label="app.strength")
                self.resize = make(
                    gr.Dropdown, list(RESIZE_MODES), value=RESIZE_MODES[0], label="app.resize_mode"
                )
            with gr.Row():
                self.blur = make(gr.Slider, 0, 64, 4, step=1, label="app.mask_blur")
                self.fill = make(
                    gr.Dropdown, list(FILLS), value="original", label="app.masked_content"
                )
            with gr.Row():
                with gr.Column():
                    self.inverted = make(gr.Checkbox, False, label="app.mask_inverted")
                    self.only_masked = make(gr.Checkbox, False, label="app.only_masked")
                self.padding = make(gr.Slider, 0, 256, 32, step=4, label="app.mask_padding")
        self.image.change(_start_label, [self.image], [start], queue=False, show_progress="hidden")

    def _add_measuring(self, words: PageWords) -> None:
        self.measure = words.make(gr.Checkbox, False, label="app.measure", elem_id="measure")

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
            *(self.strength, self.blur, self.fill, self.inverted, self.only_masked, self.padding),
            *(self.resize, self.image, self.mask, self.measure),
        ]


def _start_label(image: Any, page: gr.Request) -> Any:
    """Folded, too, it says that there is a picture to begin with."""
    return gr.update(label=wording_of(page)("app.start" if image is None else "app.start_on"))


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
    shown: Any = {"value": "", "label": ENGLISH(key), "elem_id": place, "min_width": SAME_WIDTH}
    made: gr.Dropdown = gr.Dropdown(choices(ENGLISH), **shown)
    words.add(made, lambda say: gr.update(choices=choices(say), label=say(key)))
    return made


def pictures_in(memory: Any) -> list[str]:
    """The names that a browser remembered: whatever it sends, text only."""
    names = memory.get("pictures") if isinstance(memory, dict) else None
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def remembered(values: Sequence[Any]) -> list[Any]:
    """A form's values as a browser can keep them: all but its pictures."""
    return [one if isinstance(one, (str, int, float, bool)) else None for one in values]


def extended(request: GenerationRequest, values: Sequence[Any]) -> GenerationRequest:
    """The request with the values of `DrawingForm.components`."""
    (sampler, schedule, emphasis, clip_skip), values = values[:4], values[4:]
    (hires, scale, again, steps, upscaler, *words), start = values[:9], values[9:]
    *begun, image, mask, measure = start
    second = HiresFix(scale, again, int(steps) or None, upscaler, *(one or "" for one in words))
    return replace(
        request,
        measure=bool(measure),
        sampler=sampler or "",
        schedule=schedule if sampler else "",
        emphasis=emphasis,
        clip_skip=int(clip_skip),
        hires=second if hires else None,
        start=None if image is None else _start(image, mask, *begun),
    )


def _start(
    image: Any,
    mask: Any,
    strength: float,
    blur: float,
    fill: str,
    inverted: bool,
    only_masked: bool,
    padding: float,
    resize: str,
) -> StartingPicture:
    told = (strength, blur, fill, bool(inverted), bool(only_masked), int(padding), resize)
    return StartingPicture(image, mask, *told)

"""The page: prompts, settings, the picture as it comes, what ran, and the LoRA tab."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import gradio as gr

from ..browser import tab
from ..errors import LiveLoraError
from . import html
from .generation_thread import GenerationThread
from .generator import Generator
from .request import GenerationRequest, StepPreview

LOG = logging.getLogger(__name__)
MOST_PICTURES = 16
MOST_STEPS = 150
# The default theme fetches its fonts from a server.
FONTS = {"font": ["system-ui", "sans-serif"], "font_mono": ["ui-monospace", "monospace"]}


class Page:
    """The components, made inside a `gr.Blocks`, and what they do."""

    def __init__(self, generator: Generator) -> None:
        self.generator = generator
        self.head()
        with gr.Row():
            with gr.Column(scale=3):
                self.prompts()
                self.buttons()
                self.settings()
            with gr.Column(scale=2):
                self.results()
        gr.Markdown("## LoRA")
        tab.build()
        self.connect()

    def head(self) -> None:
        checkpoint = self.generator.checkpoint
        gr.HTML(html.title(checkpoint.name, checkpoint.pipeline.device.type, checkpoint.notes))

    def prompts(self) -> None:
        """The LoRA tab knows prompts by their class."""
        self.prompt = gr.Textbox(
            self.generator.checkpoint.example,
            label="Prompt",
            lines=3,
            elem_id="prompt",
            elem_classes=["prompt"],
        )
        self.negative = gr.Textbox(
            label="Negative prompt", lines=2, elem_id="negative_prompt", elem_classes=["prompt"]
        )

    def buttons(self) -> None:
        with gr.Row():
            self.generate = gr.Button("Generate", variant="primary", elem_id="generate")
            self.stop = gr.Button("Stop", elem_id="stop")

    def settings(self) -> None:
        width, height = self.generator.checkpoint.size
        most, usual = 2 * max(width, 128), self.generator.checkpoint.guidance
        with gr.Row():
            self.steps = gr.Slider(1, MOST_STEPS, 20, step=1, label="Steps")
            self.guidance = gr.Slider(1, 30, usual, step=0.5, label="Guidance")
        with gr.Row():
            self.width = gr.Slider(64, most, width, step=8, label="Width")
            self.height = gr.Slider(64, most, height, step=8, label="Height")
        with gr.Row():
            self.seed = gr.Number(-1, precision=0, label="Seed", info="-1: another one each time")
            self.count = gr.Slider(1, MOST_PICTURES, 1, step=1, label="Pictures")

    def results(self) -> None:
        self.status = gr.HTML(html.ready(), elem_id="status")
        self.gallery = gr.Gallery(
            label="Pictures", format="png", object_fit="contain", elem_id="pictures"
        )
        self.report = gr.HTML(elem_id="report")

    def connect(self) -> None:
        """Generate by the button or Shift+Enter; Stop ends after the present step."""
        gr.on(
            [self.generate.click, self.prompt.submit, self.negative.submit],
            self.draw,
            [
                self.prompt,
                self.negative,
                self.steps,
                self.guidance,
                self.width,
                self.height,
                self.seed,
                self.count,
            ],
            [self.status, self.gallery, self.report],
            concurrency_limit=1,
            show_progress="hidden",  # the status shows it
        )
        self.stop.click(self.generator.stop, queue=False)

    def draw(
        self,
        prompt: str,
        negative: str,
        steps: float,
        guidance: float,
        width: float,
        height: float,
        seed: float | None,
        count: float,
    ) -> Iterator[tuple[Any, Any, Any]]:
        """What status, gallery and report show, step by step."""
        request = GenerationRequest(
            prompts=(prompt,) * int(count),
            negative=negative,
            steps=int(steps),
            seed=None if seed is None or seed < 0 else int(seed),
            width=int(width),
            height=int(height),
            guidance=guidance,
        )
        yield html.working("Reading the LoRAs …"), gr.skip(), ""
        with GenerationThread(self.generator, request) as drawing:
            for step in drawing:
                yield self.step(step)
            yield self.result(drawing)

    def step(self, step: StepPreview) -> tuple[Any, Any, Any]:
        look = list(step.preview) or gr.skip()
        return html.progress(step.step, step.steps), look, gr.skip()

    def result(self, drawing: GenerationThread) -> tuple[Any, Any, Any]:
        try:
            result = drawing.result()
        except LiveLoraError as error:
            return html.failed(str(error)), gr.skip(), ""
        except Exception as error:
            LOG.exception("a picture could not be drawn")
            return html.failed(f"{type(error).__name__}: {error}"), gr.skip(), ""
        seeds = result.request.seeds
        named = zip(result.images, seeds, strict=True)
        pictures = [(image, f"seed {seed}") for image, seed in named]
        return html.done(result), pictures, html.report(result.report)


def build(generator: Generator) -> gr.Blocks:
    """The whole page."""
    blocks: gr.Blocks = gr.Blocks(title="Live LoRA", analytics_enabled=False)
    with blocks:
        Page(generator)
    return blocks

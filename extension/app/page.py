"""The page: prompts, settings, the picture as it comes, what ran, and the LoRA tab."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import gradio as gr

from ..browser import tab
from ..errors import LiveLoraError
from ..prompt import parse, sweeps
from . import html
from .generation_thread import GenerationThread
from .generator import Generator
from .orders import Orders
from .page_drawing import (
    DrawingForm,
    connect_counting,
    connect_reading,
    extended,
    remembered,
)
from .pictures import Pictures, previews
from .request import GenerationRequest, RequestError, StepPreview
from .samplers import name_of

LOG = logging.getLogger(__name__)
MOST_PICTURES = 16
MOST_STEPS = 150
FORGOTTEN = (600, 3600)  # every ten minutes, what was uploaded more than an hour ago
# The default theme fetches its fonts from a server.
FONTS = {"font": ["system-ui", "sans-serif"], "font_mono": ["ui-monospace", "monospace"]}


# What the browser remembers of the form, so that a reload loses nothing. No secret: it is the
# user's own, in the user's own browser, and gradio wants a key that survives a restart.
MEMORY = {"storage_key": "live-lora-form", "secret": "live-lora"}


class Page:
    """The components, made inside a `gr.Blocks`, and what they do."""

    def __init__(self, generator: Generator, pictures: Pictures) -> None:
        self.generator = generator
        self.pictures = pictures
        self.orders = Orders()
        self.memory = gr.BrowserState(None, **MEMORY)
        self.head()
        with gr.Row():
            with gr.Column(scale=1, min_width=340):
                self.prompts()
                self.buttons()
                self.results()
                self.settings()
            with gr.Column(scale=1, min_width=340, elem_id="library"):
                tab.build()
        self.connect()

    def head(self) -> None:
        checkpoint = self.generator.checkpoint
        gr.HTML(html.title(checkpoint.name, checkpoint.pipeline.device.type, checkpoint.notes))

    def prompts(self) -> None:
        """The LoRA tab knows prompts by their class."""
        self.prompt = gr.Textbox(
            self.generator.example,
            label="Prompt",
            lines=3,
            elem_id="prompt",
            elem_classes=["prompt"],
        )
        self.negative = gr.Textbox(
            label="Negative prompt", lines=2, elem_id="negative_prompt", elem_classes=["prompt"]
        )
        self.tokens = gr.HTML(elem_id="tokens")

    def buttons(self) -> None:
        with gr.Row():
            self.generate = gr.Button("Generate", variant="primary", elem_id="generate")
            self.stop = gr.Button("Stop", elem_id="stop")
        with gr.Row():
            self.read = gr.Button("Settings from the prompt's text", size="sm", elem_id="read")
            self.upload = gr.UploadButton(
                "Settings from a picture", size="sm", file_types=["image", "text"], elem_id="upload"
            )

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
        self.drawing = DrawingForm(name_of(self.generator.checkpoint.pipeline.scheduler))
        if files := self.generator.live.embeddings.scan():
            with gr.Accordion("Textual inversions", open=False, elem_id="inversions"):
                gr.HTML(html.inversions(files, self.generator.live.unfit_embeddings()))

    def results(self) -> None:
        self.status = gr.HTML(html.ready(), elem_id="status")
        self.gallery = gr.HTML(elem_id="pictures")
        self.report = gr.HTML(elem_id="report")

    @property
    def form(self) -> list[gr.components.Component]:
        """What a request is made of, in the order of `draw`'s parameters."""
        sizes = [self.steps, self.guidance, self.width, self.height]
        first = [self.prompt, self.negative, *sizes, self.seed, self.count]
        return [*first, *self.drawing.components]

    def connect(self) -> None:
        """Generate by the button or Shift+Enter; Stop ends this page's drawing, or its waiting."""
        gr.on(
            [self.generate.click, self.prompt.submit, self.negative.submit],
            self.place,
            [self.memory, *self.form],
            [self.status, self.memory],
            queue=False,
            show_progress="hidden",
        ).then(
            self.draw,
            self.form,
            [self.status, self.gallery, self.report, self.memory],
            concurrency_limit=1,
            show_progress="hidden",  # the status shows it
        )
        self.stop.click(self.end, queue=False)
        connect_reading(self)
        connect_counting(self)

    def place(self, page: gr.Request, memory: Any, *form: Any) -> tuple[str, Any]:
        """The order stands; the form is remembered from now on."""
        self.orders.place(page.session_hash or "")
        busy = self.generator.is_drawing()
        text = "Waiting for the drawing before this one …" if busy else "Reading the LoRAs …"
        return html.working(text), {"form": remembered(form), "pictures": _pictures_of(memory)}

    def end(self, page: gr.Request) -> None:
        """Stop, or the page was closed."""
        self.orders.stop(page.session_hash or "")

    def draw(self, page: gr.Request, *form: Any) -> Iterator[tuple[Any, Any, Any, Any]]:
        """What status, gallery, report and memory become, step by step."""
        stop = self.orders.begin(page.session_hash or "")
        try:
            if stop.is_set():
                yield html.status("Taken back: nothing was drawn."), gr.skip(), gr.skip(), gr.skip()
                return
            yield html.working("Reading the LoRAs …"), gr.skip(), "", gr.skip()
            with GenerationThread(self.generator, request_of(*form), stop) as drawing:
                for step in drawing:
                    yield self.step(step)
                yield self.result(drawing, form)
        except RequestError as error:
            yield html.failed(str(error)), gr.skip(), "", gr.skip()
        finally:
            self.orders.end(page.session_hash or "", stop)

    def step(self, step: StepPreview) -> tuple[Any, Any, Any, Any]:
        look = html.gallery(previews(step.preview)) if step.preview else gr.skip()
        return html.progress(step.step, step.steps), look, gr.skip(), gr.skip()

    def result(self, drawing: GenerationThread, form: Sequence[Any]) -> tuple[Any, Any, Any, Any]:
        try:
            result = drawing.result()
        except LiveLoraError as error:
            return html.failed(str(error)), gr.skip(), "", gr.skip()
        except Exception as error:
            LOG.exception("a picture could not be drawn")
            return html.failed(f"{type(error).__name__}: {error}"), gr.skip(), "", gr.skip()
        shown, problem = self.pictures.keep(result)
        memory = {"form": remembered(form), "pictures": [one.source for one in shown if one.kept]}
        return (
            html.done(result, problem),
            html.gallery(shown),
            html.report(result.report),
            memory,
        )

    def restore(self, memory: Any) -> list[Any]:
        """The form and the pictures as they were before a reload; as they are, where none were."""
        form = memory.get("form") if isinstance(memory, dict) else None
        if not isinstance(form, list) or len(form) != len(self.form):
            return [gr.skip()] * (len(self.form) + 1)
        return [*form, html.gallery(self.pictures.found(_pictures_of(memory)))]


def request_of(
    prompt: str,
    negative: str,
    steps: float,
    guidance: float,
    width: float,
    height: float,
    seed: float | None,
    count: float,
    *drawing: Any,
) -> GenerationRequest:
    """The form as a request; a sweep says how many pictures there are, all with one seed."""
    swept = max(sweeps.picture_count(parse(text)) for text in (prompt, negative))
    if swept > MOST_PICTURES:
        raise RequestError(
            f"a sweep of {swept} values: the page draws at most {MOST_PICTURES} pictures at once"
        )
    request = GenerationRequest(
        prompts=(prompt,) * (swept if swept > 1 else int(count)),
        negative=negative,
        steps=int(steps),
        seed=None if seed is None or seed < 0 else int(seed),
        width=int(width),
        height=int(height),
        guidance=guidance,
        same_seed=swept > 1,
    )
    return extended(request, drawing) if drawing else request


def _pictures_of(memory: Any) -> list[str]:
    """The names that a browser remembered: whatever it sends, text only."""
    names = memory.get("pictures") if isinstance(memory, dict) else None
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def build(generator: Generator, pictures: Pictures) -> gr.Blocks:
    """The whole page."""
    blocks: gr.Blocks = gr.Blocks(
        title="Live LoRA", analytics_enabled=False, delete_cache=FORGOTTEN
    )
    with blocks:
        page = Page(generator, pictures)
        blocks.load(page.restore, [page.memory], [*page.form, page.gallery], queue=False)
        blocks.unload(page.end)
    return blocks

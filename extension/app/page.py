"""The page: prompts, settings, the picture as it comes, what ran, and the LoRA tab."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import gradio as gr

from ..browser import tab
from ..browser.wording import ENGLISH, Wording
from ..errors import LiveLoraError
from . import html
from .generation_thread import GenerationThread
from .generator import Generator
from .orders import Orders
from .page_drawing import DrawingForm, pictures_in, remembered
from .page_reading import connect_counting, connect_reading
from .page_request import MOST_PICTURES, request_of
from .page_words import PageWords, wording_of
from .pictures import Pictures, previews
from .request import GenerationResult, RequestError, StepPreview
from .samplers import name_of
from .turns import TakenBack

LOG = logging.getLogger(__name__)
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
        self.words = PageWords()
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

        def title(say: Wording) -> str:
            device = checkpoint.pipeline.device.type
            return html.title(checkpoint.name, device, checkpoint.notes, say)

        self.words.add(gr.HTML(title(ENGLISH)), title)

    def prompts(self) -> None:
        """The LoRA tab knows prompts by their class."""
        self.prompt = self.words.make(
            gr.Textbox,
            self.generator.example,
            label="app.prompt",
            lines=3,
            elem_id="prompt",
            elem_classes=["prompt"],
        )
        self.negative = self.words.make(
            gr.Textbox,
            label="app.negative",
            lines=2,
            elem_id="negative_prompt",
            elem_classes=["prompt"],
        )
        self.tokens = gr.HTML(elem_id="tokens")

    def buttons(self) -> None:
        make = self.words.make
        with gr.Row():
            self.generate = make(
                gr.Button, value="app.generate", variant="primary", elem_id="generate"
            )
            self.stop = make(gr.Button, value="app.stop", elem_id="stop")
        with gr.Row():
            self.read = make(gr.Button, value="app.read", size="sm", elem_id="read")
            self.upload = make(
                gr.UploadButton,
                label="app.upload",
                size="sm",
                file_types=["image", "text"],
                elem_id="upload",
            )

    def settings(self) -> None:
        width, height = self.generator.checkpoint.size
        most, usual = 2 * max(width, 128), self.generator.checkpoint.guidance
        make = self.words.make
        with gr.Row():
            self.steps = make(gr.Slider, 1, MOST_STEPS, 20, step=1, label="app.steps")
            self.guidance = make(gr.Slider, 1, 30, usual, step=0.5, label="app.guidance")
        with gr.Row():
            self.width = make(gr.Slider, 64, most, width, step=8, label="app.width")
            self.height = make(gr.Slider, 64, most, height, step=8, label="app.height")
        with gr.Row():
            self.seed = make(gr.Number, -1, precision=0, label="app.seed", info="app.seed_hint")
            self.count = make(gr.Slider, 1, MOST_PICTURES, 1, step=1, label="app.count")
        self.drawing = DrawingForm(
            name_of(self.generator.checkpoint.pipeline.scheduler), self.words
        )
        if files := self.generator.live.embeddings.scan():
            unfit = self.generator.live.unfit_embeddings()
            with make(gr.Accordion, label="app.inversions", open=False, elem_id="inversions"):
                self.words.add(
                    gr.HTML(html.inversions(files, unfit)),
                    lambda say: html.inversions(files, unfit, say),
                )

    def results(self) -> None:
        self.status = gr.HTML(html.ready(), elem_id="status")
        self.words.add(self.status, html.ready)
        self.gallery = gr.HTML(elem_id="pictures")
        self.report = gr.HTML(elem_id="report")

    @property
    def form(self) -> list[gr.components.Component]:
        """What a request is made of, in the order of `draw`'s parameters."""
        sizes = [self.steps, self.guidance, self.width, self.height]
        first = [self.prompt, self.negative, *sizes, self.seed, self.count]
        return [*first, *self.drawing.components]

    def connect(self) -> None:
        """Generate by the button, by Shift+Enter, by Ctrl+Enter (browser/static/keys.mjs).

        Stop ends this page's drawing, or its waiting.
        """
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
            concurrency_limit=self.generator.turns.together,
            show_progress="hidden",  # the status shows it
        )
        self.stop.click(self.end, queue=False)
        connect_reading(self)
        connect_counting(self)

    def place(self, page: gr.Request, memory: Any, *form: Any) -> tuple[str, Any]:
        """The order stands; the form is remembered from now on."""
        self.orders.place(page.session_hash or "")
        text = self.begun(wording_of(page))
        return html.working(text), {"form": remembered(form), "pictures": pictures_in(memory)}

    def begun(self, say: Wording) -> str:
        """What is done at first."""
        return say("app.waiting" if self.generator.is_drawing() else "app.reading")

    def end(self, page: gr.Request) -> None:
        """Stop, or the page was closed."""
        self.orders.stop(page.session_hash or "")

    def draw(self, page: gr.Request, *form: Any) -> Iterator[tuple[Any, Any, Any, Any]]:
        """What status, gallery, report and memory become, step by step."""
        user = page.session_hash or ""
        stop = self.orders.begin(user)
        say = wording_of(page)
        try:
            if stop.is_set():
                yield self.taken_back(say)
                return
            with GenerationThread(self.generator, request_of(*form), stop, user) as drawing:
                yield html.working(self.begun(say), drawing.job), gr.skip(), "", gr.skip()
                for step in drawing:
                    yield self.step(step, say, drawing.job)
                yield self.result(drawing, form, say)
        except RequestError as error:
            yield html.failed(str(error)), gr.skip(), "", gr.skip()
        finally:
            self.orders.end(user, stop)

    def step(self, step: StepPreview, say: Wording, job: str = "") -> tuple[Any, Any, Any, Any]:
        look = html.gallery(previews(step.preview), say) if step.preview else gr.skip()
        return html.progress(step.step, step.steps, say, job), look, gr.skip(), gr.skip()

    def taken_back(self, say: Wording) -> tuple[Any, Any, Any, Any]:
        return html.status(say("app.taken_back")), gr.skip(), gr.skip(), gr.skip()

    def result(
        self, drawing: GenerationThread, form: Sequence[Any], say: Wording
    ) -> tuple[Any, Any, Any, Any]:
        try:
            result = drawing.result()
        except TakenBack:
            return self.taken_back(say)
        except LiveLoraError as error:
            return html.failed(str(error)), gr.skip(), "", gr.skip()
        except Exception as error:
            LOG.exception("a picture could not be drawn")
            return html.failed(f"{type(error).__name__}: {error}"), gr.skip(), "", gr.skip()
        shown, problem = self.pictures.keep(result)
        memory = {"form": remembered(form), "pictures": [one.source for one in shown if one.kept]}
        return (
            html.done(result, problem, say),
            html.gallery(shown, say),
            html.report(result.report, say) + self.measured(result),
            memory,
        )

    def measured(self, result: GenerationResult) -> str:
        """Where the page finds how strongly each LoRA acted; nothing where nobody asked."""
        found = result.measured
        return html.measured(self.generator.measured.keep(found)) if found else ""

    def restore(self, memory: Any) -> list[Any]:
        """The form and the pictures as they were before a reload; as they are, where none were."""
        form = memory.get("form") if isinstance(memory, dict) else None
        if not isinstance(form, list) or len(form) != len(self.form):
            return [gr.skip()] * (len(self.form) + 1)
        return [*form, html.gallery(self.pictures.found(pictures_in(memory)))]


def build(generator: Generator, pictures: Pictures) -> gr.Blocks:
    """The whole page."""
    blocks: gr.Blocks = gr.Blocks(
        title="Live LoRA", analytics_enabled=False, delete_cache=FORGOTTEN
    )
    with blocks:
        page = Page(generator, pictures)
        blocks.load(page.restore, [page.memory], [*page.form, page.gallery], queue=False)
        blocks.load(page.words.said, [], page.words.components, queue=False)
        blocks.unload(page.end)
    return blocks

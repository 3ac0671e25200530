"""The host of diffusers pipelines: Stable Diffusion 1.x, 2.x and SDXL."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from .. import prompt as language
from ..encoding.encode import WordEncoder
from ..encoding.inversion_files import InversionLibrary
from ..encoding.inversions import WordVectors
from ..encoding.known_words import KnownWords
from ..encoding.part_conds import PartConds
from ..encoding.settings import EmphasisMode, WordSettings
from ..encoding.text_model import TextModel, text_models
from ..engine.observing import Observer
from ..prompt.words.chunks import BACKTRACK, Chunking
from ..records import COMPONENTS, Component, Progress, Row
from ..session.run import Run, Text
from ..session.session import Options
from ..session.sliders import Sliders
from .modules import Live, listed, negatives_of
from .pipeline_sweeps import spread_over_pictures
from .pipeline_words import PipelineTexts, PipelineWords, embeds_of
from .timestep_tracker import TimestepTracker
from .unet_calls import UnetCalls


class PipelineLive(Live):
    """`live("a fox <lora:x:0.8>", num_inference_steps=20)`: the pipeline's own call, with tags."""

    def __init__(self, model: Any, catalog: Any, options: Options) -> None:
        super().__init__(model, catalog, options)
        self.pipeline = model
        self.embeddings = InversionLibrary(options.embeddings)
        self.counts_use = True  # in the catalog, where that has a folder for it
        self.used_embeddings: Mapping[str, WordVectors] = {}  # in the last call, by name

    @classmethod
    def accepts(cls, model: Any) -> bool:
        """Any pipeline that has a UNet and encodes prompts; diffusers itself is not imported."""
        return hasattr(model, "unet") and callable(getattr(model, "encode_prompt", None))

    @classmethod
    def components(cls, model: Any) -> Mapping[Component, nn.Module]:
        """The pipeline's UNet and text encoders."""
        found = {name: getattr(model, name, None) for name in COMPONENTS}
        return {name: module for name, module in found.items() if module is not None}

    def compile(self, **options: Any) -> None:
        """Compiles the blocks of the UNet (torch.compile, `options` are its own), LoRAs included.

        Two graphs serve all LoRAs of plain low rank, whatever their weights; constant weights of
        every other kind take none. What was compiled before is compiled anew.

        Raises:
            StateError: after `detach`, or while a run is open.
            TypeError: this pipeline's UNet has no blocks that diffusers compiles by themselves.
        """
        core, unet = self._idle_core(), self.pipeline.unet
        if not getattr(unet, "_repeated_blocks", None):
            raise TypeError(f"{type(unet).__name__} names no blocks to compile (_repeated_blocks)")
        core.model.make_slots("unet")
        torch.compiler.reset()  # graphs from before have no place for the slots
        unet.compile_repeated_blocks(fullgraph=True, **options)

    def __call__(
        self,
        prompt: Text | None = None,
        *,
        lora: str = "",
        emphasis: EmphasisMode = "Original",
        calls: int | None = None,
        first_calls: int | None = None,
        observe: Sequence[Observer] = (),
        sliders: Sliders | None = None,
        measure: bool = False,
        **options: Any,
    ) -> Any:
        """The pipeline's output for prompts with tags; `report` says afterwards what ran.

        Words mean what they mean in the webui (docs/words.md). Tags in `prompt_2` and in the
        negative prompts count as well. A sweep's values are laid over all pictures of the call.

        Args:
            prompt: one, or one per picture. Without it, embeddings of the caller's (`prompt_embeds`
                and its like) are used as they are: LoRAs then act on the UNet alone.
            lora: tags for all pictures, such as those of a call with `prompt_embeds`.
            emphasis: how `(word:1.2)` weighs: "Original", "No norm", "Ignore" or "None".
            calls: UNet calls that schedules count with; else those of `num_inference_steps`.
            first_calls: in a second, "hires" pass: how many UNet calls the first one had.
            observe: what is told of every call of a layer (`engine/observing.py`).
            sliders: what the weights follow; any thread may move them.
            measure: whether `measured` says afterwards how strongly each LoRA acted.
            options: the pipeline's own (`negative_prompt`, `num_images_per_prompt`, …).
        Raises:
            StrictError: in strict mode; where only the run has shown why, `result` is the output.
        """
        settings = WordSettings(emphasis, clip_skip=options.pop("clip_skip", None))
        written = [f"{one}{lora}" for one in _prompts(prompt, options)]
        texts, options = _texts(*spread_over_pictures(written, options))
        run = self._open(texts.joined("cond"), texts.joined("uncond"), observe, sliders, measure)
        moment = _beginning(calls or self._usual_calls(options), first_calls)
        with run:
            self._draw(run, self._words(run, texts, moment, options, settings))
        return self._counted(run, options)

    def _counted(self, run: Run, options: Mapping[str, Any]) -> Any:
        if self.counts_use:
            copies = int(options.get("num_images_per_prompt") or 1)
            self.catalog.drawn(run.report.drawn_with * copies)
        return run.result

    def _draw(self, run: Run, words: PipelineWords) -> None:
        """The pipeline's call, with what it reads in the place of words."""
        positive = words.positive()
        negative = words.negative(positive)
        calls = self._calls(run, positive, negative, words.moment, words.options)
        with calls.following(getattr(self.pipeline.scheduler, "hear", None)):
            run.result = self.pipeline(**{**words.options, **_embeds(positive, negative)})
        run.called("unet")

    def chunking(self) -> Chunking | None:
        """How texts are divided, with embeddings: a copy, safe beside a call. None: no encoder."""
        models = text_models(self.pipeline)
        if not models:
            return None
        first = models[0]
        own = TextModel(first.component, first.module, deepcopy(first.tokenizer), penultimate=False)
        found = KnownWords(models, self.embeddings).vocabulary().find
        return replace(own.chunking(BACKTRACK), find=found)

    def unfit_embeddings(self) -> dict[str, str]:
        """Names of embeddings that are for other models, with reasons."""
        return dict(KnownWords(text_models(self.pipeline), self.embeddings).unfit)

    def _usual_calls(self, options: Mapping[str, Any]) -> int:
        """How many calls of the UNet the webui would count in this pass."""
        given = next((options[n] for n in ("timesteps", "sigmas") if options.get(n)), None)
        steps = len(given) if given else options.get("num_inference_steps")
        if steps is None:
            parameter = inspect.signature(type(self.pipeline).__call__).parameters
            steps = parameter["num_inference_steps"].default
        return int(steps) * int(getattr(self.pipeline.scheduler, "order", 1))

    def _words(
        self,
        run: Run,
        texts: PipelineTexts,
        moment: Progress,
        options: Mapping[str, Any],
        settings: WordSettings,
    ) -> PipelineWords:
        models = text_models(self.pipeline)
        dtype = (models[-1].module if models else self.pipeline.unet).dtype
        device = self.pipeline._execution_device
        known = KnownWords(models, self.embeddings, run.networks)
        for sentence in known.named_in_vain(texts.every()):
            run.warn(sentence)
        encoder = WordEncoder(models, settings, known.vocabulary(), device, dtype)
        self.used_embeddings = encoder.vocabulary.used
        zeros = getattr(self.pipeline.config, "force_zeros_for_empty_prompt", False)
        return PipelineWords(run, encoder, texts, moment, options, bool(zeros))

    def _calls(
        self,
        run: Run,
        positive: Sequence[Sequence[PartConds]],
        negative: Sequence[PartConds],
        moment: Progress,
        options: Mapping[str, Any],
    ) -> UnetCalls:
        """Tells the run, before each call of the UNet, which rows it has and where sampling is."""
        clock = TimestepTracker(self.pipeline)
        copies = int(options.get("num_images_per_prompt") or 1)
        images = [picture for picture in range(run.pictures) for _ in range(copies)]
        hires, calls, first = moment.hires, moment.calls, moment.first_calls

        def announce(rows: Sequence[Row], timestep: Any) -> int:
            now = Progress(**clock.read(timestep), calls=calls, hires=hires, first_calls=first)
            if rows:
                run.reach(now, rows)
            return now.call or 0

        if _is_plain(positive, negative):
            return UnetCalls(self.pipeline.unet, images, announce)
        return UnetCalls(self.pipeline.unet, images, announce, positive, negative)


def _beginning(calls: int, first_calls: int | None) -> Progress:
    """What texts are encoded for: all steps of a pass with so many calls of the UNet."""
    hires = first_calls is not None
    return Progress(steps=calls, calls=calls, hires=hires, first_calls=first_calls)


def _prompts(prompt: Text | None, options: Mapping[str, Any]) -> list[str]:
    """One for each picture, also where the caller brings embeddings."""
    embeds = options.get("prompt_embeds")
    if embeds is not None and (prompt is None or isinstance(prompt, str)):
        return [prompt or ""] * len(embeds)
    return listed(prompt or "")


def _texts(
    prompts: Sequence[str], options: Mapping[str, Any]
) -> tuple[PipelineTexts, dict[str, Any]]:
    """What there is to read, and the pipeline's options without it."""
    options = dict(options)
    second = options.pop("prompt_2", None)
    negative, negative_2 = (options.pop(f"negative_prompt{n}", None) for n in ("", "_2"))
    texts = PipelineTexts(
        [language.parse(one) for one in prompts],
        [] if second is None else [language.parse(one) for one in listed(second)],
        negatives_of(negative, len(prompts)),
        negatives_of(negative_2, len(prompts)),
    )
    return texts, options


def _is_plain(positive: Sequence[Sequence[PartConds]], negative: Sequence[PartConds]) -> bool:
    """Whether one text for each row, the same in every call, is all there is to read."""
    parts = [*(part for parts in positive for part in parts), *negative]
    lengths = {len(cond.tokens) for part in parts for cond in part.conds}
    one_each = all(len(parts) == 1 and parts[0].weight == 1.0 for parts in positive)
    return one_each and len(lengths) == 1 and all(len(part.conds) == 1 for part in parts)


def _embeds(
    positive: Sequence[Sequence[PartConds]], negative: Sequence[PartConds]
) -> dict[str, Any]:
    """What the pipeline is given in the place of prompts: the texts of the first call."""
    first, against = [parts[0].conds[0] for parts in positive], [one.conds[0] for one in negative]
    length = max(len(cond.tokens) for cond in (*first, *against))
    return {**embeds_of("", first, length), **embeds_of("negative_", against, length)}

"""The host of diffusers pipelines: Stable Diffusion 1.x, 2.x and SDXL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import zip_longest
from typing import Any, cast

import torch
from torch import Tensor, nn

from .. import prompt as language
from ..prompt import Prompt, sweeps
from ..records import COMPONENTS, Component, Progress, Row, Side
from ..session.run import Run, Text
from ..session.session import Options
from .modules import Live, listed, negatives_of
from .timestep_tracker import TimestepTracker

EMBEDS = ("prompt_embeds", "pooled_prompt_embeds")  # the pipelines' names for encoded prompts


class PipelineLive(Live):
    """`live("a fox <lora:x:0.8>", num_inference_steps=20)`: the pipeline's own call, with tags."""

    def __init__(self, model: Any, catalog: Any, options: Options) -> None:
        super().__init__(model, catalog, options)
        self.pipeline = model

    @classmethod
    def accepts(cls, model: Any) -> bool:
        """Any pipeline that has a UNet and encodes prompts; diffusers itself is not imported."""
        return hasattr(model, "unet") and callable(getattr(model, "encode_prompt", None))

    @classmethod
    def components(cls, model: Any) -> Mapping[Component, nn.Module]:
        """The pipeline's UNet and text encoders."""
        found = {name: getattr(model, name, None) for name in COMPONENTS}
        return {name: module for name, module in found.items() if module is not None}

    def __call__(self, prompt: Text | None = None, **options: Any) -> Any:
        """The pipeline's output for prompts with tags; `report` says afterwards what ran.

        `options` are the pipeline's own (`negative_prompt`, `num_images_per_prompt`, …); tags in
        `prompt_2` and in the negative prompts count as well. A sweep's values are laid over all
        pictures of the call. Embeddings of the caller's (`prompt_embeds`, `negative_prompt_embeds`
        and the pooled ones) are used as they are: tags then act on the UNet alone.

        Raises:
            StrictError: in strict mode, where a tag cannot be used; where only the run has shown
                it, `result` is the output.
        """
        if prompt is None:
            prompt = [""] * len(options["prompt_embeds"]) if "prompt_embeds" in options else ""
        prompt, options = _swept(prompt, options)
        second, negatives = options.pop("prompt_2", None), options.pop("negative_prompt", None)
        negative_2 = options.pop("negative_prompt_2", None)
        prompts = [language.parse(one) for one in listed(prompt)]
        seconds = _seconds(second)
        against = negatives_of(negatives, len(prompts))
        against_2 = negatives_of(negative_2, len(prompts))
        run = self._open(_joined(prompts, seconds), _joined(against, against_2))
        with run:
            given = {name: options[name] for name in EMBEDS if options.get(name) is not None}
            embeds = self._embeds(run, "cond", prompts, seconds, options)
            embeds |= self._embeds(run, "uncond", against, against_2, options, like=embeds or given)
            options.pop("clip_skip", None)
            with self._following(run, int(options.get("num_images_per_prompt") or 1)):
                run.result = self.pipeline(**embeds, **options)
            run.called("unet")
        return run.result

    def _embeds(
        self,
        run: Run,
        side: Side,
        prompts: Sequence[Prompt],
        seconds: Sequence[Prompt],
        options: Mapping[str, Any],
        like: Mapping[str, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """What the pipeline takes in the place of a prompt, encoded with the LoRAs of that side."""
        prefix = "" if side == "cond" else "negative_"
        if options.get(f"{prefix}prompt_embeds") is not None:
            return {}
        if not prompts and like is not None:
            config = getattr(self.pipeline, "config", None)
            if getattr(config, "force_zeros_for_empty_prompt", False):
                return {prefix + name: torch.zeros_like(value) for name, value in like.items()}
        call: dict[str, Any] = {"prompt": [p.text for p in prompts] or [""] * run.pictures}
        if seconds:
            call["prompt_2"] = [p.text for p in seconds]
        if options.get("clip_skip") is not None:
            call["clip_skip"] = options["clip_skip"]
        with torch.no_grad(), run.encoding(side):
            encoded = self.pipeline.encode_prompt(
                device=self.pipeline._execution_device,
                num_images_per_prompt=1,
                do_classifier_free_guidance=False,
                **call,
            )
        # SDXL gives (p, −, pooled, −), SD (p, −)
        return {prefix + name: value for name, value in zip(EMBEDS, encoded[::2], strict=False)}

    @contextmanager
    def _following(self, run: Run, copies: int) -> Iterator[None]:
        """Tells the run, before each call of the UNet, which rows it has and where sampling is."""
        clock = TimestepTracker(self.pipeline)
        pictures = [picture for picture in range(run.pictures) for _ in range(copies)]

        def before(module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
            sample = args[0] if args else kwargs["sample"]
            both = sample.shape[0] == 2 * len(pictures)
            sides: tuple[Side, ...] = ("uncond", "cond") if both else ("cond",)
            rows = [Row(picture, side) for side in sides for picture in pictures]
            now = clock.read(args[1] if len(args) > 1 else kwargs["timestep"])
            run.weights.move(Progress(**now), rows)

        handle = self.pipeline.unet.register_forward_pre_hook(before, with_kwargs=True)
        try:
            yield
        finally:
            handle.remove()


def _swept(prompt: Text, options: dict[str, Any]) -> tuple[Text, dict[str, Any]]:
    """Where a sweep makes the pictures of one prompt differ: a prompt for every picture."""
    parsed = [language.parse(one) for one in listed(prompt)]
    if all(sweeps.picture_count(one) == 1 for one in parsed):
        return prompt, options
    copies = int(options.get("num_images_per_prompt") or 1)
    every = [one for one in parsed for _ in range(copies)]
    spread = {
        name: [one for one in options[name] for _ in range(copies)]
        for name in ("negative_prompt", "prompt_2", "negative_prompt_2")
        if isinstance(options.get(name), (list, tuple))
    }
    if any(map(sweeps.same_seed, parsed)):
        spread["generator"] = _same_noise(options.get("generator"), len(every))
    texts = [sweeps.prompt_of_picture(one, picture) for picture, one in enumerate(every)]
    return texts, options | spread | {"num_images_per_prompt": 1}


def _same_noise(generator: Any, pictures: int) -> list[torch.Generator]:
    """The same generator (the first of those given, or a fresh one) once for every picture."""
    first = generator[0] if isinstance(generator, (list, tuple)) else generator
    if first is None:
        first = torch.Generator()
        first.seed()
    copies = [torch.Generator(first.device) for _ in range(pictures)]
    for copy in copies:
        copy.set_state(first.get_state())
    return copies


def _seconds(text: Text | None) -> list[Prompt]:
    return [] if text is None else [language.parse(one) for one in listed(text)]


def _joined(first: Sequence[Prompt], second: Sequence[Prompt]) -> list[Prompt]:
    """Per picture the first prompt, with the tags and problems of the second added."""
    return [
        one
        if two is None
        else cast(
            Prompt,
            replace(one, tags=(*one.tags, *two.tags), problems=(*one.problems, *two.problems)),
        )
        for one, two in zip_longest(first, second[: len(first)])
    ]

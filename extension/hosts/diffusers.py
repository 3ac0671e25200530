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
from ..prompt import Prompt
from ..run import Run, Text
from ..session import Options
from ..words import COMPONENTS, Component, Row, Side
from .modules import Live, listed, negatives_of


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

    def __call__(self, prompt: Text, **options: Any) -> Any:
        """The pipeline's output for prompts with tags; `report` tells afterwards what ran.

        `options` are the pipeline's own (`negative_prompt`, `num_images_per_prompt`, …); tags in
        `prompt_2` and in the negative prompts count as well.
        """
        second, negatives = options.pop("prompt_2", None), options.pop("negative_prompt", None)
        negative_2 = options.pop("negative_prompt_2", None)
        prompts = [language.parse(one) for one in listed(prompt)]
        seconds = _parsed(second, len(prompts))
        against = negatives_of(negatives, len(prompts))
        against_2 = _parsed(negative_2, len(prompts))
        run = self._open(_joined(prompts, seconds), _joined(against, against_2))
        with run:
            embeds = self._embeds(run, "cond", prompts, seconds, options)
            embeds |= self._embeds(run, "uncond", against, against_2, options, like=embeds)
            options.pop("clip_skip", None)
            with self._following(run, int(options.get("num_images_per_prompt") or 1)):
                return self.pipeline(**embeds, **options)

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
        names = ("prompt_embeds", "pooled_prompt_embeds")  # SDXL gives (p, −, pooled, −), SD (p, −)
        return {prefix + name: value for name, value in zip(names, encoded[::2], strict=False)}

    @contextmanager
    def _following(self, run: Run, copies: int) -> Iterator[None]:
        """Tells the run, before each call of the UNet, which rows it has and where sampling is."""
        clock = _Clock(self.pipeline)
        pictures = [picture for picture in range(run.pictures) for _ in range(copies)]

        def before(module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
            sample = args[0] if args else kwargs["sample"]
            both = sample.shape[0] == 2 * len(pictures)
            sides: tuple[Side, ...] = ("uncond", "cond") if both else ("cond",)
            run.rows([Row(picture, side) for side in sides for picture in pictures])
            run.progress(**clock.read(args[1] if len(args) > 1 else kwargs["timestep"]))

        handle = self.pipeline.unet.register_forward_pre_hook(before, with_kwargs=True)
        try:
            yield
        finally:
            handle.remove()


class _Clock:
    """Which sampler step a call of the UNet belongs to, read off the scheduler's timesteps."""

    def __init__(self, pipeline: Any) -> None:
        self.pipeline = pipeline
        self.begin: int | None = None

    def read(self, timestep: Any) -> dict[str, Any]:
        """step, steps and sigma for a call with this timestep."""
        scheduler = self.pipeline.scheduler
        index = self._index(scheduler, timestep)
        if self.begin is None:
            self.begin = index  # image to image starts in the middle
        timesteps = scheduler.timesteps.tolist()
        count = getattr(self.pipeline, "_num_timesteps", None) or len(timesteps)
        order = getattr(scheduler, "order", 1)
        if order > 1:
            # Heun and its like list each step's calls one after the other: t0, t1 t1, t2 t2, …
            step, steps = (index - self.begin) // order, -(-count // order)
        else:
            run = list(dict.fromkeys(timesteps[self.begin : self.begin + count]))
            step, steps = _place(run, timesteps[index]), len(run)
        return {"step": step, "steps": steps, "sigma": _sigma(scheduler, index, timesteps[index])}

    @staticmethod
    def _index(scheduler: Any, timestep: Any) -> int:
        index = getattr(scheduler, "step_index", None)
        if index is not None:
            return int(index)
        time = timestep.flatten()[0] if isinstance(timestep, Tensor) else torch.tensor(timestep)
        return int((scheduler.timesteps.cpu().double() - time.cpu().double()).abs().argmin())


def _place(timesteps: Sequence[float], timestep: float) -> int:
    return timesteps.index(timestep) if timestep in timesteps else 0


def _sigma(scheduler: Any, index: int, timestep: float) -> float | None:
    """σ = √((1 − ᾱ)/ᾱ), in the scale of k-diffusion."""
    sigmas = getattr(scheduler, "sigmas", None)
    if sigmas is not None and index < len(sigmas):
        return float(sigmas[index])
    products = getattr(scheduler, "alphas_cumprod", None)
    if products is None:
        return None
    kept = float(products[min(int(timestep), len(products) - 1)])
    return ((1 - kept) / kept) ** 0.5


def _parsed(text: Text | None, pictures: int) -> list[Prompt]:
    return [] if text is None else negatives_of(text, pictures)


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

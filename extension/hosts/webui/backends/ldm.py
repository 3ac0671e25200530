"""AUTOMATIC1111's webui: ldm's and sgm's classes, with the webui's wrappers around the encoders."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from importlib import import_module
from typing import Any

from torch import nn

from ....records import Component, Row
from ..batch_rows import BatchRows
from .base import Backend, RowSource

ENCODERS: tuple[Component, ...] = ("text_encoder", "text_encoder_2")


class Ldm(Backend):
    """Its rows are announced: cond picture by picture, then uncond."""

    def claims(self, sd_model: Any) -> bool:
        """Anything with a network where ldm has it, that no fork has taken apart."""
        model = getattr(sd_model, "model", None)
        apart = getattr(sd_model, "forge_objects", None) is not None
        return not apart and isinstance(getattr(model, "diffusion_model", None), nn.Module)

    def unet(self, sd_model: Any) -> nn.Module:
        """ldm's place for it."""
        found: nn.Module = sd_model.model.diffusion_model
        return found

    def encoders(self, sd_model: Any) -> dict[Component, nn.Module]:
        """SDXL's are told apart by their place, as in the names of LoRA files.

        SDXL's refiner has the second one alone, in the first place: for files made for the base
        model it has none, in the webui's own Lora as well.
        """
        conditioner = getattr(sd_model, "conditioner", None)
        if conditioner is None:
            stages = [sd_model.cond_stage_model]
        else:
            stages = [stage for stage in conditioner.embedders if hasattr(stage, "wrapped")]
            stages = stages if len(stages) > 1 else []
        found = zip(ENCODERS, map(_network, stages), strict=False)
        return {name: encoder for name, encoder in found if encoder is not None}

    def rows(self, identity: Callable[[Row], Hashable]) -> RowSource:
        """By the webui's order."""
        return BatchRows(identity)

    def embedding_databases(self, sd_model: Any) -> list[Any]:
        """The webui has one for all checkpoints."""
        # Not imported above: Forge Neo has no such module, and no checkpoint of this kind.
        hijack = import_module("modules.sd_hijack").model_hijack
        return [hijack.embedding_db] if hasattr(hijack, "embedding_db") else []


def _network(stage: Any) -> nn.Module | None:
    """The network inside the webui's wrapper and ldm's: HF's CLIP, or open_clip's."""
    wrapped = getattr(stage, "wrapped", stage)
    for name in ("transformer", "model"):
        if isinstance(network := getattr(wrapped, name, None), nn.Module):
            return network
    return None

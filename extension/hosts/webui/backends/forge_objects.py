"""Forge, reForge and Forge Neo: `sd_model.forge_objects` with patchers around torch modules.

The patchers are made anew for every pass, and another checkpoint is another `sd_model`; what stays
as long as a checkpoint is loaded are the modules that the patchers lead to.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable
from typing import Any, ClassVar

from torch import nn

from ....engine.choice import Executor
from ....records import Component, Row
from ..call_rows import CallRows
from .base import Backend, RowSource

# Children of the joint text encoder -> how LoRA files call them; clip_h is SD 2's.
ENCODERS: dict[str, Component] = {
    "clip_l": "text_encoder",
    "clip_h": "text_encoder",
    "clip_g": "text_encoder_2",
}


COMPILED = "_torch_compile_config"


class ForgeObjects(Backend):
    """Every call of the network says itself what its lines are."""

    modules_stay: ClassVar[bool] = False
    # These programs move, cast and replace parameters between any two calls of a layer, and plan
    # memory by the parameters' sizes: nothing of ours may stand in one's place.
    executor: ClassVar[Executor] = "hooked"

    def claims(self, sd_model: Any) -> bool:
        """Before the first checkpoint is loaded there is a stub without them."""
        unet = getattr(getattr(sd_model, "forge_objects", None), "unet", None)
        return isinstance(getattr(_model(unet), "diffusion_model", None), nn.Module)

    def unet(self, sd_model: Any) -> nn.Module:
        """The patcher's, whichever patcher it is at the moment."""
        found: nn.Module = _model(sd_model.forge_objects.unet).diffusion_model
        return found

    def encoders(self, sd_model: Any) -> dict[Component, nn.Module]:
        """Asked at every use: reForge may have put in another checkpoint's.

        SDXL's refiner has the second one alone: for files made for the base model it has none.
        """
        joint = getattr(sd_model.forge_objects.clip, "cond_stage_model", None)
        found: dict[Component, nn.Module] = {}
        for child, name in ENCODERS.items():
            network = getattr(getattr(joint, child, None), "transformer", None)
            if isinstance(network, nn.Module):
                found[name] = network
        return found if "text_encoder" in found else {}

    def rows(self, identity: Callable[[Row], Hashable]) -> RowSource:
        """By what each call says."""
        return CallRows()

    def embedding_databases(self, sd_model: Any) -> list[Any]:
        """One for each text engine; reForge has the webui's one for all checkpoints."""
        engines = [one for one in vars(sd_model).values() if hasattr(one, "embeddings")]
        found = [one.embeddings for one in engines if hasattr(one.embeddings, "word_embeddings")]
        hijack = getattr(sys.modules.get("modules.sd_hijack"), "model_hijack", None)
        return found or [one for one in (getattr(hijack, "embedding_db", None),) if one is not None]

    def identity(self, sd_model: Any) -> Hashable:
        """Forge Neo's quick refiner puts weights of another file into the modules that are there.

        It says so to nobody: only what it will put back afterwards tells.
        """
        samplers = sys.modules.get("modules.sd_samplers_common")
        return super().identity(sd_model), getattr(samplers, "ORIGINAL_CHECKPOINT", None)

    def compiled_by(self, sd_model: Any) -> str:
        """Forge Neo's torch.compile takes the UNet's place for each call alone."""
        if getattr(_model(sd_model.forge_objects.unet), COMPILED, None) is None:
            return ""
        return "this program has compiled the model: set its torch.compile to Disable"

    def make_room(self, sd_model: Any, size: int) -> None:
        """On a patcher of this pass alone: on the checkpoint's own it would stay for ever."""
        patcher = sd_model.forge_objects.unet
        if size and hasattr(patcher, "add_extra_preserved_memory_during_sampling"):
            patcher = sd_model.forge_objects.unet = patcher.clone()
            patcher.add_extra_preserved_memory_during_sampling(size)


def _model(patcher: Any) -> Any:
    return getattr(patcher, "model", None)

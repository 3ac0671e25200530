"""The modules of the checkpoint that the webui has loaded."""

from __future__ import annotations

from typing import Any

from modules import sd_models
from torch import nn

from ...records import Component

ENCODERS: tuple[Component, ...] = ("text_encoder", "text_encoder_2")


def loaded() -> Any | None:
    """The checkpoint in memory. `shared.sd_model` would start to load one if there is none."""
    return sd_models.model_data.sd_model


def identity(sd_model: Any) -> tuple[int, str]:
    """Differs where modules or weights differ: a switch may keep the objects, or the file."""
    return id(sd_model), str(getattr(sd_model.sd_checkpoint_info, "filename", ""))


def components(sd_model: Any) -> dict[Component, nn.Module]:
    """UNet and text encoders; what this kind of checkpoint lacks is left out.

    SDXL's encoders are told apart by their place, as in the names of LoRA files. SDXL's refiner
    has the second one alone, in the first place: for files made for the base model it has none,
    in the webui's own Lora as well.
    """
    conditioner = getattr(sd_model, "conditioner", None)
    if conditioner is None:
        stages = [sd_model.cond_stage_model]
    else:
        stages = [stage for stage in conditioner.embedders if hasattr(stage, "wrapped")]
        stages = stages if len(stages) > 1 else []
    found: dict[Component, nn.Module] = {"unet": sd_model.model.diffusion_model}
    for name, stage in zip(ENCODERS, stages, strict=False):
        if (encoder := _encoder(stage)) is not None:
            found[name] = encoder
    return found


def _encoder(stage: Any) -> nn.Module | None:
    """The network inside the webui's wrapper and ldm's: HF's CLIP, or open_clip's."""
    wrapped = getattr(stage, "wrapped", stage)
    for name in ("transformer", "model"):
        if isinstance(network := getattr(wrapped, name, None), nn.Module):
            return network
    return None

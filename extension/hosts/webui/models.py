"""The modules of the checkpoint that the webui has loaded."""

from __future__ import annotations

from typing import Any

from torch import nn

from ...words import Component


def loaded() -> Any | None:
    """The checkpoint in memory. `shared.sd_model` would start to load one if there is none."""
    from modules import sd_models

    return sd_models.model_data.sd_model


def identity(sd_model: Any) -> tuple[int, str]:
    """Differs where modules or weights differ: a switch may reuse the objects or the file."""
    return id(sd_model), str(getattr(sd_model.sd_checkpoint_info, "filename", ""))


def components(sd_model: Any) -> dict[Component, nn.Module]:
    """UNet and text encoders; what this kind of checkpoint lacks is left out.

    The encoders of SDXL are numbered by their place, as the names in LoRA files are. SDXL's
    refiner has only the second one, in the first place: files made for the base have nothing
    for it, in the webui's own Lora as well.
    """
    found: dict[Component, nn.Module] = {"unet": sd_model.model.diffusion_model}
    conditioner = getattr(sd_model, "conditioner", None)
    if conditioner is None:
        encoders = [_encoder(sd_model.cond_stage_model)]
    else:
        encoders = [_encoder(one) for one in conditioner.embedders if hasattr(one, "wrapped")]
        if len(encoders) == 1:
            encoders = []
    names: tuple[Component, ...] = ("text_encoder", "text_encoder_2")
    found.update({n: e for n, e in zip(names, encoders) if e is not None})  # noqa: B905
    return found


def _encoder(stage: Any) -> nn.Module | None:
    """The network inside the webui's wrapper and ldm's: HF's CLIP, or open_clip's."""
    wrapped = getattr(stage, "wrapped", stage)
    network = getattr(wrapped, "transformer", None)
    if not isinstance(network, nn.Module):
        network = getattr(wrapped, "model", None)
    return network if isinstance(network, nn.Module) else None

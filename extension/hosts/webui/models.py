"""The checkpoint that the webui has loaded, and the back end that knows it."""

from __future__ import annotations

from typing import Any

from modules import sd_models

from .backends import Backend, backend_of


def loaded() -> Any | None:
    """The checkpoint in memory. `shared.sd_model` would start to load one if there is none.

    Before the first one, None, or a stub that no back end knows.
    """
    return sd_models.model_data.sd_model


def ours() -> tuple[Backend, Any] | None:
    """Back end and checkpoint, where LoRAs are ours to apply: to SD 1, SD 2 and SDXL."""
    sd_model = loaded()
    backend = backend_of(sd_model)
    if backend is None or not backend.applies_loras(sd_model):
        return None
    return backend, sd_model

"""The device that `LIVE_LORA_DEVICE` names, and how close results are on it in each dtype."""

from __future__ import annotations

import os

import torch

# |got − want| at most this, relative to the largest |want|: some roundings of the dtype, as the
# factors, the layer's weight and the sum are each rounded once.
TOLERANCE = {torch.float32: 2e-5, torch.float16: 8e-3, torch.bfloat16: 6e-2}


def device() -> torch.device:
    """The CPU where none is named. RuntimeError where it is not to be had."""
    name = os.environ.get("LIVE_LORA_DEVICE", "cpu")
    try:
        return torch.zeros(1, device=name).device
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise RuntimeError(f"LIVE_LORA_DEVICE={name}: {reason}") from error


def seeded(*shape: int, seed: int = 1, dtype: torch.dtype | None = None) -> torch.Tensor:
    """The same normal numbers on every device, where tensors are made that name none."""
    drawn = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=drawn, dtype=dtype, device="cpu").to(
        torch.get_default_device()
    )


def dtypes() -> list[torch.dtype]:
    """All; where no device is named only one that the other tests leave out."""
    return list(TOLERANCE) if "LIVE_LORA_DEVICE" in os.environ else [torch.bfloat16]

"""Every module of a file with its values read once."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..errors import ModuleError
from ..network.lora_module import Module, Unused
from ..network.network import Network
from ..network.tensor_file import Read

ASKED = (torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64)


@dataclass(slots=True)
class Examined:
    """The modules without a fault with their α, the others, and tensors with NaN or Inf."""

    sound: list[tuple[Module, float | None]] = field(default_factory=list)
    broken: list[Unused] = field(default_factory=list)
    nonfinite: dict[str, int] = field(default_factory=dict)


def examine(network: Network) -> Examined:
    """Reads the whole file, a module at a time."""
    found = Examined()
    with network.open() as read:
        for module in network.modules:
            try:
                found.sound.append((module, _alpha(module, read, found.nonfinite)))
            except ModuleError as error:
                found.broken.append(Unused.because(module.prefix, error))
    return found


def _alpha(module: Module, read: Read, nonfinite: dict[str, int]) -> float | None:
    """α of a module. Raises ModuleError where a tensor is no good."""
    algorithm = module.build(read)
    bad = {module.slots[s]: n for s, tensor in algorithm.tensors.items() if (n := _bad(tensor))}
    if bad:
        nonfinite |= bad
        raise ModuleError("nonfinite", f"holds NaN or infinite values in {len(bad)} of its tensors")
    return algorithm.alpha


def _bad(tensor: Tensor) -> int:
    """How many values are NaN or infinite."""
    if not (tensor.is_floating_point() or tensor.is_complex()):
        return 0
    values = tensor if tensor.dtype in ASKED else tensor.float()
    total = values.sum(dtype=None if values.is_complex() else torch.float64)
    # NaN and Inf stay in a sum: one pass tells most tensors are sound, at a tenth of the time.
    return 0 if bool(torch.isfinite(total)) else int((~torch.isfinite(values)).sum())

"""A place for factors in the graph of a compiled layer, and the hooks that are traced into it."""

from __future__ import annotations

from typing import Any, cast

from torch import Tensor, nn
from torch.nn import functional as F

SLOT = "_live_lora_slot"


class SlotsInUse:
    """Whether the slots of a model are looked at: off, its graph is the bare one."""

    def __init__(self) -> None:
        self.on = False


class Slot:
    """What the graph adds on one layer: out + up(scale ∘ down(x)); nothing while `down` is None.

    `down` (r, i[, kh, kw]), `up` (o, r[, 1, 1]), `scale` (rows or 1, r); `calls` counts. Where
    the device was full, the factors are in host memory and copied at each call.
    """

    def __init__(self, switch: SlotsInUse) -> None:
        self.switch = switch
        self.down: Tensor | None = None
        self.up: Tensor | None = None
        self.scale: Tensor | None = None
        self.calls: Tensor | None = None


def linear_hook(module: nn.Module, args: Any, out: Tensor) -> Tensor:
    """On a linear layer; one condition as long as nothing is in the slot."""
    slot = cast(Any, module)._live_lora_slot
    if not slot.switch.on or slot.down is None:
        return out
    slot.calls.add_(1)
    h = F.linear(args[0], slot.down.to(out.device, non_blocking=True))  # (rows, …, r)
    scale = slot.scale.view(-1, *[1] * (h.dim() - 2), h.shape[-1])
    return out + F.linear(h * scale, slot.up.to(out.device, non_blocking=True))


def conv_hook(module: nn.Module, args: Any, out: Tensor) -> Tensor:
    """On a convolution without groups, zeros around it."""
    conv = cast(Any, module)
    slot = conv._live_lora_slot
    if not slot.switch.on or slot.down is None:
        return out
    slot.calls.add_(1)
    down = slot.down.to(out.device, non_blocking=True)
    h = F.conv2d(args[0], down, None, conv.stride, conv.padding, conv.dilation)
    h = h * slot.scale[:, :, None, None]
    return out + F.conv2d(h, slot.up.to(out.device, non_blocking=True))

"""What linear layers, convolutions and norms share: the layer is a module with two hooks on it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ...deltas import along
from ...errors import ModuleError
from ...records import Shape
from .base import Patch, Site, kind_of

WIDE = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


class ModuleSite(Site):
    """A module that owns `weight` and `bias` and is called with one tensor."""

    __slots__ = ()

    @property
    def weight(self) -> Tensor:
        """W. Raises ModuleError where the module stores it in another form, or elsewhere."""
        weight, shape = self.stored, self.shape
        if weight.is_meta or not unpacked(weight) or weight.shape != shape:
            held = f"{str(weight.dtype).removeprefix('torch.')} {tuple(weight.shape)}"
            why = "they are offloaded" if weight.is_meta else f"it stores {held} for {shape}"
            name = type(self.module).__name__
            reason = f"needs the base weights, which this {name} does not give: {why}"
            raise ModuleError("base-weights", reason)
        return weight

    @property
    def stored(self) -> Tensor:
        """What the module calls its weight."""
        return cast(Tensor, self.module.weight)

    @property
    def bias(self) -> Tensor | None:
        """(o,), or None."""
        return cast("Tensor | None", getattr(self.module, "bias", None))

    def forward_without_bias(self, x: Tensor) -> Tensor:
        """Wx by the module's own forward: it may be quantised, offloaded or cast by its host."""
        out, bias = cast(Tensor, self.module.forward(x)), self.bias
        if bias is None:
            return out
        if bias.is_meta:  # offloaded, but the module's answer to zeros
            return out - cast(Tensor, self.module.forward(torch.zeros_like(x)))
        return out - along(bias, out, self.channel_dim).to(out)

    @classmethod
    def install(cls, stack: ExitStack, patches: Sequence[Patch]) -> None:
        """A forward hook each, and a pre-hook where the layer's input changes."""
        for patch in patches:
            module = patch.site.module
            if patch.changes_input:
                before = cast(Callable[..., Any], partial(_before, patch))
                stack.callback(module.register_forward_pre_hook(before, with_kwargs=True).remove)
            after = cast(Callable[..., Any], partial(_after, patch))
            stack.callback(module.register_forward_hook(after, with_kwargs=True).remove)


def _before(patch: Patch, module: nn.Module, args: Any, kwargs: Any) -> Any:
    if args:
        return (patch.before(args[0]), *args[1:]), kwargs
    first = next(iter(kwargs))
    return args, {**kwargs, first: patch.before(kwargs[first])}


def _after(patch: Patch, module: nn.Module, args: Any, kwargs: Any, out: Any) -> Any:
    return patch.add(args[0] if args else next(iter(kwargs.values())), out)


def weight_of(module: nn.Module) -> Tensor | None:
    """The module's `weight`; None where there is none, or none yet."""
    weight = getattr(module, "weight", None)
    return weight if isinstance(weight, Tensor) and not is_lazy(weight) else None


def unpacked(weight: Tensor) -> bool:
    """Is each element one of W's? Packed ones are integers, or two floats in a byte."""
    return weight.dtype in WIDE or str(weight.dtype).startswith("torch.float8")


def integers(module: nn.Module, *names: str) -> Shape | None:
    """The values of these attributes, where all are integers."""
    values = tuple(getattr(module, name, None) for name in names)
    return cast(Shape, values) if all(isinstance(value, int) for value in values) else None


def is_leaf(module: nn.Module) -> bool:
    """Does it compute by itself, and from one tensor? PEFT's wrappers have layers inside."""
    if type(module).forward is nn.Module.forward or _needed(module.forward) > 1:
        return False
    return all(kind_of(inner) is None for inner in module.modules() if inner is not module)


def _needed(function: Callable[..., Any]) -> int:
    """How many arguments it cannot do without; 0 where nobody knows, as of compiled ones."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return 0
    fixed = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return sum(one.default is one.empty and one.kind not in fixed for one in parameters)

"""What linear layers, convolutions and norms share: the layer is a module with two hooks on it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.utils.hooks import RemovableHandle

from ...deltas import along
from ...errors import ModuleError
from ...records import Shape
from .base import Patch, Site, kind_of

WIDE = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


class ModuleSite(Site):
    """A module that owns `weight` and `bias` and is called with one tensor."""

    __slots__ = ()
    # The one that others of this kind are like; a kind without one is never folded.
    torch_class: ClassVar[type[nn.Module]] = nn.Module

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

    def own_parameters(self) -> tuple[nn.Parameter, nn.Parameter | None] | None:
        """Those of a module with torch's own forward, that are plain tensors and here.

        Not those made in inference mode: torch refuses to compute with another tensor in them.
        """
        module, weight, bias = self.module, self.stored, self.bias
        plain = getattr(module.forward, "__func__", None) is self.torch_class.forward
        owned = plain and all(
            type(one) is nn.Parameter
            and one.dtype in WIDE
            and not (one.is_meta or one.is_inference())
            for one in (weight, bias)
            if one is not None
        )
        if not owned or weight.shape != self.shape:
            return None
        return cast("tuple[nn.Parameter, nn.Parameter | None]", (weight, bias))

    @classmethod
    def install(cls, stack: ExitStack, patches: Sequence[Patch]) -> None:
        """Hooks of each patch."""
        for patch in patches:
            LayerHooks(patch, stack)


class LayerHooks:
    """The hooks of one patch: before its first call for a shape of the weights one that decides,
    then only those that it takes, which may be none.
    """

    def __init__(self, patch: Patch, stack: ExitStack) -> None:
        self.patch, self.module = patch, patch.site.module
        self.decided = False
        self._before: RemovableHandle | None = None
        self._after: RemovableHandle | None = None
        stack.callback(self._off)
        patch.unsettled = self._decide_next
        self._decide_next()

    def decide(self, x: Tensor) -> None:
        """The layer is called with x next."""
        self.patch.choose(x)
        self.decided = True
        if self.patch.hooked and self._after is None:
            after = cast(Callable[..., Any], partial(_after, self.patch))
            self._after = self.module.register_forward_hook(after, with_kwargs=True)
        if not (self.patch.hooked and self.patch.changes_input):
            self._before = _removed(self._before)
        if not self.patch.hooked:
            self._after = _removed(self._after)

    def _decide_next(self) -> None:
        self.decided = False
        if self._before is None:
            before = cast(Callable[..., Any], partial(_before, self))
            self._before = self.module.register_forward_pre_hook(before, with_kwargs=True)

    def _off(self) -> None:
        self._before, self._after = _removed(self._before), _removed(self._after)


def _removed(handle: RemovableHandle | None) -> RemovableHandle | None:
    if handle is not None:
        handle.remove()
    return None


def _before(hooks: LayerHooks, module: nn.Module, args: Any, kwargs: Any) -> Any:
    name = None if args else next(iter(kwargs))
    x = args[0] if name is None else kwargs[name]
    if not hooks.decided:
        hooks.decide(x)
    if not (hooks.patch.hooked and hooks.patch.changes_input):
        return None
    changed = hooks.patch.before(x)
    return ((changed, *args[1:]), kwargs) if name is None else (args, {**kwargs, name: changed})


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

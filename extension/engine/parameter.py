"""Deltas on a bare parameter that its module multiplies with: open_clip's `x @ text_projection`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from .layer_patch import LayerPatch

_PRODUCTS = {torch.Tensor.matmul, torch.Tensor.__matmul__, torch.matmul, torch.mm, torch.Tensor.mm}


class Projection(torch.Tensor):
    """Stands for a parameter: `x @ it` gets the plan's deltas, all else sees the plain tensor."""

    plan: LayerPatch

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        with torch._C.DisableTorchFunctionSubclass():
            out = func(*args, **(kwargs or {}))
            right = args[1] if len(args) > 1 else None
            if func in _PRODUCTS and isinstance(right, cls):
                return right.plan.run(args[0], out)
            return out


@contextmanager
def standing_in(module: nn.Module, name: str, plan: LayerPatch) -> Iterator[None]:
    """Shadows parameter `name` on the instance; the parameter itself is never touched."""
    parameter = module._parameters[name]
    assert isinstance(parameter, Tensor)
    shadow = parameter.detach().as_subclass(Projection)
    shadow.plan = plan
    # An instance attribute is found before nn.Module's __getattr__ looks among the parameters.
    module.__dict__[name] = shadow
    try:
        yield
    finally:
        del module.__dict__[name]

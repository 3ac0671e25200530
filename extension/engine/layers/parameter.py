"""A bare parameter that its module multiplies with: open_clip's `x @ text_projection`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...records import Kind
from .base import Patch, Site

NAME = "text_projection"
_PRODUCTS = {torch.Tensor.matmul, torch.Tensor.__matmul__, torch.matmul, torch.mm, torch.Tensor.mm}


class ParameterSite(Site):
    """y = x P, (…, i) → (…, o): W is the parameter's transpose."""

    __slots__ = ()
    kind: ClassVar[Kind] = "linear"
    whole: ClassVar[bool] = False

    @classmethod
    def claims(cls, module: nn.Module) -> bool:
        """A parameter of this name that is a matrix; as a module, it is a layer by itself."""
        parameter = module._parameters.get(NAME)
        return parameter is not None and parameter.dim() == 2

    @classmethod
    def of(cls, path: str, module: nn.Module) -> list[Site]:
        """The path ends in the parameter's name."""
        return [cls(f"{path}.{NAME}" if path else NAME, module)]

    @property
    def stored(self) -> Tensor:
        """(o, i), a view."""
        return cast(Tensor, getattr(self.module, NAME)).detach().t()

    @property
    def bias(self) -> Tensor | None:
        """None."""
        return None

    def base(self, x: Tensor) -> Tensor:
        """Wx, (…, i) → (…, o)."""
        return F.linear(x, self.weight.to(x.dtype))

    @classmethod
    def install(cls, stack: ExitStack, patches: Sequence[Patch]) -> None:
        """Stands in for the parameter, which is never touched."""
        for patch in patches:
            stack.enter_context(_standing_in(patch))


class Projection(torch.Tensor):
    """Stands for a parameter: `x @ it` gets the patch's deltas, all else sees the plain tensor."""

    patch: Patch

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
                return right.patch.run(args[0], out)
            return out


@contextmanager
def _standing_in(patch: Patch) -> Iterator[None]:
    module = patch.site.module
    parameter = module._parameters[NAME]
    assert isinstance(parameter, Tensor)
    shadow = parameter.detach().as_subclass(Projection)
    shadow.patch = patch
    # An instance attribute is found before nn.Module's __getattr__ looks among the parameters.
    module.__dict__[NAME] = shadow
    try:
        yield
    finally:
        del module.__dict__[NAME]

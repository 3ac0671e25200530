"""Group and layer norms with a weight."""

from __future__ import annotations

from typing import ClassVar, cast

from torch import Tensor, nn
from torch.nn import functional as F

from ...records import Kind
from .whole_module import ModuleSite, is_leaf, weight_of


class GroupNormSite(ModuleSite):
    """y = w ∘ normalised(x) + b over groups of channels, (n, c, …): nn.GroupNorm or its like."""

    __slots__ = ()
    kind: ClassVar[Kind] = "norm"
    torch_class: ClassVar[type[nn.Module]] = nn.GroupNorm
    channel_dim: ClassVar[int] = 1

    @classmethod
    def claims(cls, module: nn.Module) -> bool:
        """nn.GroupNorm, or what has its attributes and no other input, with a weight (c,)."""
        return _is_norm(module, nn.GroupNorm, "num_groups", "num_channels")

    def base(self, x: Tensor) -> Tensor:
        """The normalised x, before weight and bias."""
        norm = cast(nn.GroupNorm, self.module)
        return F.group_norm(x, norm.num_groups, eps=norm.eps)


class LayerNormSite(ModuleSite):
    """y = w ∘ normalised(x) + b over the last dimension, (…, c): nn.LayerNorm or its like."""

    __slots__ = ()
    kind: ClassVar[Kind] = "norm"
    torch_class: ClassVar[type[nn.Module]] = nn.LayerNorm

    @classmethod
    def claims(cls, module: nn.Module) -> bool:
        """nn.LayerNorm, or what has its attributes; an RMS norm has no `bias`, not even None."""
        return _is_norm(module, nn.LayerNorm, "normalized_shape", "bias")

    def base(self, x: Tensor) -> Tensor:
        """The normalised x, before weight and bias."""
        return F.layer_norm(x, self.shape, eps=cast(nn.LayerNorm, self.module).eps)


def _is_norm(module: nn.Module, kind: type[nn.Module], *names: str) -> bool:
    weight = weight_of(module)
    if weight is None or weight.dim() != 1:
        return False
    if isinstance(module, kind):
        return True
    alike = all(hasattr(module, name) for name in (*names, "eps"))
    return alike and "RMS" not in type(module).__name__ and is_leaf(module)

"""Where a delta can act: the leaf layers of a model, and the projections inside fused attention."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..deltas import Layer

Kind = Literal["linear", "conv", "norm"]
PROJECTIONS = ("q_proj", "k_proj", "v_proj", "out_proj")


@dataclass(slots=True)
class Site:
    """One weight of one module.

    `path` is the module's dotted path; for `nn.MultiheadAttention` it ends in the projection
    (`…attn.q_proj`), for a bare parameter in its name. `row_dim` is the dimension of the module's
    input that counts the batch: 1 inside transformers that keep (tokens, rows, channels).
    """

    path: str
    module: nn.Module
    kind: Kind
    part: str | None = None
    row_dim: int = 0

    @property
    def weight(self) -> Tensor:
        """(o, i), (o, i, kh, kw), or (c,) for a norm; a view of the module's own tensor."""
        if self.part is None:
            return cast(Tensor, self.module.weight)
        if self.part in PROJECTIONS:
            return projection(cast(nn.MultiheadAttention, self.module), self.part)[0]
        return cast(Tensor, getattr(self.module, self.part)).detach().t()

    @property
    def bias(self) -> Tensor | None:
        """(o,), or None."""
        if self.part is None:
            return cast("Tensor | None", getattr(self.module, "bias", None))
        if self.part in PROJECTIONS:
            return projection(cast(nn.MultiheadAttention, self.module), self.part)[1]
        return None

    def layer(self) -> Layer:
        """The base layer as algorithms see it, with the convolution's settings of this moment."""
        layer = Layer(self.kind, self.weight, self.bias, self.base())
        if self.kind == "conv":
            conv = cast(nn.Conv2d, self.module)
            layer.stride, layer.padding = conv.stride, conv.padding
            layer.dilation, layer.groups = conv.dilation, conv.groups
            layer.padding_mode = conv.padding_mode
            layer.border = tuple(conv._reversed_padding_repeated_twice)
        return layer

    def base(self) -> Callable[[Tensor], Tensor]:
        """x → Wx; for a norm, x → the normalised x before weight and bias."""
        if self.part is not None:
            return lambda x: F.linear(x, self.weight.to(x.dtype))
        if isinstance(self.module, nn.GroupNorm):
            groups, eps = self.module.num_groups, self.module.eps
            return lambda x: F.group_norm(x, groups, eps=eps)
        if isinstance(self.module, nn.LayerNorm):
            shape, eps = self.module.normalized_shape, self.module.eps
            return lambda x: F.layer_norm(x, shape, eps=eps)
        return self._product

    def _product(self, x: Tensor) -> Tensor:
        # The module's own forward, since it may be quantised, offloaded or cast by its host.
        weight, bias = self.weight, self.bias
        if self.kind == "linear" and weight.dtype == x.dtype and weight.device == x.device:
            return F.linear(x, weight)
        out = cast(Tensor, self.module.forward(x))
        return out if bias is None else out - channels(bias, out, self.kind).to(out)


def channels(vector: Tensor, out: Tensor, kind: Kind) -> Tensor:
    """(o,) so that it broadcasts over a layer's output: channels are dim 1 of images, else last."""
    return vector.view(-1, *[1] * (out.dim() - 2)) if kind == "conv" else vector


def projection(mha: nn.MultiheadAttention, name: str) -> tuple[Tensor, Tensor | None]:
    """Weight (o, i) and bias (o,) of one projection of a fused attention; views, not copies."""
    if name == "out_proj":
        return mha.out_proj.weight, mha.out_proj.bias
    index = PROJECTIONS.index(name)
    rows = slice(index * mha.embed_dim, (index + 1) * mha.embed_dim)
    bias = None if mha.in_proj_bias is None else mha.in_proj_bias[rows]
    if mha.in_proj_weight is not None:
        return mha.in_proj_weight[rows], bias
    return cast(Tensor, getattr(mha, f"{name}_weight")), bias


def find_sites(model: nn.Module) -> Iterator[Site]:
    """Every site of a model, in the order of `named_modules()`."""
    fused = {p: m for p, m in model.named_modules() if isinstance(m, nn.MultiheadAttention)}
    # Blocks around a (tokens, rows, channels) attention keep that layout for all their layers.
    swapped = tuple(_parent(p) for p, m in fused.items() if not m.batch_first)
    for path, module in model.named_modules():
        row_dim = int(bool(swapped) and path.startswith(swapped))
        if path in fused:
            for name in PROJECTIONS:
                yield Site(_inside(path, name), module, "linear", name, row_dim)
        elif not (path and _parent(path)[:-1] in fused) and (kind := kind_of(module)):
            yield Site(path, module, kind, None, row_dim)
        projected = module._parameters.get("text_projection")
        if projected is not None and projected.dim() == 2:
            yield Site(_inside(path, "text_projection"), module, "linear", "text_projection")


def kind_of(module: nn.Module) -> Kind | None:
    """What a module is to an algorithm, or None if no algorithm knows it."""
    if isinstance(module, nn.Linear):
        return "linear"
    if isinstance(module, nn.Conv2d):
        return "conv"
    if isinstance(module, (nn.GroupNorm, nn.LayerNorm)) and isinstance(module.weight, torch.Tensor):
        return "norm"
    return None


def _inside(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _parent(path: str) -> str:
    """`a.b.` of `a.b.c`; empty at the top."""
    return path[: path.rfind(".") + 1]

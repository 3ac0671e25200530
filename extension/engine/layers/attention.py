"""The projections inside `nn.MultiheadAttention` (SD 2.x's text encoder, SDXL's second one).

Its forward calls none of them as modules, so no hook on them fires: while deltas are active,
q, k, v and out are computed here and take the place of the module's own output.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...records import Kind
from .base import Patch, Site

PROJECTIONS = ("q_proj", "k_proj", "v_proj", "out_proj")

# The parameters of nn.MultiheadAttention.forward, in order, with their defaults.
_DEFAULTS: dict[str, Any] = {
    "query": None,
    "key": None,
    "value": None,
    "key_padding_mask": None,
    "need_weights": True,
    "attn_mask": None,
    "average_attn_weights": True,
    "is_causal": False,
}


class ProjectionSite(Site):
    """One of the four projections, (…, i) → (…, o); its path ends in the projection's name."""

    __slots__ = ()
    kind: ClassVar[Kind] = "linear"

    @classmethod
    def claims(cls, module: nn.Module) -> bool:
        """The one class whose forward is known here."""
        return isinstance(module, nn.MultiheadAttention)

    @classmethod
    def of(cls, path: str, module: nn.Module) -> list[Site]:
        """All four."""
        return [cls(f"{path}.{name}" if path else name, module) for name in PROJECTIONS]

    @property
    def name(self) -> str:
        """q_proj, k_proj, v_proj or out_proj."""
        return self.path.rpartition(".")[2]

    @property
    def stored(self) -> Tensor:
        """(o, i), a view."""
        return projection(cast(nn.MultiheadAttention, self.module), self.name)[0]

    @property
    def bias(self) -> Tensor | None:
        """(o,), a view, or None."""
        return projection(cast(nn.MultiheadAttention, self.module), self.name)[1]

    @property
    def tokens_first(self) -> bool:
        """nn.MultiheadAttention's own default."""
        return not cast(nn.MultiheadAttention, self.module).batch_first

    def base(self, x: Tensor) -> Tensor:
        """Wx, (…, i) → (…, o)."""
        return F.linear(x, self.weight.to(x.dtype))

    @classmethod
    def install(cls, stack: ExitStack, patches: Sequence[Patch]) -> None:
        """One hook for all projections of a module."""
        named = {cast(ProjectionSite, patch.site).name: patch for patch in patches}
        hook = cast(Callable[..., Any], partial(_attention_hook, named))
        module = patches[0].site.module
        stack.callback(module.register_forward_hook(hook, with_kwargs=True).remove)


def projection(mha: nn.MultiheadAttention, name: str) -> tuple[Tensor, Tensor | None]:
    """Weight (o, i) and bias (o,) of one projection; views, not copies."""
    if name == "out_proj":
        return mha.out_proj.weight, mha.out_proj.bias
    index = PROJECTIONS.index(name)
    rows = slice(index * mha.embed_dim, (index + 1) * mha.embed_dim)
    bias = None if mha.in_proj_bias is None else mha.in_proj_bias[rows]
    if mha.in_proj_weight is not None:
        return mha.in_proj_weight[rows], bias
    return cast(Tensor, getattr(mha, f"{name}_weight")), bias


def _attention_hook(
    patches: Mapping[str, Patch], module: nn.Module, args: Any, kwargs: Any, out: Any
) -> Any:
    query = args[0] if args else kwargs["query"]
    if not any(patch.acts(query) for patch in patches.values()):
        return out
    attended = attend(cast(nn.MultiheadAttention, module), patches, args, kwargs)
    return type(out)(attended) if isinstance(out, tuple) else attended[0]


def attend(
    mha: nn.MultiheadAttention, patches: Mapping[str, Patch], args: tuple[Any, ...], kwargs: Any
) -> tuple[Tensor, Tensor | None]:
    """`mha(*args, **kwargs)` with deltas on its projections (Vaswani et al. 2017).

    Args:
        patches: by projection, `q_proj`, `k_proj`, `v_proj`, `out_proj`; others stay as they are.
    """
    call = {**_DEFAULTS, **dict(zip(_DEFAULTS, args, strict=False)), **kwargs}
    inputs = {"q_proj": call["query"], "k_proj": call["key"], "v_proj": call["value"]}
    q, k, v = (_heads(mha, _project(mha, patches, name, x)) for name, x in inputs.items())
    mask = _mask(mha, q, k, call["attn_mask"], call["key_padding_mask"])
    scores = None
    if call["need_weights"]:
        scores = _scores(q, k, mask)
        mixed = scores @ v
        scores = scores.mean(dim=1) if call["average_attn_weights"] else scores
    else:
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    joined = mixed.transpose(1, 2).flatten(2)  # (rows, tokens, channels)
    if call["query"].dim() == 2:
        joined, scores = joined[0], scores if scores is None else scores[0]
    elif not mha.batch_first:
        joined = joined.transpose(0, 1)
    return _project(mha, patches, "out_proj", joined), scores


def _project(
    mha: nn.MultiheadAttention, patches: Mapping[str, Patch], name: str, x: Tensor
) -> Tensor:
    weight, bias = projection(mha, name)
    out = F.linear(x, weight, bias)
    patch = patches.get(name)
    return out if patch is None else patch.run(x, out)


def _heads(mha: nn.MultiheadAttention, x: Tensor) -> Tensor:
    """(tokens, rows, c), (rows, tokens, c) or (tokens, c) → (rows, heads, tokens, c / heads)."""
    if x.dim() == 2:
        x = x[None]
    elif not mha.batch_first:
        x = x.transpose(0, 1)
    rows, tokens, _ = x.shape
    return x.reshape(rows, tokens, mha.num_heads, -1).transpose(1, 2)


def _mask(
    mha: nn.MultiheadAttention, q: Tensor, k: Tensor, mask: Tensor | None, padding: Tensor | None
) -> Tensor | None:
    """Both masks as one additive (…, queries, keys), the way the module documents them."""
    if mask is not None:
        mask = _additive(mask, q)
        if mask.dim() == 3:
            mask = mask.view(q.shape[0], mha.num_heads, q.shape[2], k.shape[2])
    if padding is not None:
        ignored = _additive(padding, q).view(q.shape[0], 1, 1, k.shape[2])
        mask = ignored if mask is None else mask + ignored
    return mask


def _additive(mask: Tensor, like: Tensor) -> Tensor:
    if mask.dtype != torch.bool:
        return mask.to(like.dtype)
    return torch.zeros_like(mask, dtype=like.dtype).masked_fill_(mask, float("-inf"))


def _scores(q: Tensor, k: Tensor, mask: Tensor | None) -> Tensor:
    scores = q @ k.transpose(-2, -1) / cast(float, q.shape[-1] ** 0.5)
    return torch.softmax(scores if mask is None else scores + mask, dim=-1)

"""Deltas inside `nn.MultiheadAttention` (SD 2.x's text encoder, SDXL's second one).

Its forward calls none of its projections as modules, so no hook on them fires: while deltas are
active, q, k, v and out are computed here and take the place of the module's own output.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .layer_patch import LayerPatch
from .sites import projection

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


def attend(
    mha: nn.MultiheadAttention, plans: Mapping[str, LayerPatch], args: tuple[Any, ...], kwargs: Any
) -> tuple[Tensor, Tensor | None]:
    """`mha(*args, **kwargs)` with the plans' deltas on its projections (Vaswani et al. 2017).

    Args:
        plans: by projection, `q_proj`, `k_proj`, `v_proj`, `out_proj`; others stay as they are.
    """
    call = {**_DEFAULTS, **dict(zip(_DEFAULTS, args, strict=False)), **kwargs}
    inputs = {"q_proj": call["query"], "k_proj": call["key"], "v_proj": call["value"]}
    q, k, v = (_heads(mha, _project(mha, plans, name, x)) for name, x in inputs.items())
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
    return _project(mha, plans, "out_proj", joined), scores


def _project(
    mha: nn.MultiheadAttention, plans: Mapping[str, LayerPatch], name: str, x: Tensor
) -> Tensor:
    weight, bias = projection(mha, name)
    out = F.linear(x, weight, bias)
    plan = plans.get(name)
    return out if plan is None else plan.run(x, out)


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

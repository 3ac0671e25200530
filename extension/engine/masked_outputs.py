"""Masks over the outputs of one layer: which of their dimensions are places."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from torch import Tensor

from ..deltas import Layer
from .mask import Mask
from .places import Layout, Places
from .terms import Term


class Placing:
    """One layer's view of the masks; without `places` none counts."""

    def __init__(self, layer: Layer, path: str, places: Places | None) -> None:
        self.layer, self.path, self.places = layer, path, places

    def masks(self, terms: Iterable[Term]) -> list[Mask | None]:
        """Those of the terms that count."""
        return [term.mask if self.places else None for term in terms]

    def over(self, layout: Layout) -> Callable[[Tensor], Tensor]:
        """From the output of a linear layer (rows, tokens, o) to masks (tokens, Σ ranks), from
        (rows, o) to their means (Σ ranks,), of a convolution (n, o, h, w) to (Σ ranks, h, w).
        """
        places, path = self.places or Places(), self.path

        def pixels(out: Tensor) -> Tensor:
            return places.pixels(layout, out.shape[-2:], out, path)

        def tokens(out: Tensor) -> Tensor:
            if out.dim() != 3:
                return places.means(layout, out)
            return places.tokens(layout, out.shape[1], out, path)

        return pixels if self.layer.kind == "conv" else tokens

    def where(self, mask: Mask | None, out: Tensor) -> Tensor | None:
        """The mask so that it broadcasts over inputs or outputs of the layer, rows first.

        None without a mask.
        """
        if mask is None or self.places is None:
            return None
        layout: Layout = ((mask, 1),)
        channels = self.layer.channel_dim % out.dim()
        if out.dim() == 4 and channels == 1:  # (n, c, h, w)
            return self.places.pixels(layout, out.shape[2:], out, self.path)
        if out.dim() != 3:
            return self.places.means(layout, out)
        tokens = self.places.tokens(layout, out.shape[3 - channels], out, self.path)
        return tokens.flatten() if channels == 1 else tokens  # (n, c, tokens), (n, tokens, c)

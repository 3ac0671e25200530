"""Masks over the outputs of one layer: which of their dimensions are places."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from torch import Tensor

from ..deltas import Layer
from .mask import Mask
from .places import Layout, Places
from .terms import Term

ALL = slice(None)


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

        With the rows in front where each shows another part of the picture.
        """
        places, path = self.places or Places(), self.path

        def pixels(out: Tensor) -> Tensor:
            return places.pixels(layout, out.shape[-2:], out, path)

        def tokens(out: Tensor) -> Tensor:
            if out.dim() != 3:
                return places.means(layout, out, out.dim())
            return places.tokens(layout, out.shape[1], out, path)

        return pixels if self.layer.kind == "conv" else tokens

    def where(self, mask: Mask | None, out: Tensor, part: slice = ALL) -> Tensor | None:
        """The mask so that it broadcasts over a `part` of the rows of `out`, None without one.

        Args:
            mask: the mask.
            out: an input or output of the layer with all its rows, rows first.
            part: which of them.
        """
        if mask is None or self.places is None:
            return None
        found = self._where(mask, self.places, out)
        return found[part] if found.dim() == out.dim() else found

    def _where(self, mask: Mask, places: Places, out: Tensor) -> Tensor:
        layout: Layout = ((mask, 1),)
        channels = self.layer.channel_dim % out.dim()
        if out.dim() == 4 and channels == 1:  # (n, c, h, w)
            return places.pixels(layout, out.shape[2:], out, self.path)
        if out.dim() != 3:
            return places.means(layout, out, out.dim())
        tokens = places.tokens(layout, out.shape[3 - channels], out, self.path)
        # (n, c, tokens) or (n, tokens, c)
        return tokens.mT if channels == 1 and tokens.dim() > 1 else tokens

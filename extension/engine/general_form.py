"""The arithmetic of a layer that serves every case: any deltas, rows, dtypes and strides."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..deltas import Delta, InputMap, Layer, LowRank
from .adding import add, add_low_rank
from .layers import Site
from .masked_outputs import Placing
from .terms import WHOLE, Active, Term, active
from .weight_table import RowWeights, WeightTable

# The attribute by which a changed input leads to (form, the input as it was).
ORIGINAL = "_live_lora_original"


class GeneralForm:
    """out + Σ m D(x, Wx), one term after the other. `before` and `after` are what hooks do."""

    def __init__(
        self,
        site: Site,
        layer: Layer,
        terms: Sequence[Term],
        table: WeightTable,
        placing: Placing,
    ) -> None:
        self.site = site
        self.placing = placing
        self.layer = layer
        self.terms = terms
        self.table = table
        # Under a mask a convolution's is computed by itself: what is masked before it spreads.
        self.maps = [
            one
            for one in terms
            if isinstance(one.cached.delta, InputMap) and not (one.mask and layer.kind == "conv")
        ]
        self.second_products = 0

    def before(self, x: Tensor) -> Tensor:
        """x + Σ m (shift(x) − x), in x's shape: the layer's own product then serves all input maps.

        x itself where none of them acts.
        """
        rows = self.rows_first(x)
        acting = list(active(self.maps, self.table, rows.shape[0]))
        if not acting:
            return x
        changed = rows.clone()
        for term, part, weight in acting:
            # Not x's dtype: under autocast x has 32 bits, while the layer and `after` have 16.
            delta = term.cached.on(x.device, term.cached.dtype or x.dtype)
            assert isinstance(delta, InputMap)
            source = rows[part].to(term.cached.dtype)
            scale = self._scale(term, part, weight, rows)
            shift = delta.shift(self.layer, source) - source
            add(changed[part], shift, scale, self.placing.where(term.mask, rows, part))
        if self.site.row_dim and x.dim() > 2:
            changed = changed.movedim(0, self.site.row_dim)
        # `after` gets this tensor, not x. Were x kept in the form, a call that raises or one on
        # another thread would leave it to the wrong `after`.
        setattr(changed, ORIGINAL, (self, x))
        return changed

    def after(self, x: Tensor, out: Tensor) -> Tensor:
        """out + Σ m D(x, Wx), in place unless gradients are wanted.

        Args:
            x: what the layer was called with, so what `before` gave where there are input maps.
            out: its output for that, (…, o) or (n, o, h, w), with the same rows.
        """
        if self.maps:
            x = self.original(x)
        rows = self.rows_first(x)
        acting = list(active(self.terms, self.table, rows.shape[0]))
        if not acting:
            return out
        if out.requires_grad:
            out = out.clone()
        if rows.dtype != out.dtype:
            rows = rows.to(out.dtype)
        self._add_each(rows, self.rows_first(out), acting)
        for term, _, _ in acting:
            term.ran = True
        return out

    def original(self, x: Tensor) -> Tensor:
        """The input as it was given to `before`; other runs' patches may have changed it since."""
        changed: Tensor = x
        while (left := getattr(changed, ORIGINAL, None)) is not None:
            form, changed = left
            if form is self:
                return changed
        return x

    def rows_first(self, x: Tensor) -> Tensor:
        """A view of an input or output, with the dimension that counts the batch in front."""
        return x.movedim(self.site.row_dim, 0) if self.site.row_dim and x.dim() > 2 else x

    def _scale(self, term: Term, part: slice, weight: RowWeights, like: Tensor) -> float | Tensor:
        """A float, or (rows, 1) where the weights of that stretch of `like` differ by row."""
        if not isinstance(weight, tuple):
            return weight
        scale = self.table.vector((term.column,), (1,), like)
        if len(scale) != len(like):
            scale = scale[self.table.lines(len(like))]
        return scale[part]

    def _add_each(self, x: Tensor, out: Tensor, acting: Sequence[Active]) -> None:
        wanted = any(term.cached.delta.reads == "wx" for term, _, _ in acting)
        product = self._base_product(x, out) if wanted else None
        for term, part, weight in acting:
            delta = term.cached.on(out.device, out.dtype)
            scale = self._scale(term, part, weight, out)
            where = self.placing.where(term.mask, out, part)
            if part is WHOLE:
                self._add_one(delta, x, out, product, scale, where)
            else:
                wx = None if product is None else product[part]
                self._add_one(delta, x[part], out[part], wx, scale, where)

    def _add_one(
        self,
        delta: Delta,
        x: Tensor,
        out: Tensor,
        wx: Tensor | None,
        scale: float | Tensor,
        where: Tensor | None,
    ) -> None:
        if isinstance(delta, LowRank) and delta.mid is None:
            add_low_rank(self.layer, delta, x, out, scale, where)
        elif isinstance(delta, InputMap) and (where is None or self.layer.kind != "conv"):
            # W(shift(x) − x) is in `out` already, as the layer was given the changed input.
            if delta.inner is not None:
                add(out, delta.inner(self.layer, delta.shift(self.layer, x)), scale, where)
        else:
            add(out, delta(self.layer, x, wx), scale, where)
        if delta.bias is not None:
            add(out, self.layer.along(delta.bias, out).expand_as(out), scale, where)

    def _base_product(self, x: Tensor, out: Tensor) -> Tensor:
        """Wx of the original x, without bias, from `out` where that is possible."""
        bias = self.site.bias
        if self.layer.kind == "norm":
            return self.layer.base(x)  # the normalised x, which `out` does not give back
        if self.maps:
            self.second_products += 1
        elif bias is None:
            return out.clone()
        elif bias.device == out.device:
            return out - self.layer.along(bias, out).to(out.dtype)
        return self.layer.base(x)

"""A layer while a delta is built for it, and whether the delta depends on its weights."""

from __future__ import annotations

from torch import Tensor

from ..deltas import Layer
from ..records import Kind, Shape


class WatchedLayer:
    """A layer's geometry, and its values; `was_read` remembers whether these were looked at.

    A delta that was built without reading them holds for every checkpoint; one that W is part of
    (by DoRA's lengths, say) has to be built anew for each.
    """

    __slots__ = ("_layer", "groups", "kind", "shape", "was_read")

    def __init__(self, layer: Layer) -> None:
        self._layer = layer
        self.kind: Kind = layer.kind
        self.shape: Shape = layer.shape  # (o, i), (o, i, kh, kw) or (c,)
        self.groups: int = layer.groups
        self.was_read = False

    @property
    def outputs(self) -> int:
        """o, or c of a norm."""
        return self.shape[0]

    @property
    def weight(self) -> Tensor:
        """W, in `shape`. ModuleError where a quantised layer does not give its values."""
        self.was_read = True
        return self._layer.weight

    @property
    def bias(self) -> Tensor | None:
        """(o,), or None; whether there is one depends on the checkpoint as well."""
        self.was_read = True
        return self._layer.bias

"""What all networks of a run add on one layer, and which arithmetic does it."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from typing import Any

from torch import Tensor

from ..deltas import Layer
from .cached_delta import HOST, OUT_OF_MEMORY, Streaming
from .case import Case
from .choice import Choice
from .folding import Fold
from .general_form import GeneralForm
from .layers import Site
from .layers.whole_module import WIDE
from .low_rank import Add
from .masked_outputs import Placing
from .places import Places
from .shared_input import InputGroup, Member, Sharing
from .terms import Term
from .weight_table import CellShape, WeightTable

# For as many shapes of the weights the arithmetic is kept: cond and uncond, on and off.
MOST_FORMS = 4


class LayerPatch:
    """The terms of one layer: out + Σ m D(x, Wx).

    `add` is what the layer's hook calls. At the first call for a shape of the weights it settles
    what there is to do, and is then the arithmetic itself, until the table tells of another shape.
    """

    def __init__(
        self,
        site: Site,
        terms: Sequence[Term],
        table: WeightTable,
        places: Places | None = None,
    ) -> None:
        """`places` is where masks are looked up; without it none counts."""
        self.site = site
        self.layer: Layer = site.layer()
        self.terms = list(terms)
        self.table = table
        self.siblings: Sequence[Sharing] = ()
        self.called = False  # whether the host ever called the layer
        self.placing = Placing(self.layer, site.path, places)
        self.general = GeneralForm(site, self.layer, self.terms, table, self.placing)
        self.changes_input = bool(self.general.maps)
        self.before = self.general.before
        self.add: Add = self._first
        self._forms: dict[tuple[CellShape, ...], Add] = {}
        self._settled_for: tuple[object, ...] = ()  # dtypes and device
        self.fold: Fold | None = None  # given where the layer may be folded, by `choice`
        self.choice: Choice | None = None
        self.streaming: Streaming | None = None  # given where a full device is no error
        self.hooked = True
        self.unsettled: Callable[[], None] = _nothing_to_tell
        table.changed.append(self.unsettle)

    @property
    def masked(self) -> bool:
        """Whether any of its networks acts in a part of the picture alone."""
        return any(self.placing.masks(self.terms))

    @property
    def second_products(self) -> int:
        """How often Wx was computed a second time."""
        return self.general.second_products

    def acts(self, x: Tensor) -> bool:
        """Whether any weight is other than 0 for a call with this input."""
        self.called = True
        batch = x.shape[self.site.row_dim if x.dim() > 2 else 0]
        return any(self.table.weight(term.column, batch) for term in self.terms)

    def run(self, x: Tensor, out: Tensor) -> Tensor:
        """The patched layer's output for x, from `out` = W x + b, where nothing hooks the layer.

        x (…, i) and out (…, o), with the rows in the site's `row_dim`.
        """
        if not self.changes_input:
            return self.add(x, out)
        changed = self.before(x)
        if changed is not x:
            out = out + self.layer.base(changed - x)
        return self.add(changed, out)

    def choose(self, x: Tensor) -> None:
        """Folded, hooked, or nothing to do, for the present shape of the weights."""
        self.called = True
        key = self._key()
        folds = self.choice is not None and self.choice.folds(self, key, x)
        self.hooked = any(shape != 0.0 for shape in key)
        if folds and self._fold():
            self.remember({term.column for term in self.terms if self.table.acts(term.column)})
            if None in key and self.unsettled not in self.table.moved:
                self.table.moved.append(self.unsettled)  # another number at each move
        elif self.fold is not None and self.fold.on:
            self.fold.undo()

    def _fold(self) -> bool:
        """False where there was no memory for it after all."""
        try:
            self.fold_now()
        except OUT_OF_MEMORY:
            assert self.choice is not None
            self.choice.give_up(self)
            return False
        self.hooked = False
        return True

    def fold_now(self) -> None:
        """The present weights, folded from the original; before a call, or between two."""
        assert self.fold is not None
        numbers = self.table.numbers
        self.fold.write([(term.cached.delta, numbers[term.column]) for term in self.terms])

    def remember(self, columns: Set[int]) -> None:
        """The layer was called, and these columns had a weight."""
        for term in self.terms:
            term.ran |= term.column in columns
        self.called |= any(term.ran for term in self.terms)

    def unsettle(self) -> None:
        """Another shape of the weights: what is to be done is decided at the next call."""
        self.add = self._first
        if self.unsettled in self.table.moved:
            self.table.moved.remove(self.unsettled)
        self.unsettled()

    def let_go(self) -> None:
        """Of all that was settled, and of the memory it holds."""
        self._forms.clear()
        self.add = self._first

    def release(self) -> None:
        """The run is over."""
        self.let_go()
        self.hooked = True
        self.unsettled = _nothing_to_tell
        self.table.moved.clear()
        if self.fold is not None:
            self.fold.undo()

    def replace(self, old: Add, new: Add) -> None:
        """`new` wherever it has `old`."""
        self._forms = {key: new if form is old else form for key, form in self._forms.items()}
        if self.add is old:
            self.add = new

    def send_ahead(self) -> None:
        """Copies what it needs to where the layer is, as far as that is another place."""
        stored = self.site.stored
        if not (stored.is_meta or stored.device.type == HOST) and self.layer.dtype in WIDE:
            for term in self.terms:
                if self.table.acts(term.column):
                    term.cached.on(stored.device, stored.dtype)

    def _first(self, x: Tensor, out: Tensor) -> Tensor:
        """The first call for a shape of the weights."""
        self.called = True
        key = self._key()
        if key not in self._forms:
            self._settle_somehow(key, x.dtype, out.dtype, x.device)
        self.add = self._forms[key]
        out = self.add(x, out)
        for term, shape in zip(self.terms, key, strict=True):
            term.ran |= shape != 0.0
        return out

    def _key(self) -> tuple[CellShape, ...]:
        return tuple(self.table.shapes[term.column] for term in self.terms)

    def _settle_somehow(self, key: tuple[CellShape, ...], *kind: Any) -> None:
        """As the device has memory for it: what is settled keeps its factors there."""
        try:
            if not self._streams:
                self._settle(key, *kind)
        except OUT_OF_MEMORY:
            if self.streaming is None:
                raise
            self.streaming.start()
        if self._streams:
            self._forms, self._settled_for = {key: self.general.after}, kind

    @property
    def _streams(self) -> bool:
        return self.streaming is not None and self.streaming.on

    def _settle(self, key: tuple[CellShape, ...], *kind: Any) -> None:
        """For these dtypes of input and output, and this device."""
        member = self._settle_alone(key, kind)
        if member is not None and self.siblings:
            others = {one: one.shareable(kind) for one in self.siblings if one is not self}
            found = {one: other for one, other in others.items() if other is not None}
            if found:
                InputGroup({self: member, **found})

    def shareable(self, kind: tuple[Any, ...]) -> Member | None:
        """Settles it before its first call, if it then can share A x with another layer."""
        key = self._key()
        return None if key in self._forms or self._streams else self._settle_alone(key, kind)

    def _settle_alone(self, key: tuple[CellShape, ...], kind: tuple[Any, ...]) -> Member | None:
        row_dim, terms, otherwise = self.site.row_dim, self.terms, self._otherwise
        case = Case(self.layer, row_dim, terms, key, self.table, otherwise, self.placing)
        form, member = case.settled(*kind)
        if self._streams:  # there was no room in the end: its factors are not to be held on to
            return None
        if len(self._forms) >= MOST_FORMS:
            self._forms.pop(next(iter(self._forms)))
        self._forms[key], self._settled_for = form or self.general.after, kind
        return member

    def _otherwise(self, x: Tensor, out: Tensor) -> Tensor:
        """A call that the settled arithmetic is not for: another dtype or device, gradients, …"""
        if self._settled_for == (x.dtype, out.dtype, x.device):
            return self.general.after(x, out)
        self._forms.clear()
        return self._first(x, out)


def _nothing_to_tell() -> None:
    """No hooks are on."""

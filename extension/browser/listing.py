"""The list of all files as the page gets it: at first whole, then only what changed since.

Each row is kept as text and made anew when the library says that it changed, so that to ask again
costs next to nothing. `since` is what the answer before said; it is only good for the same library
and the same model, since rows say whether a file fits the model.
"""

from __future__ import annotations

import json
import threading
from collections import Counter

from ..library.catalog import Catalog
from ..library.scan import Snapshot
from . import cards

ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class Listing:
    """The rows of one catalog for one model."""

    def __init__(self, catalog: Catalog, model: str | None) -> None:
        self.catalog = catalog
        self.model = model
        self._rows: dict[str, str] = {}  # id -> JSON
        self._number = 0
        self._lock = threading.Lock()

    @property
    def epoch(self) -> str:
        """What `since` begins with."""
        return f"{self.catalog.changes.epoch}:{self.model or ''}"

    def answer(self, since: str = "") -> str:
        """The rows, or those that changed, and how far the reading is; JSON."""
        snapshot = self.catalog.snapshot
        epoch, _, number = since.rpartition("-")
        known = int(number) if epoch == self.epoch and number.isdecimal() else None
        with self._lock:
            now = self._renew()
            changed = self.catalog.changes.since(known) if known is not None else list(self._rows)
            rows = [row for id in changed if (row := self._rows.get(id))]
        label = next(iter(snapshot.names.labels), "")
        rest = {
            "since": f"{self.epoch}-{now}",
            "all": known is None,
            "gone": [id for id in changed if id not in snapshot.by_id],
            "label": label,
            "read": self.catalog.read_count,
            "files": len(snapshot.entries),
            "problems": self.catalog.problems,
            "model": {"base": self.model} if self.model else None,
        }
        if known is None or changed:
            rest["folders"] = folders_of(snapshot)
        return f'{{"loras":[{",".join(rows)}],{json.dumps(rest, separators=(",", ":"))[1:]}'

    def _renew(self) -> int:
        """Makes the rows that changed; the number of the last change that they hold."""
        catalog = self.catalog
        now = catalog.changes.number
        snapshot = catalog.snapshot
        label = next(iter(snapshot.names.labels), "")
        changed = catalog.changes.since(self._number) if self._rows else list(snapshot.by_id)
        labels = dict(zip(snapshot.by_id, snapshot.names.labels, strict=True)) if changed else {}
        for id in changed:
            entry = snapshot.by_id.get(id)
            if entry is None:
                self._rows.pop(id, None)
                continue
            own = {"label": labels[id]} if labels[id] != label else {}
            self._rows[id] = text(cards.row(entry, self.model) | own)
        self._number = now
        return now


def folders_of(snapshot: Snapshot) -> list[list[str | int]]:
    """Every folder, empty ones too: its library folder's name, its path in it, how many files lie
    in it, those of the folders below not counted."""
    lie = Counter(id(entry.folder) for entry in snapshot.entries)
    return [[label, folder.relative, lie[id(folder)]] for label, folder in snapshot.walked]


def text(content: object) -> str:
    """JSON; names that are no Unicode text travel as escapes."""
    written = ENCODER.encode(content)
    try:
        written.encode()
    except UnicodeEncodeError:
        return json.dumps(content, separators=(",", ":"))
    return written

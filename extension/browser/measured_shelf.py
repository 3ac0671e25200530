"""What the last drawings have measured, kept for the page that shows it, by unguessable names."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from secrets import token_urlsafe
from typing import Any

MOST = 20  # drawings

# Of each picture its passes, as `Measured.as_dict` has them.
PicturesMeasured = Sequence[Sequence[dict[str, Any]]]


class MeasuredShelf:
    """The newest drawings' facts."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, PicturesMeasured] = OrderedDict()

    def keep(self, pictures: PicturesMeasured) -> str:
        """Its name; the oldest one goes."""
        name = token_urlsafe(9)
        self._kept[name] = pictures
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)
        return name

    def find(self, name: str) -> PicturesMeasured | None:
        """None where there is none, or none any more."""
        return self._kept.get(name)

"""A tag's weight is the product of its factors."""

from __future__ import annotations

from collections.abc import Hashable

from ..records import Progress, Row, Target


class Factor:
    """(target, row, progress) → float.

    `varies` names on what the result depends besides text encoder or UNet: hosts ask again only
    for what varies (target, row, progress; sigma too where the noise level counts, which a host
    may have to wait for). A factor that varies by target says with `group` which targets it treats
    alike.
    """

    varies: frozenset[str] = frozenset()

    def __call__(self, target: Target, row: Row, progress: Progress) -> float:
        """The factor for this weight of the host, this row of the batch, this moment."""
        raise NotImplementedError

    def group(self, target: Target) -> Hashable:
        """Equal for two targets of one component: this factor never tells them apart."""
        return None

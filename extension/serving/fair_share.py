"""Whose turn it is: the user who has had the least, as in start-time fair queueing.

P. Goyal, H. M. Vin, H. Cheng: "Start-time Fair Queueing", SIGCOMM 1996.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence


class FairShare:
    """How much work each user has had; the clock is where the last batch's first picture began."""

    def __init__(self) -> None:
        self._had: dict[str, float] = {}
        self._now = 0.0

    def of(self, user: str) -> float:
        """A user who was away is owed nothing for it: they begin where the others are."""
        return max(self._had.get(user, 0.0), self._now)

    def charge(self, batch: Sequence[tuple[str, float]]) -> None:
        """Users and their work, which begins to be done; the first is who was chosen."""
        self._now = max([self._now, *(self.of(user) for user, _ in batch[:1])])
        for user, work in batch:
            self._had[user] = self.of(user) + work

    def keep(self, users: Collection[str]) -> None:
        """Forgets those who are gone and would begin where the others are in any case."""
        self._had = {
            user: had for user, had in self._had.items() if user in users or had > self._now
        }

"""What may wait at all, and when to come again where there is no room."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import LiveLoraError

USUAL_RATE = 1e6  # pixel steps a second, before anything was measured
PATIENCE = (1.0, 600.0)  # seconds: the least and the most that Retry-After says


class QueueFull(LiveLoraError):
    """There is no room: come again in `retry_after` seconds."""

    def __init__(self, reason: str, retry_after: float) -> None:
        self.reason = reason
        self.retry_after = retry_after
        super().__init__(f"{reason}: try again in {retry_after:.0f} s")


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """How many pictures may wait: of all users, and of each."""

    pictures: int = 512
    of_user: int = 128


@dataclass(slots=True)
class WorkRate:
    """Work a second, over the last batches."""

    rate: float | None = None

    def measured(self, work: float, seconds: float) -> None:
        """How long a batch took."""
        now = work / max(seconds, 1e-6)
        self.rate = now if self.rate is None else 0.8 * self.rate + 0.2 * now

    def patience(self, work: float) -> float:
        """Seconds after which half of this work is done."""
        return min(max(0.5 * work / (self.rate or USUAL_RATE), PATIENCE[0]), PATIENCE[1])

"""The lines of the UNet's batch where each call says itself what it holds (Forge and its forks).

A call's `transformer_options` list its chunks, in `cond_or_uncond` (0 cond, 1 uncond); a chunk has
a line for every picture, as many as there are `sigmas`. The cond chunks are the AND parts from the
last to the first: where memory is short the denoiser cuts the list and takes its end first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ...records import Row

COND = 0
UNEVEN = (
    "the pictures of the batch have {most} and {least} AND parts: this program uses the first "
    "{least} of each"
)


class CallRows:
    """Reads each call's own list; between calls it keeps which AND parts have had their turn."""

    def __init__(self) -> None:
        self.notes: set[str] = set()
        self._pictures = self._parts = 1
        self._left = 0
        self._chunks: Any = None
        self._told: tuple[Row, ...] = ()

    def announce(self, params: Any) -> tuple[Row, ...]:
        """A step begins: all parts of all pictures are still to come."""
        counts = [len(parts) for parts in params.denoiser.sampler.sampler_extra_args["cond"].batch]
        self._pictures, self._parts = len(counts), min(counts)
        if max(counts) > self._parts:
            self.notes.add(UNEVEN.format(most=max(counts), least=self._parts))
        self.forget()
        return tuple(Row(picture, "cond") for picture in range(self._pictures))

    def forget(self) -> None:
        """Nothing of this step is needed any more."""
        self._left, self._chunks, self._told = self._parts, None, ()

    def take(self, batch: int, context: Any, options: Any) -> tuple[Row, ...]:
        """The lines of a call; empty where it does not say (then it is none of the denoiser's)."""
        options = options or {}
        chunks, sigmas = options.get("cond_or_uncond"), options.get("sigmas")
        if not chunks or sigmas is None:
            return ()
        if chunks is not self._chunks:  # else one more call with the same: the next tiles
            self._chunks, self._told = chunks, self._rows(chunks, len(sigmas))
        times, odd = divmod(batch, len(self._told))
        return self._told if odd else self._told * times

    def _rows(self, chunks: Sequence[int], pictures: int) -> tuple[Row, ...]:
        found: list[Row] = []
        for chunk in chunks:
            row = Row(0, "cond", self._next_part()) if chunk == COND else Row(0, "uncond")
            found += [replace(row, picture=picture) for picture in range(pictures)]
        return tuple(found)

    def _next_part(self) -> int:
        """From the last to the first, and anew for guidance that runs the step twice (PAG)."""
        self._left = (self._left or self._parts) - 1
        return self._left

"""What prompts are read by, besides their own text."""

from __future__ import annotations

from dataclasses import dataclass

from .presets import KNOWN, Presets, read_presets


@dataclass(frozen=True, slots=True, eq=False)
class Language:
    """The vocabulary of one reader: several can be in use at once, and none can be changed.

    Each is equal to itself alone, so that what is kept of one reading is never given to another.
    """

    presets: Presets = KNOWN

    @classmethod
    def with_presets(cls, text: str) -> Language:
        """The language with a user's own block presets, from the text of a file (presets.py)."""
        return cls(read_presets(text))


DEFAULT = Language()

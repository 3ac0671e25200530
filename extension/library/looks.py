"""What two looks at a file tell of it: a quick one at its outline, and one at every key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import FileError
from . import outline as outlines
from .found_by import training_of
from .header import Header
from .lora_file import UNKNOWN, Glimpse, LoraFile, Summary
from .outline import Outline
from .training import COVER

Guess = Callable[[Path, Header], str]
Glance = Callable[[Path, Outline], Glimpse]
FoundBy = Callable[[LoraFile, Mapping[str, str]], None]


@dataclass(frozen=True, slots=True)
class Looks:
    """`found_by` is told by which texts a file is found (texts.py)."""

    guess: Guess | None
    glance: Glance | None
    found_by: FoundBy

    def first(self, entry: LoraFile) -> Summary:
        """By the file's outline; never raises."""
        if self.glance is None or entry.is_pickle:
            return self._whole(entry, None)
        try:
            outline = outlines.read(entry.path)
        except FileError as error:
            return Summary(error=error.reason, code=error.code)
        self.found_by(entry, {"training": training_of(outline.metadata)})
        named = Summary(alias_of(outline.metadata), cover=bool(outline.metadata.get(COVER)))
        try:
            glimpse = self.glance(entry.path, outline)
        except FileError as error:  # NotALora, for one
            return replace(named, base=_other_base(error), error=error.reason, code=error.code)
        return replace(named, base=glimpse.base, algorithm=glimpse.algorithm)

    def second(self, entry: LoraFile, known: Summary | None) -> Summary:
        """By the whole header; `known` is what the first told."""
        return replace(self._whole(entry, known), checked=True)

    def _whole(self, entry: LoraFile, known: Summary | None) -> Summary:
        try:
            metadata = entry.metadata
        except FileError as error:
            return Summary(error=error.reason, code=error.code)
        if known is None:
            self.found_by(entry, {"training": training_of(metadata)})
        summary = Summary(
            alias_of(metadata),
            cover=bool(metadata.get(COVER)),
            algorithm=known.algorithm if known else "",
        )
        if self.guess is None or entry.is_pickle:
            return summary
        try:
            return replace(summary, base=self.guess(entry.path, entry.header))
        except FileError as error:  # NotALora, for one
            return replace(summary, base=_other_base(error), error=error.reason, code=error.code)


def alias_of(metadata: Mapping[str, str]) -> str | None:
    """The name given at training."""
    return metadata.get("ss_output_name", "").strip() or None


def _other_base(error: FileError) -> str:
    """The model that a LoRA is for which cannot be used here; Unknown for other files."""
    return getattr(error, "model", None) or UNKNOWN

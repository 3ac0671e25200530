"""What a file is found by, and in which state of it and of what stands beside it (texts.py)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .lora_file import LoraFile
from .sidecar import SUFFIXES, Sidecar, SidecarSummary
from .store import Identity
from .training import top_tags

TAGS_FOUND = 200  # tags of the training by which a file is found
MARKUP = re.compile(r"<[^<>]*>")  # sites describe files in HTML


def stamp_of(entry: LoraFile) -> str:
    """In which state a file and what stands beside it are found by a search."""
    return repr((entry.identity[1:], (sidecar_identity(entry) or ())[1:]))


def sidecar_identity(entry: LoraFile) -> Identity | None:
    """What the scan saw of all sidecars in one; None where there are none."""
    files, stem = entry.folder.files, entry.stem
    stats = [files[name] for suffix in SUFFIXES if (name := stem + suffix) in files]
    if not stats:
        return None
    return (
        entry.identity[0],
        sum(stat.size for stat in stats),
        max(stat.mtime_ns for stat in stats),
    )


def training_of(metadata: Mapping[str, str]) -> str:
    """The tags it was trained with."""
    return ", ".join(tag for tag, _ in top_tags(metadata, TAGS_FOUND))


def said_of(sidecar: Sidecar, summary: SidecarSummary) -> dict[str, str]:
    """What people wrote of a file, as it is searched."""
    return {
        "tags": ", ".join((*summary.tags, summary.kind)),
        "words": ", ".join((sidecar.activation_text, *sidecar.trigger_words)),
        "notes": "\n".join((sidecar.notes, MARKUP.sub(" ", sidecar.description))),
    }

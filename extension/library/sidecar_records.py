"""What is known from the files beside a LoRA, as records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LONGEST_TEXT = 1000  # characters, in a list of all files
MOST_WORDS = 20


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What is written beside a file; empty texts and None where nothing is.

    `preferred_weight` is None where the user set none (the webui writes 0 then); `range` are the
    lowest and highest weight that make sense, `step` that of its slider. `trigger_words` are
    groups: one entry may hold several words with commas, which belong together. `kind` is
    character, style, clothing, …, `rating` 0 (none) to 5, `nsfw` PG to XXX, `preview_nsfw` that of
    the preview where it is known; `examples` are pictures (examples.py), `tags` the user's own.
    `civitai` (model, version, base, tags, creator, licence, …) is what sites say. `problems` says
    what could not be read.
    """

    description: str = ""
    sd_version: str = ""
    activation_text: str = ""
    preferred_weight: float | None = None
    negative_text: str = ""
    notes: str = ""
    trigger_words: tuple[str, ...] = ()
    kind: str = ""
    favourite: bool = False
    rating: int = 0
    range: tuple[float, float] | None = None
    step: float | None = None
    nsfw: str = ""
    preview_nsfw: str = ""
    examples: tuple[Mapping[str, Any], ...] = ()
    civitai: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SidecarSummary:
    """The part of a sidecar that a list of all files shows."""

    preferred_weight: float | None = None
    activation_text: str = ""
    negative_text: str = ""
    sd_version: str = ""
    trigger_words: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    kind: str = ""
    favourite: bool = False
    rating: int = 0
    range: tuple[float, float] | None = None
    nsfw: str = ""
    step: float | None = None
    preview_nsfw: str = ""


def summary_of(sidecar: Sidecar) -> SidecarSummary:
    """What a list shows, long texts and long lists cut."""
    return SidecarSummary(
        sidecar.preferred_weight,
        sidecar.activation_text[:LONGEST_TEXT],
        sidecar.negative_text[:LONGEST_TEXT],
        sidecar.sd_version[:LONGEST_TEXT],
        sidecar.trigger_words[:MOST_WORDS],
        tuple(dict.fromkeys((*sidecar.tags, *sidecar.civitai.get("tags", ()))))[:MOST_WORDS],
        sidecar.kind[:LONGEST_TEXT],
        sidecar.favourite,
        sidecar.rating,
        sidecar.range,
        sidecar.nsfw,
        sidecar.step,
        sidecar.preview_nsfw,
    )


def brief_from_json(value: dict[str, Any]) -> SidecarSummary:
    """From JSON, which has no tuples. TypeError, AttributeError where it is something else."""
    lists = {name: tuple(one) for name, one in value.items() if isinstance(one, list)}
    return SidecarSummary(**(value | lists))

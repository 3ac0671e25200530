"""The library as the page gets it: JSON with ids and no path of this machine.

A row leaves out what is empty; `static/library.mjs` fills it in.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import FileError
from ..library import examples, preview, sidecar, video
from ..library.hashes import Hashes
from ..library.lora_file import UNKNOWN, LoraFile
from ..library.sidecar import SidecarSummary
from ..library.site_facts import number
from ..library.training import readable, top_tags
from ..network import misfit

EDITABLE = {  # ours in JSON -> the sidecar's field
    "description": "description",
    "notes": "notes",
    "words": "activation_text",
    "negative": "negative_text",
    "weight": "preferred_weight",
    "sd_version": "sd_version",
    "kind": "kind",
    "favourite": "favourite",
    "rating": "rating",
    "range": "range",
    "step": "step",
}
LONGEST_EDIT = 100_000  # characters


def row(entry: LoraFile, model: str | None) -> dict[str, Any]:
    """What the list shows of one file, as far as it was read; see `Row` in `static/query.mjs`."""
    summary = entry.facts.known_summary(entry)
    brief = entry.facts.known_sidecar_summary(entry) or SidecarSummary()
    hashes, use = entry.facts.known_hashes(entry), entry.facts.use(entry)
    chosen = brief.sd_version if brief.sd_version != UNKNOWN else ""
    base = chosen or (summary.base if summary else UNKNOWN)
    optional = {
        "stem": entry.stem if entry.stem != entry.name else None,
        "alias": summary and summary.alias,
        "folder": entry.folder.relative,
        **_said(brief),
        "used": use and use.pictures,
        "last_used": use and use.last,
        "algorithm": summary and summary.algorithm,
        "unread": summary is None,
        "hash": hashes and hashes.tensors[:12],
        "preview": preview.version(entry),
        "video": video.version(entry),
        "error": summary and summary.error,
        "misfit": misfit.by_name(base, model),
    }
    always = {
        "id": entry.id,
        "name": entry.name,
        "relative": entry.relative,
        "base": base,
        "size": entry.size,
        "mtime": entry.mtime,
    }
    return always | {key: value for key, value in optional.items() if value}


def _said(brief: SidecarSummary) -> dict[str, Any]:
    """What stands beside the file."""
    return {
        "weight": brief.preferred_weight,
        "words": brief.activation_text,
        "triggers": brief.trigger_words,
        "tags": brief.tags,
        "negative": brief.negative_text,
        "kind": brief.kind,
        "favourite": brief.favourite,
        "rating": brief.rating,
        "range": brief.range,
        "step": brief.step,
        "nsfw": brief.nsfw,
        "preview_nsfw": brief.preview_nsfw,
    }


def details(entry: LoraFile, model: str | None, roots: Sequence[Path] = ()) -> dict[str, Any]:
    """Everything about one file that people read or edit. FileError only if it is gone.

    Example pictures that are here may lie anywhere in `roots`, the folders of the library.
    """
    found = entry.sidecar
    entry.facts.sidecar_summary(entry)
    entry.facts.summary(entry)
    hashes = entry.facts.known_hashes(entry)
    return row(entry, model) | {
        "description": found.description,
        "notes": found.notes,
        "words": found.activation_text,
        "negative": found.negative_text,
        "weight": found.preferred_weight,
        "sd_version": found.sd_version,
        "triggers": found.trigger_words,
        "kind": found.kind,
        "favourite": found.favourite,
        "rating": found.rating,
        "range": found.range,
        "step": found.step,
        "civitai": found.civitai,
        "examples": examples.told(entry, found.examples, roots),
        "problems": found.problems,
        "hashes": _hashes(hashes) if hashes else None,
        **_metadata(entry),
    }


def _hashes(hashes: Hashes) -> dict[str, str]:
    return {"tensors": hashes.tensors, "file": hashes.file}


def _metadata(entry: LoraFile) -> dict[str, Any]:
    try:
        metadata = entry.metadata
    except FileError as error:
        return {"metadata": {}, "training_tags": [], "error": error.reason}
    return {"metadata": readable(metadata), "training_tags": top_tags(metadata)}


def edit(entry: LoraFile, changes: dict[str, Any]) -> None:
    """Writes fields (by their names in `details`) into the sidecar.

    ValueError for a field or value that is none; FileError if it cannot be written.
    """
    fields = {EDITABLE[key]: _value(key, changes[key]) for key in changes if key in EDITABLE}
    unknown = sorted(set(changes) - set(EDITABLE))
    if unknown:
        raise ValueError(f"unknown field {unknown[0]!r}: use one of {', '.join(EDITABLE)}")
    sidecar.write(entry.path, fields)


def _value(key: str, value: Any) -> Any:
    if value is None:
        return None
    if key == "favourite":
        return _demand(value, type(value) is bool, "favourite must be true or false")
    if key == "rating":
        sound = type(value) is int and 0 <= value <= 5
        return _demand(value, sound, "rating must be a whole number from 0 to 5")
    if key == "range":
        return _ends(value)
    if key == "step":
        step = number(value) if type(value) in (int, float) else None
        return _demand(step, step is not None and step > 0, "step must be a number above 0")
    if key == "weight":
        weight = sidecar.weight(value) if type(value) in (int, float) else None
        return _demand(weight, weight is not None or value == 0, "weight must be a number or null")
    sound = isinstance(value, str) and len(value) <= LONGEST_EDIT
    return _demand(value, sound, f"{key} must be text of at most {LONGEST_EDIT:,} characters")


def _demand(value: Any, sound: bool, rule: str) -> Any:
    if not sound:
        raise ValueError(rule)
    return value


def _ends(value: Any) -> tuple[float, float]:
    pair = isinstance(value, list) and len(value) == 2
    numbers = [number(one) for one in value if type(one) in (int, float)] if pair else []
    low, high = numbers if len(numbers) == 2 else (None, None)
    if low is None or high is None or low >= high:
        raise ValueError("range must be two numbers, the lower first")
    return low, high

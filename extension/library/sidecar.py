"""The files beside a LoRA in which users and sites note what it is for.

`name.json` is the webui's ("activation text", "preferred weight", …), `name.civitai.info` the
reply of Civitai's API as several downloaders keep it, `name.txt` a plain description.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import FileError
from .atomic import replace
from .header import Unsound, open_file
from .walk import is_within

SUFFIXES = (".json", ".civitai.info", ".txt", ".description.txt")
LARGEST = 4 << 20  # bytes of a sidecar that are read
LONGEST_TEXT = 1000  # characters, in a list of all files
MOST_WORDS = 20
OURS = "live lora"  # our key in files of others
FIELDS: Mapping[str, str] = {  # ours -> the webui's
    "description": "description",
    "sd_version": "sd version",
    "activation_text": "activation text",
    "preferred_weight": "preferred weight",
    "negative_text": "negative text",
    "notes": "notes",
}


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What is written beside a file; empty texts and None where nothing is.

    `preferred_weight` is None where the user set none (the webui writes 0 then).
    `trigger_words` and `civitai` (model, version, base, url, tags, …) come from `.civitai.info`;
    `tags` are the user's own. `problems` says what could not be read.
    """

    description: str = ""
    sd_version: str = ""
    activation_text: str = ""
    preferred_weight: float | None = None
    negative_text: str = ""
    notes: str = ""
    trigger_words: tuple[str, ...] = ()
    civitai: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SidecarSummary:
    """The part of a sidecar that a list of all files shows."""

    preferred_weight: float | None = None
    activation_text: str = ""
    sd_version: str = ""
    trigger_words: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


def summary_of(sidecar: Sidecar) -> SidecarSummary:
    """What a list shows, long texts and long lists cut."""
    return SidecarSummary(
        sidecar.preferred_weight,
        sidecar.activation_text[:LONGEST_TEXT],
        sidecar.sd_version[:LONGEST_TEXT],
        sidecar.trigger_words[:MOST_WORDS],
        tuple(dict.fromkeys((*sidecar.tags, *sidecar.civitai.get("tags", ()))))[:MOST_WORDS],
    )


def read(path: Path, roots: Sequence[Path] = ()) -> Sidecar:
    """The sidecars of the LoRA at `path`; what is broken is one of its problems.

    Links are followed only into `roots`, the folders of the library, and the LoRA's own folder.
    """
    problems: list[str] = []
    roots = (*roots, path.parent)
    own = _json(beside(path, ".json"), roots, problems)
    civitai = _json(beside(path, ".civitai.info"), roots, problems)
    words = civitai.get("trainedWords")
    return Sidecar(
        description=_text(own, "description")
        or _plain(path, roots)
        or _text(civitai, "description"),
        sd_version=_text(own, "sd version"),
        activation_text=_text(own, "activation text"),
        preferred_weight=weight(own.get("preferred weight")),
        negative_text=_text(own, "negative text"),
        notes=_text(own, "notes"),
        trigger_words=_texts(words),
        civitai=_civitai(civitai),
        tags=_own_tags(own),
        problems=tuple(problems),
    )


def write(path: Path, changes: Mapping[str, str | float | None]) -> None:
    """Sets fields (by our names) in `name.json`; all others stay as they are. FileError.

    The new file takes the old one's place in one step, so that no reader sees half of it.
    """
    target = beside(path, ".json").resolve()
    content = _existing(target)
    content.update({FIELDS[name]: _written(name, value) for name, value in changes.items()})
    _rewrite(target, content)


def write_own(path: Path, changes: Mapping[str, Any]) -> None:
    """Sets what the webui has no field for, under our key in `name.json`. FileError."""
    target = beside(path, ".json").resolve()
    content = _existing(target)
    kept = content.get(OURS)
    content[OURS] = (kept if isinstance(kept, dict) else {}) | dict(changes)
    _rewrite(target, content)


def _rewrite(target: Path, content: Mapping[str, Any]) -> None:
    try:
        replace(target, json.dumps(content, indent=4, ensure_ascii=False).encode())
    except OSError as error:
        raise FileError(
            "sidecar", target, f"cannot be written: {error.strerror or error}"
        ) from error
    except UnicodeEncodeError as error:
        raise FileError(
            "sidecar", target, "cannot be written: it contains a lone surrogate"
        ) from error


def beside(path: Path, suffix: str) -> Path:
    """`models/a.b.safetensors`, ".json" -> `models/a.b.json`."""
    return path.with_name(path.stem + suffix)


def weight(value: object) -> float | None:
    """A preferred weight as number or text; None for 0 (unset), nonsense, nan and inf."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and number else None


def _json(path: Path, roots: Sequence[Path], problems: list[str]) -> dict[str, Any]:
    try:
        content = json.loads(_load(path, roots) or "{}")
    except (OSError, ValueError, RecursionError, Unsound) as error:
        why = error.strerror if isinstance(error, OSError) else error
        problems.append(f"{path.name} cannot be read: {why}")
        return {}
    if not isinstance(content, dict):
        problems.append(f"{path.name} is not a JSON object")
        return {}
    return content


def _load(path: Path, roots: Sequence[Path]) -> str:
    """The text of the file, "" where there is none; other encodings than UTF-8 are survived."""
    try:
        if path.is_symlink() and not is_within(path, roots):
            raise ValueError("it is a link that leads out of the library")
        with open_file(path) as file:
            raw = file.read(LARGEST + 1)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENAMETOOLONG):
            return ""
        raise
    if len(raw) > LARGEST:
        raise ValueError(f"it is larger than {LARGEST:,} bytes")
    return raw.decode("utf-8-sig", errors="replace")


def _plain(path: Path, roots: Sequence[Path]) -> str:
    for suffix in (".txt", ".description.txt"):
        with contextlib.suppress(OSError, ValueError, Unsound):
            text = _load(beside(path, suffix), roots)
            if text:
                return text.strip()
    return ""


def _text(content: Mapping[str, Any], key: str) -> str:
    value = content.get(key)
    return value if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else []
    return tuple(text.strip() for text in listed if isinstance(text, str) and text.strip())


def _own_tags(content: Mapping[str, Any]) -> tuple[str, ...]:
    own = content.get(OURS)
    return _texts(own.get("tags")) if isinstance(own, dict) else ()


def _civitai(content: Mapping[str, Any]) -> dict[str, Any]:
    """The few facts of Civitai's reply that are shown."""
    model = content.get("model")
    model = model if isinstance(model, dict) else {}
    facts: dict[str, Any] = {
        "model": _text(model, "name"),
        "version": _text(content, "name"),
        "base": _text(content, "baseModel"),
        "tags": list(_texts(model.get("tags") or content.get("tags"))),
        "model_id": content.get("modelId"),
        "version_id": content.get("id"),
    }
    numbers = ("model_id", "version_id")
    return {k: v for k, v in facts.items() if v and (k not in numbers or type(v) is int)}


def _existing(target: Path) -> dict[str, Any]:
    problems: list[str] = []
    content = _json(target, (target.parent,), problems)
    if problems:
        raise FileError(
            "sidecar", target, f"was not changed, because {problems[0]}: repair or remove it"
        )
    return content


def _written(name: str, value: str | float | None) -> str | float:
    if name == "preferred_weight":
        return weight(value) or 0
    return str(value or "")

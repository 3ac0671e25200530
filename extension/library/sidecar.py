"""The files beside a LoRA in which users and sites note what it is for.

`name.json` is the webui's ("activation text", "preferred weight", …) or SD.Next's, which keeps a
site's answer in it; what the webui has no word for stands there under "live lora". The files of
other programs are read, never written (site_facts.py). `name.txt` is a plain description.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import FileError
from . import site_facts
from .atomic import replace
from .header import Unsound, open_file
from .sidecar_records import Sidecar as Sidecar
from .sidecar_records import SidecarSummary as SidecarSummary
from .sidecar_records import summary_of as summary_of
from .site_facts import OURS as OURS
from .site_facts import Facts, dictionary, text, texts
from .walk import is_within

SITES: tuple[tuple[str, Callable[[Mapping[str, Any]], Facts]], ...] = (  # the first says most
    (".metadata.json", site_facts.of_manager),
    (".civitai.info", site_facts.of_version),
    (".cm-info.json", site_facts.of_matrix),
)
SUFFIXES = (".json", *(suffix for suffix, _ in SITES), ".txt", ".description.txt")
SD_NEXT = "modelVersions"  # a key of its `.json`, which the webui's has not
LARGEST = 4 << 20  # bytes of a sidecar that are read
FIELDS: Mapping[str, str] = {  # ours -> the webui's
    "description": "description",
    "sd_version": "sd version",
    "activation_text": "activation text",
    "preferred_weight": "preferred weight",
    "negative_text": "negative text",
    "notes": "notes",
}
USERS = (
    "words",
    "description",
    "notes",
    "favourite",
    "weight",
    "range",
    "nsfw",
    "preview_nsfw",
    "examples",
)  # told by fields of their own
OWN = (
    "kind",
    "favourite",
    "rating",
    "range",
    "step",
)  # under OURS: no words of the webui's


def read(path: Path, roots: Sequence[Path] = ()) -> Sidecar:
    """The sidecars of the LoRA at `path`; what is broken is one of its problems.

    Links are followed only into `roots`, the folders of the library, and the LoRA's own folder.
    """
    problems: list[str] = []
    roots = (*roots, path.parent)
    own = _json(beside(path, ".json"), roots, problems)
    site = _sites(path, roots, problems)
    if SD_NEXT in own:
        site = site_facts.of_model(own) | site
        own = {key: value for key, value in own.items() if key != "description"}
    ours = dictionary(own.get(OURS))
    preferred = weight(own.get("preferred weight"))
    return Sidecar(
        description=text(own, "description")
        or text(ours, "description")
        or _plain(path, roots)
        or site.get("description", ""),
        sd_version=text(own, "sd version"),
        activation_text=text(own, "activation text"),
        preferred_weight=preferred if preferred is not None else site.get("weight"),
        negative_text=text(own, "negative text"),
        notes=text(own, "notes") or site.get("notes", ""),
        trigger_words=tuple(site.get("words", ())),
        kind=text(ours, "kind")
        or site_facts.kind_of([*texts(ours.get("tags")), *site.get("tags", [])]),
        favourite=bool(ours.get("favourite", site.get("favourite"))),
        rating=_rating(ours.get("rating")),
        range=_range(ours.get("range") or site.get("range")),
        step=_step(ours.get("step")),
        nsfw=site.get("nsfw", ""),
        preview_nsfw=site.get("preview_nsfw", ""),
        examples=tuple(site.get("examples", ())),
        civitai={key: value for key, value in site.items() if key not in USERS},
        tags=texts(ours.get("tags")),
        problems=tuple(problems),
    )


def _sites(path: Path, roots: Sequence[Path], problems: list[str]) -> Facts:
    """What other programs' files say; where two say the same thing, the first counts."""
    found: Facts = {}
    for suffix, facts in reversed(SITES):
        found |= facts(_json(beside(path, suffix), roots, problems))
    return found


def _rating(value: object) -> int:
    return value if type(value) is int and 0 <= value <= 5 else 0


def _range(value: object) -> tuple[float, float] | None:
    ends = value if isinstance(value, list) and len(value) == 2 else ()
    numbers = [found for one in ends if (found := site_facts.number(one)) is not None]
    return (numbers[0], numbers[1]) if len(numbers) == 2 and numbers[0] < numbers[1] else None


def _step(value: object) -> float | None:
    found = site_facts.number(value)
    return found if found is not None and found > 0 else None


def write(path: Path, changes: Mapping[str, Any]) -> None:
    """Sets fields (by our names) in `name.json`; all others stay as they are. FileError.

    The new file takes the old one's place in one step, so that no reader sees half of it.
    """
    target = beside(path, ".json").resolve()
    content = _existing(target)
    for name, value in changes.items():
        _set(content, name, value)
    _rewrite(target, content)


def write_own(path: Path, changes: Mapping[str, Any]) -> None:
    """Sets what the webui has no field for, under our key in `name.json`. FileError."""
    target = beside(path, ".json").resolve()
    content = _existing(target)
    content[OURS] = dictionary(content.get(OURS)) | dict(changes)
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


def _existing(target: Path) -> dict[str, Any]:
    problems: list[str] = []
    content = _json(target, (target.parent,), problems)
    if problems:
        raise FileError(
            "sidecar", target, f"was not changed, because {problems[0]}: repair or remove it"
        )
    return content


def _set(content: dict[str, Any], name: str, value: Any) -> None:
    """One field at its place; a description of SD.Next's is the site's, and stays."""
    if name not in OWN and not (name == "description" and SD_NEXT in content):
        content[FIELDS[name]] = _written(name, value)
        return
    ours = dictionary(content.get(OURS))
    if value in (None, "", 0, False):
        ours.pop(name, None)
    else:
        ours[name] = list(value) if isinstance(value, tuple) else value
    if ours or OURS in content:
        content[OURS] = ours


def _written(name: str, value: Any) -> str | float:
    if name == "preferred_weight":
        return weight(value) or 0
    return str(value or "")

"""Whether a model has a newer version than the one that is here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..lora_file import LoraFile
from ..sidecar import OURS
from .client import MOST_MODELS, CivitaiClient
from .reply import dictionaries, dictionary, positive, text
from .storing import info_of, keep


def newer(model: Mapping[str, Any], version_id: int) -> dict[str, Any] | None:
    """The newest published version for the same base model, if it is younger than this one."""
    versions = dictionaries(model.get("modelVersions"))
    ours = next((one for one in versions if one.get("id") == version_id), None)
    if ours is None:
        return None
    same = [
        one
        for one in versions
        if positive(one.get("id"))
        and one.get("baseModel") == ours.get("baseModel")
        and text(one.get("status")) in ("", "Published")
        and _published(one) > _published(ours)
    ]
    if not same:
        return None
    last = max(same, key=_published)
    return {"id": last["id"], "name": text(last.get("name"), 200), "date": _published(last)}


def check(
    entries: Iterable[LoraFile],
    client: CivitaiClient,
    roots: Sequence[Path],
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, dict[str, Any]]:
    """Asks for all models that are known here and notes in `.civitai.info` what is newer.

    Gives the newer versions by the files' ids. OnlineError, Stopping, FileError.
    """
    known = [(entry, info_of(entry.path)) for entry in entries]
    models = [positive(info.get("modelId")) for _, info in known]
    wanted = sorted({id for id in models if id})
    found: dict[str, dict[str, Any]] = {}
    for start in range(0, len(wanted), MOST_MODELS):
        answers = client.models(wanted[start : start + MOST_MODELS])
        for (entry, info), id in zip(known, models, strict=True):
            if id in answers and (version := positive(info.get("id"))):
                later = newer(answers[id], version)
                if later:
                    found[entry.id] = later
                _note(entry, info, later, roots)
        tell(min(start + MOST_MODELS, len(wanted)), len(wanted))
    return found


def _note(
    entry: LoraFile, info: dict[str, Any], later: dict[str, Any] | None, roots: Sequence[Path]
) -> None:
    """Writes only where there is news."""
    ours = dictionary(info.get(OURS))
    if ours.get("newer") != later:
        keep(entry.path, {OURS: {**ours, "newer": later}}, roots)


def _published(version: Mapping[str, Any]) -> str:
    """The day and time as ISO writes them, which sort as text."""
    return text(version.get("publishedAt") or version.get("createdAt"), 40)

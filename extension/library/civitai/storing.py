"""What a site knows of a file, written beside it: `.civitai.info`, `.json`, and a picture.

A user's words stay: `.json` gets only what nobody has written, a picture only where there is none.
`.civitai.info` keeps the keys that are not in the answer.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import FileError, OnlineError
from .. import preview, sidecar
from ..atomic import replace
from ..lora_file import LoraFile
from ..site_facts import nsfw_level
from ..walk import is_within
from .client import CivitaiClient
from .reply import dictionaries, dictionary, pictures, plain, positive, text, words

INFO = ".civitai.info"
TRIES = "preview_tries"  # under our key: how often the picture did not come
MOST_TRIES = 5
MOST = 2 << 20  # bytes of a `.civitai.info`: readers take up to twice as much
OF_MODEL = (  # what only the model tells, and its version's answer leaves out
    *("name", "type", "nsfw", "poi", "minor", "tags", "description", "allowNoCredit"),
    *("allowCommercialUse", "allowDerivatives", "allowDifferentLicense", "mode"),
)
BASES = {  # Civitai's -> the webui's
    **dict.fromkeys(("SD 1.4", "SD 1.5", "SD 1.5 LCM", "SD 1.5 Hyper"), "SD1"),
    **dict.fromkeys(("SD 2.0", "SD 2.0 768", "SD 2.1", "SD 2.1 768", "SD 2.1 Unclip"), "SD2"),
    **dict.fromkeys(("SDXL 0.9", "SDXL 1.0", "SDXL 1.0 LCM", "SDXL Lightning"), "SDXL"),
    **dict.fromkeys(("SDXL Hyper", "SDXL Turbo", "Pony", "Illustrious", "NoobAI"), "SDXL"),
}
SUFFIXES = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "image/gif": ".gif",
    "image/avif": ".avif",
}


@dataclass(frozen=True, slots=True)
class PictureOutcome:
    """The NSFW level of a picture that was kept just now; whether one did not come."""

    level: int | None = None
    failed: bool = False


NO_PICTURE = PictureOutcome()


def store(
    path: Path,
    version: Mapping[str, Any],
    model: Mapping[str, Any] | None,
    roots: Sequence[Path],
    source: str,
    picture: PictureOutcome = NO_PICTURE,
) -> None:
    """Writes the facts of a version beside the file at `path`. FileError.

    `.civitai.info` comes last: where it is, the file is done with, but for a picture that did not
    come: that is asked for again by the next runs (is_done).
    """
    written = sidecar.read(path, roots)
    found: dict[str, str | float | None] = {}
    groups = words(version)
    if not written.activation_text and len(groups) == 1:  # of several the user has to choose
        found["activation_text"] = groups[0]
    if not written.sd_version and (base := BASES.get(text(version.get("baseModel"), 50))):
        found["sd_version"] = base
    described = dictionary(model).get("description") or version.get("description")
    if not written.description and (words_of_it := plain(described)):
        found["description"] = words_of_it
    if found:
        _demand_inside(sidecar.beside(path, ".json"), roots)
        sidecar.write(path, found)
    before = dictionary(info_of(path).get(sidecar.OURS))
    ours = {**before, "source": source, "asked": int(time.time())}
    if picture.level is not None:
        ours["preview_nsfw"] = nsfw_level(picture.level)
    tries = tries_of(before) + 1 if picture.failed else 0
    ours = {**ours, TRIES: tries} if tries else {k: v for k, v in ours.items() if k != TRIES}
    keep(path, merged(version, model) | {sidecar.OURS: ours}, roots)


def is_done(path: Path) -> bool:
    """Whether a site's facts stand beside the file, and no picture is worth another try."""
    info = info_of(path)
    waits = 0 < tries_of(dictionary(info.get(sidecar.OURS))) < MOST_TRIES
    return positive(info.get("id")) is not None and not waits


def tries_of(ours: Mapping[str, Any]) -> int:
    """How often its picture did not come."""
    return positive(ours.get(TRIES)) or 0


def merged(version: Mapping[str, Any], model: Mapping[str, Any] | None) -> dict[str, Any]:
    """The version's answer with what the model's adds, as downloaders keep it."""
    info = dict(version)
    info["images"] = [_without_workflow(image) for image in dictionaries(version.get("images"))]
    of_model = dictionary(version.get("model"))
    if model is not None:
        of_model = of_model | {key: model[key] for key in OF_MODEL if key in model}
        info["creator"] = {"username": text(dictionary(model.get("creator")).get("username"), 200)}
        info["modelId"] = positive(version.get("modelId")) or positive(model.get("id"))
    info["model"] = of_model
    return info


def keep(path: Path, changes: Mapping[str, Any], roots: Sequence[Path]) -> None:
    """Sets keys of `.civitai.info`; all others stay. FileError."""
    target = sidecar.beside(path, INFO)
    _demand_inside(target, roots)
    target = target.resolve()
    try:
        replace(target, _raw({**info_of(path), **changes}))
    except (ValueError, RecursionError) as error:
        raise FileError("sidecar", target, f"cannot be written: {error}") from error
    except OSError as error:
        reason = f"cannot be written: {error.strerror or error}"
        raise FileError("sidecar", target, reason) from error


def _raw(content: dict[str, Any]) -> bytes:
    """As JSON that readers take. Without line breaks: indented, deep lists of lists fill a disk."""
    for smaller in (dict, _without_pictures, _shortened):
        raw = json.dumps(smaller(content)).encode()
        if len(raw) <= MOST:
            return raw
    raise ValueError(f"it has more than {MOST:,} bytes")


def _without_pictures(content: dict[str, Any]) -> dict[str, Any]:
    return content | {"images": []}


def _shortened(value: Any) -> Any:
    """Texts and lists cut."""
    if isinstance(value, dict):
        return {key[:200]: _shortened(value[key]) for key in list(value)[:200]} | {"images": []}
    if isinstance(value, list):
        return [_shortened(one) for one in value[:50]]
    return value[:2000] if isinstance(value, str) else value


def info_of(path: Path) -> dict[str, Any]:
    """The content of `.civitai.info`; {} where there is none that can be read."""
    try:
        with sidecar.beside(path, INFO).open("rb") as file:
            content = json.loads(file.read(sidecar.LARGEST))
    except (OSError, ValueError, RecursionError):
        return {}
    return dictionary(content)


def store_picture(
    entry: LoraFile, version: Mapping[str, Any], client: CivitaiClient, level: int
) -> int | None:
    """Keeps an example picture up to an NSFW level where the file has none. OnlineError, FileError.

    The first that is a picture is taken; its level, None where there was none.
    """
    if preview.version(entry) is not None:
        return None
    problem: OnlineError | None = None
    for url, own_level in list(pictures(version, level))[:3]:
        try:
            content = client.picture(url)
        except OnlineError as error:
            problem = error
            continue
        if kind := SUFFIXES.get(preview.media_type(content) or ""):
            _keep_picture(sidecar.beside(entry.path, f".preview{kind}"), content)
            return own_level
        problem = OnlineError("nonsense", "what came as an example picture is none")
    if problem:
        raise problem
    return None


def _keep_picture(target: Path, content: bytes) -> None:
    if target.exists() or target.is_symlink():
        return
    try:
        replace(target, content)
    except OSError as error:
        reason = f"cannot be written: {error.strerror or error}"
        raise FileError("sidecar", target, reason) from error


def _demand_inside(target: Path, roots: Sequence[Path]) -> None:
    if target.is_symlink() and not is_within(target, (*roots, target.parent)):
        raise FileError("sidecar", target, "is a link that leads out of the library")


def _without_workflow(image: dict[str, Any]) -> dict[str, Any]:
    """ComfyUI's graph of nodes can be larger than all the rest."""
    meta = dictionary(image.get("meta"))
    meta = dictionary(meta.get("meta")) or meta  # some are wrapped once more
    return image | {"meta": {k: v for k, v in meta.items() if k != "comfy"} or None}

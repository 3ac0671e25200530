"""CivArchive, which still knows what was taken down elsewhere: its answers in Civitai's form."""

from __future__ import annotations

from typing import Any

from .client import CivitaiClient
from .reply import dictionaries, dictionary, positive, text

NAME = "civarchive"


def by_sha256(client: CivitaiClient, sha256: str) -> dict[str, Any] | None:
    """The version with this file, or None. OnlineError."""
    found = dictionary(client.archived(f"/sha256/{sha256.lower()}"))
    content = dictionary(found.get("data")) or found
    model = dictionary(content.get("model")) or content
    version = dictionary(content.get("version")) or dictionary(model.get("version"))
    if not positive(version.get("id")):
        return None
    listed = version.get("files") or model.get("files") or content.get("files")
    return version | {
        "trainedWords": _words(version),
        "files": [_file(one) for one in dictionaries(listed)],
        "images": dictionaries(version.get("images")),
        "model": _model(model),
    }


def _words(version: dict[str, Any]) -> list[Any]:
    found = version.get("trainedWords", version.get("trigger"))
    return found if isinstance(found, list) else [found] if isinstance(found, str) else []


def _file(content: dict[str, Any]) -> dict[str, Any]:
    sha256 = text(content.get("sha256"), 64)
    return content | ({"hashes": {"SHA256": sha256.upper()}} if sha256 else {})


def _model(content: dict[str, Any]) -> dict[str, Any]:
    keys = ("name", "type", "description", "tags")
    return {key: content[key] for key in keys if key in content} | {
        "nsfw": bool(content.get("is_nsfw", content.get("nsfw"))),
        "creator": text(content.get("creator_username", content.get("username")), 200),
    }

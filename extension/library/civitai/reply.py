"""What is taken from an answer: numbers that are numbers, texts that are texts.

The answers come from strangers, through a site that may be none: every field may be missing or
hold something else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

from ..site_facts import dictionary as dictionary

HEX = re.compile(r"[0-9A-Fa-f]{8,64}")
LONGEST_TEXT = 20_000  # characters of a description
NOTHING = "e3b0c44298fc"  # the hash of no bytes at all: older trainers wrote it into every file
BREAKS = {"p", "br", "li", "h1", "h2", "h3", "h4", "ul", "ol", "pre", "blockquote", "div", "hr"}


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a version, as its site describes it; `size` in bytes, to about 100 of them."""

    id: int | None
    name: str
    kind: str
    format: str
    size: float | None
    hashes: Mapping[str, str]
    primary: bool
    path: str

    @property
    def sha256(self) -> str:
        """64 lower-case digits, or ""."""
        found = self.hashes.get("SHA256", "")
        return found if len(found) == 64 else ""


def dictionaries(value: Any) -> list[dict[str, Any]]:
    """The JSON objects of a list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def positive(value: Any) -> int | None:
    """A number that can be an id."""
    return value if type(value) is int and 0 < value < 1 << 53 else None


def text(value: Any, most: int = LONGEST_TEXT) -> str:
    """A text, cut, without what no screen shows."""
    found = value if isinstance(value, str) else ""
    return "".join(c for c in found[:most] if c.isprintable() or c in "\n\t")


def files(version: Mapping[str, Any]) -> list[RemoteFile]:
    """The files of a version."""
    return [_file(one) for one in dictionaries(version.get("files"))]


def files_with(version: Mapping[str, Any], hash: str) -> Iterator[RemoteFile]:
    """Those of which one hash is this one."""
    wanted = hash.lower()
    return (file for file in files(version) if wanted in file.hashes.values())


def _file(content: Mapping[str, Any]) -> RemoteFile:
    size: Any = content.get("sizeKB")
    known = type(size) in (int, float) and math.isfinite(size) and size > 0
    hashes = dictionary(content.get("hashes"))
    return RemoteFile(
        id=positive(content.get("id")),
        name=text(content.get("name"), 500),
        kind=text(content.get("type"), 100),
        format=text(dictionary(content.get("metadata")).get("format"), 100),
        size=size * 1024 if known else None,
        hashes={
            str(kind): value.lower()
            for kind, value in hashes.items()
            if isinstance(value, str) and HEX.fullmatch(value) and value.lower() != NOTHING
        },
        primary=content.get("primary") is True,
        path=text(content.get("downloadUrl"), 2000),
    )


def words(version: Mapping[str, Any]) -> list[str]:
    """The trigger words: one text may hold several with commas, which belong together."""
    found = version.get("trainedWords")
    listed = found if isinstance(found, list) else []
    return [one for entry in listed[:100] if (one := text(entry, 1000).strip(" ,\n\t"))]


def pictures(version: Mapping[str, Any], level: int) -> Iterator[tuple[str, int]]:
    """Addresses of its example pictures up to an NSFW level (1 PG, 2 PG-13, 4 R, 8 X, 16 XXX), each
    with its own."""
    for image in dictionaries(version.get("images")):
        found = image.get("nsfwLevel")
        known = found if type(found) is int else 32
        if image.get("type", "image") == "image" and known <= level:
            url = text(image.get("url"), 2000)
            if url:
                yield url.replace("/original=true", "/width=450,optimized=true"), known


def plain(description: Any) -> str:
    """HTML as the text that a reader sees."""
    reader = _Words()
    try:
        reader.feed(text(description))
        reader.close()
    except (ValueError, AssertionError):  # of html.parser, for broken declarations
        return ""
    lines = (" ".join(line.split()) for line in "".join(reader.found).split("\n"))
    return "\n".join(line for line in lines if line)


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: Sequence[Any]) -> None:
        self._hidden += tag in ("script", "style")
        if tag in BREAKS:
            self.found.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("script", "style") and self._hidden > 0
        if tag in BREAKS:
            self.found.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.found.append(data)

"""Files that are named .safetensors and are something else: known by their first bytes."""

from __future__ import annotations

import json
import re
from typing import Any

from .rules import Unsound

LOGGED_IN = "download it again while logged in to the site"
POINTER = b"version https://git-lfs"
PAGE = re.compile(rb"\s*<(!doctype|html|head|body|\?xml|!--)", re.IGNORECASE)
OTHERS: tuple[tuple[bytes, str], ...] = (
    (
        b"PK\x03\x04",
        "a zip archive (a .zip, or a PyTorch .pt or .ckpt): unpack or convert it first",
    ),
    (b"GGUF", "a GGUF file: get the LoRA as .safetensors"),
    (b"\x89PNG", "a PNG picture: download the model file itself"),
    (b"\xff\xd8\xff", "a JPEG picture: download the model file itself"),
    (b"\x80\x02", "a pickle (an old PyTorch file): convert it to .safetensors"),
    (b"Rar!", "a RAR archive: unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it first"),
    (b"\x1f\x8b", "a gzip archive: unpack it first"),
)


def refusal(start: bytes) -> Unsound | None:
    """What a file with these first bytes (up to 512) is, with the next step; None if unknown."""
    if not start:
        return Unsound("it is empty: the download did not finish; download it again")
    if start[:64] == bytes(64):
        return Unsound("it starts with zeros: the download did not finish; download it again")
    what = _what_it_is(start)
    return Unsound(f"this is {what}", "other-file") if what else None


def _what_it_is(start: bytes) -> str | None:
    if PAGE.match(start):
        return f"a web page saved under the model's name: {LOGGED_IN}"
    if start.startswith(POINTER):
        return f"a git-LFS pointer{_pointed_size(start)}, not the file: run `git lfs pull`"
    if re.match(rb'\s*\{\s*"', start):
        return f"a message from a web site{_message(start)}: {LOGGED_IN}"
    return next((what for magic, what in OTHERS if start.startswith(magic)), None)


def _pointed_size(start: bytes) -> str:
    size = re.search(rb"^size (\d+)", start, re.MULTILINE)
    return f" to {int(size[1]):,} bytes" if size else ""


def _message(start: bytes) -> str:
    """The message of an error reply such as {"error": "Unauthorized"}."""
    try:
        reply: Any = json.loads(start)
    except ValueError:
        return ""
    text = reply.get("message") or reply.get("error")
    return f" ({text[:80]})" if isinstance(text, str) else ""

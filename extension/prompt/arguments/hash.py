"""`hash=1a2b3c4d`: finds the file by its content, though it was renamed."""

from __future__ import annotations

import re
from typing import ClassVar

from ..grammar import Unreadable
from .base import Feature, WrittenArgument

_HEX = re.compile(r"[0-9a-f]{8,64}")


class Hash(Feature):
    """The first digits of the hash of the file's tensors."""

    names: ClassVar[tuple[str, ...]] = ("hash",)

    @classmethod
    def words(cls, name: str, value: str) -> str:  # noqa: ARG003
        return f"file with hash {value[:10]}"

    @classmethod
    def read(cls, written: WrittenArgument) -> str:
        digits = written.text.strip().lower()
        if not _HEX.fullmatch(digits):
            raise Unreadable(f"expected 8 to 64 hexadecimal digits, found {written.text.strip()!r}")
        return digits

"""Names that every system takes: what a site or a person calls a file, made harmless or refused."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path, PurePosixPath

from ...errors import FileError

LONGEST = 200  # bytes of a stem: 255 are left for it with the longest ending beside it
FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)", re.IGNORECASE)
INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")  # Unicode categories


def safe_stem(name: str, otherwise: str = "lora") -> str:
    """A stem (a name without ending) close to this name; `otherwise` where nothing is left of it.

    Separators become underscores, so `../../x` is a name and no way; names that Windows keeps for
    devices get an underscore; what no screen shows is left out.
    """
    shown = "".join(c for c in name if unicodedata.category(c) not in INVISIBLE)
    stem = _cut(FORBIDDEN.sub("_", unicodedata.normalize("NFC", shown)).strip(". "))
    if RESERVED.fullmatch(stem.partition(".")[0].strip()):
        stem = f"_{stem}"
    return stem if stem.strip("_. ") else otherwise


def demand_stem(name: str) -> str:
    """The name as it is; FileError where it is not one that every system takes."""
    if safe_stem(name, "") != name or not name:
        reason = (
            'is no name for a file on every system: leave out / \\ : * ? " < > | and final dots'
        )
        raise FileError("place", name or "''", reason)
    return name


def demand_folder(relative: str) -> PurePosixPath:
    """A folder inside a library, "" for the library itself; FileError for every way out of it."""
    place = PurePosixPath(*(part for part in relative.split("/") if part))
    for part in place.parts:
        demand_stem(part)
        if part.startswith("."):
            raise FileError("place", part, "is hidden: files in it would not be found again")
    return place


def free(path: Path) -> Path:
    """The path, or with a number where that is taken: `a (2).safetensors`."""
    number, found = 1, path
    while found.exists() or found.is_symlink():
        number += 1
        found = path.with_name(f"{path.stem} ({number}){path.suffix}")
    return found


def _cut(stem: str) -> str:
    """Within LONGEST bytes, between letters."""
    return stem.encode(errors="ignore")[:LONGEST].decode(errors="ignore").rstrip(". ")

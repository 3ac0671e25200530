"""Whether the embeddings that a picture was drawn with are here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..encoding.inversion_files import InversionFile
from .infotext_reading import ReadInfotext

HASH = 10  # digits that are compared: older webuis wrote no more


def with_inversions_checked(read: ReadInfotext, files: Iterable[InversionFile]) -> ReadInfotext:
    """With a note for each that is missing, is called otherwise, or is another file.

    A missing embedding's name would be read as words, and nobody would know.
    """
    known = {one.name.lower(): one for one in files}
    notes = [
        note
        for name, digits in read.inversions.items()
        if (note := _note(name, digits[:HASH], known))
    ]
    return replace(read, notes=(*read.notes, *notes))


def _note(name: str, digits: str, known: dict[str, InversionFile]) -> str:
    found = known.get(name.lower())
    if found is not None:
        same = not digits or found.shorthash().startswith(digits)
        return "" if same else f"the embedding {name!r} here is another file than the picture's"
    for one in known.values() if digits else ():
        if one.shorthash().startswith(digits):
            return f"the embedding {name!r} is called {one.name!r} here: write that into the prompt"
    return f"the embedding {name!r} is not here: its name is read as words"

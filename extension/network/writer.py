"""Which program wrote a file, by its metadata: it decides where a dialect is ambiguous."""

from __future__ import annotations

from collections.abc import Mapping

ONETRAINER, PEFT = "OneTrainer", "PEFT"
SIGNS: Mapping[str, str] = {  # a name in the metadata: the program that puts it there
    "ot_branch": ONETRAINER,
    "ot_revision": ONETRAINER,
    "ot_config": ONETRAINER,
}


def writer_of(metadata: Mapping[str, str]) -> str:
    """The program's name; empty where nothing tells."""
    return next((writer for sign, writer in SIGNS.items() if sign in metadata), "")

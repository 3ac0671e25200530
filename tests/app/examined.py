"""Whether the small model's weights have to sit their exam: minutes, for what seldom changes.

`examined.txt` is the digest of the weights that have passed. The exam (`test_model.py`) is held in
continuous integration, on demand (`LIVE_LORA_EXAM=1`), and where the weights are others.
"""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

from live_lora.app import cli

RECORD = Path(__file__).with_suffix(".txt")
DATA = Path(cli.__file__).parent / "data"


def digest() -> str:
    """Of the weights of the model and of its LoRAs, each by its name and bytes."""
    total = sha256()
    for path in sorted(DATA.rglob("*.safetensors")):
        total.update(
            path.relative_to(DATA).as_posix().encode() + sha256(path.read_bytes()).digest()
        )
    return total.hexdigest()


def exam_is_due() -> bool:
    """On a fresh clone it is not: what was committed has passed."""
    asked = os.environ.get("CI"), os.environ.get("LIVE_LORA_EXAM")
    return any(value not in (None, "", "0", "false") for value in asked) or not recorded()


def recorded() -> bool:
    """Whether these weights are the ones that passed."""
    return RECORD.read_text(encoding="utf-8").strip() == digest()

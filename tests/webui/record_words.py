"""Records what a real webui makes of words, for tests/encoding: run once, by hand.

WEBUI_ROOT=… python -m tests.webui.record_words FOLDER     (FOLDER: for models and data, 2 GB)
"""

from __future__ import annotations

import gzip
import json
import os
import sys
from pathlib import Path

import numpy as np

from . import word_requests as wanted
from . import words_checkpoints as words
from .server import Webui


def record(folder: Path) -> None:
    models, data = folder / "models", folder / "data"
    data.mkdir(parents=True)
    found = words.make(models, os.environ["WEBUI_ROOT"])
    write("shapes.json.gz", gzip.compress(json.dumps(found).encode(), mtime=0))
    with Webui(models, data, builtin=True, ours=False) as webui:
        for family in words.seeded.FAMILIES:
            wanted.begin(webui, models, family)
            record_family(webui, family)
    write("latents.json", json.dumps(wanted.LATENTS, indent=1).encode())
    write("hires.json", json.dumps(wanted.HIRES, indent=1).encode())


def record_family(webui: Webui, family: str) -> None:
    """Its two files."""
    facts, arrays = [], dict[str, np.ndarray]()
    for one, some in wanted.told(webui):
        facts.append(one)
        arrays |= some
    arrays |= dict(wanted.latents(webui, family)) | dict(wanted.second_passes(webui, family))
    np.savez_compressed(words.seeded.DATA / f"{family}.npz", **arrays)
    write(f"{family}.json", json.dumps(facts).encode())


def write(name: str, content: bytes) -> None:
    (words.seeded.DATA / name).write_bytes(content)


if __name__ == "__main__":
    record(Path(sys.argv[1]))

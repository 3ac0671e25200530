"""Records what a real webui's samplers draw, for tests/encoding: run once, by hand.

WEBUI_ROOT=… python -m tests.webui.record_samplers FOLDER     (FOLDER: for models and data, 2 GB)
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np

from . import sampler_requests as wanted
from . import word_requests
from . import words_checkpoints as words
from .server import Webui


def record(folder: Path) -> None:
    models, data = folder / "models", folder / "data"
    data.mkdir(parents=True)
    words.make(models, os.environ["WEBUI_ROOT"])
    arrays, levels, before = dict[str, np.ndarray](), {}, ""
    with Webui(models, data, builtin=True, ours=False) as webui:
        for number, request in enumerate(wanted.requests()):
            if request["family"] != before:
                before = request["family"]
                word_requests.begin(webui, models, before)
                levels |= wanted.levels(webui, before)
            arrays |= dict(wanted.found(webui, number))
    np.savez_compressed(words.seeded.DATA / "samplers.npz", **arrays)
    write("samplers.json", wanted.requests())
    write("sigmas.json", levels)


def write(name: str, content: object) -> None:
    (words.seeded.DATA / name).write_text(json.dumps(content, separators=(",", ":")))


if __name__ == "__main__":
    record(Path(sys.argv[1]))

"""Records what a real webui's samplers draw, for tests/encoding: run once, by hand.

WEBUI_ROOT=… python -m tests.webui.record_samplers FOLDER     (FOLDER: for models and data, 2 GB)
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
from safetensors.torch import save_file

from . import sampler_requests as wanted
from . import words_checkpoints as words
from .server import Webui


def record(folder: Path) -> None:
    models, data = folder / "models", folder / "data"
    data.mkdir(parents=True)
    words.make(models, os.environ["WEBUI_ROOT"])
    (models / "Lora").mkdir()
    arrays, levels, before = {}, {}, ""
    with Webui(models, data, builtin=True, ours=False) as webui:
        for number, request in enumerate(wanted.requests()):
            family = request["family"]
            if family != before:
                before = family
                levels |= begin(webui, models, family)
            picture = wanted.drawn(webui, request)
            arrays[str(number)] = picture.samples[0]
            if request.get("masked"):
                arrays[f"{number}.picture"] = picture.pictures[0].astype(np.uint8)
    np.savez_compressed(words.seeded.DATA / "samplers.npz", **arrays)
    write("samplers.json", wanted.requests())
    write("sigmas.json", levels)


def begin(webui: Webui, models: Path, family: str) -> dict[str, list[float]]:
    """Another checkpoint with its LoRA; what its schedule types are."""
    save_file(words.seeded.lora(family), models / "Lora" / "seeded.safetensors")
    checkpoint = words.seeded.CHECKPOINTS[family]
    webui.settings(sd_model_checkpoint=f"{checkpoint}.safetensors")
    webui.post("/sdapi/v1/refresh-loras")
    if family == "sd2":  # its levels are those of sd1
        return {}
    return {
        f"{family}/{kind}/{steps}": webui.post("/probe/sigmas", schedule=kind, steps=steps)
        for kind in wanted.TYPES
        for steps in wanted.LENGTHS
    }


def write(name: str, content: object) -> None:
    (words.seeded.DATA / name).write_text(json.dumps(content, separators=(",", ":")))


if __name__ == "__main__":
    record(Path(sys.argv[1]))

"""Records what a real webui makes of words, for tests/encoding: run once, by hand.

WEBUI_ROOT=… python -m tests.webui.record_words FOLDER     (FOLDER: for models and data, 2 GB)
"""

from __future__ import annotations

import gzip
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import save_file

from . import words_checkpoints as words
from .server import Webui

LATENTS: tuple[dict[str, Any], ...] = (
    {"prompt": "a red fox"},
    {"prompt": "a (red:1.4) fox, [old] hat"},
    {"prompt": "a fox BREAK a hill", "negative_prompt": "ugly, (bad:1.2)"},
    {"prompt": "a fox AND a hill :0.6"},
    {"prompt": "a [fox:(owl:1.3):0.5] hat"},
    {"prompt": "a [fox|owl] hat"},
    {
        "prompt": "a (red:1.3) [fox:owl:0.5] BREAK a hill <lora:seeded:0.8> AND the sea :0.7",
        "negative_prompt": "[bad::0.3] (ugly:1.2)",
    },
)

HIRES = {
    "enable_hr": True,
    "hr_scale": 2,
    "hr_upscaler": "Latent",
    "denoising_strength": 0.7,
    "hr_second_pass_steps": 5,
}


def record(folder: Path) -> None:
    models, data = folder / "models", folder / "data"
    data.mkdir(parents=True)
    found = words.make(models, os.environ["WEBUI_ROOT"])
    write("shapes.json.gz", gzip.compress(json.dumps(found).encode(), mtime=0))
    (models / "Lora").mkdir()
    save_file(words.seeded.lora("sd1"), models / "Lora" / "seeded.safetensors")
    with Webui(models, data, builtin=True, ours=False) as webui:
        for family, checkpoint in words.seeded.CHECKPOINTS.items():
            words.add_embeddings(data, family)
            webui.settings(sd_model_checkpoint=f"{checkpoint}.safetensors")
            told, arrays = [], {}
            for number, prompt in enumerate(words.prompts()):
                one = words.conds(webui, prompt)
                told.append({"parts": one["parts"], "count": one["count"]})
                for key, array in one["arrays"].items():
                    vector = key.endswith("vector")
                    kept = array[:256:8] if vector else words.seeded.sample(array).numpy()
                    arrays[f"{number}.{key}"] = kept.astype(np.float32)
                    if not vector:
                        told[-1].setdefault("tokens", []).append(len(array))
            for number, request in enumerate(LATENTS if family != "sd2" else ()):
                request = {
                    k: v.replace(" <lora:seeded:0.8>", "") if family != "sd1" else v
                    for k, v in request.items()
                }
                arrays[f"latents.{number}"] = webui.txt2img(steps=8, **request).samples
            if family == "sd1":
                drawn = webui.txt2img("a red fox <lora:seeded:0.5>", steps=8, **HIRES)
                arrays["hires"] = drawn.pictures[0][::4, ::4].astype(np.uint8)
            np.savez_compressed(words.seeded.DATA / f"{family}.npz", **arrays)
            write(f"{family}.json", json.dumps(told).encode())
    write("latents.json", json.dumps(LATENTS, indent=1).encode())


def write(name: str, content: bytes) -> None:
    (words.seeded.DATA / name).write_bytes(content)


if __name__ == "__main__":
    record(Path(sys.argv[1]))

"""What is drawn with every sampler, in a real webui and here: tests/encoding compares."""

from __future__ import annotations

import base64
import io
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from .server import HERE, Picture, Webui

sys.path.append(str(HERE.parent))
import seeded_checkpoint as seeded

SAMPLERS = (
    *("DPM++ 2M", "DPM++ SDE", "DPM++ 2M SDE", "DPM++ 2M SDE Heun", "DPM++ 2S a", "DPM++ 3M SDE"),
    *("Euler a", "Euler", "LMS", "Heun", "DPM2", "DPM2 a", "DPM fast", "DPM adaptive", "Restart"),
    *("DDIM", "DDIM CFG++", "PLMS", "UniPC", "LCM"),
)
TYPES = (
    *("Uniform", "Karras", "Exponential", "Polyexponential", "SGM Uniform", "KL Optimal"),
    *("Align Your Steps", "Simple", "Normal", "DDIM", "Beta"),
)
LENGTHS = (5, 8, 11, 20)
WORDS = "a (red:1.3) [fox:owl:0.5] BREAK a hill <lora:seeded:0.8>"


def requests() -> list[dict[str, Any]]:
    """`family`, then options of the API; `picture` begins with the picture, `masked` inpaints."""
    plain = [{"sampler_name": name, "steps": 8} for name in SAMPLERS]
    longer = [{"sampler_name": name, "steps": 20} for name in ("Restart", "DPM++ 2M", "UniPC")]
    kinds = [{"sampler_name": "DPM++ 2M", "scheduler": name, "steps": 8} for name in TYPES]
    begun = [
        {"sampler_name": name, "steps": 10, "denoising_strength": 0.6, "picture": True}
        for name in SAMPLERS
    ]
    masked = [
        {
            "sampler_name": name,
            "steps": 8,
            "denoising_strength": 0.8,
            "picture": True,
            "masked": True,
            "inpainting_fill": fill,
            "mask_blur": blur,
        }
        for name, fill, blur in (
            *(("Euler", fill, 4) for fill in range(4)),
            *(("DDIM", 1, 0), ("DPM++ 2M", 1, 8)),
        )
    ]
    fox = [{"family": "sd1", "prompt": "a red fox", **one} for one in (*plain, *longer, *kinds)]
    fox += [{"family": "sd1", "prompt": "a red fox", **one} for one in (*begun, *masked)]
    tags = [
        {"family": family, "prompt": WORDS, "sampler_name": name, "steps": 8}
        for family in ("sd2", "sdxl")
        for name in ("Euler", "DPM++ 2M", "DPM++ SDE", "DDIM", "UniPC")
    ]
    return [*fox, *tags]


def drawn(webui: Webui, request: Mapping[str, Any]) -> Picture:
    """By the real one."""
    options = {k: v for k, v in request.items() if k not in ("family", "picture", "masked")}
    if not request.get("picture"):
        return webui.txt2img(**options)
    if request.get("masked"):
        options |= {"mask": png(seeded.mask()), "inpaint_full_res": False}
    return webui.img2img(picture=seeded.picture(), **options)


def png(values: np.ndarray) -> str:
    """As the API takes pictures."""
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()

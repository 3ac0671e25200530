"""What is drawn with every sampler, from noise and from pictures, in a real webui and here.

It is recorded for tests/encoding, and compared with the record live.
"""

from __future__ import annotations

import base64
import io
import sys
from collections.abc import Iterator, Mapping, Sequence
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


SQUARE, WIDE, TALL, ODD = [64, 64], [96, 72], [56, 96], [91, 70]


def requests() -> list[dict[str, Any]]:
    """`family`, then options of the API.

    `picture` is the size of one to begin with, `masked` inpaints, `clear` makes it transparent.
    """
    plain = [{"sampler_name": name, "steps": 8} for name in SAMPLERS]
    longer = [{"sampler_name": name, "steps": 20} for name in ("Restart", "DPM++ 2M", "UniPC")]
    longer += [{"sampler_name": "Euler", "steps": 8, "width": 88, "height": 104}]
    kinds = [{"sampler_name": "DPM++ 2M", "scheduler": name, "steps": 8} for name in TYPES]
    begun = [
        {"sampler_name": name, "steps": 10, "denoising_strength": 0.6, "picture": SQUARE}
        for name in SAMPLERS
    ]
    fox = [*plain, *longer, *kinds, *begun, *inpainted(), *resized(), *only_masked()]
    tags = [
        {"family": family, "prompt": WORDS, "sampler_name": name, "steps": 8}
        for family in ("sd2", "sdxl")
        for name in ("Euler", "DPM++ 2M", "DPM++ SDE", "DDIM", "UniPC")
    ]
    return [*({"family": "sd1", "prompt": "a red fox", **one} for one in fox), *tags]


def inpainted() -> list[dict[str, Any]]:
    """A mask over the whole picture: what it begins with, and its soft edge."""
    return [
        masked(SQUARE, sampler_name=name, inpainting_fill=fill, mask_blur=blur)
        for name, fill, blur in (
            *(("Euler", fill, 4) for fill in range(4)),
            *(("DDIM", 1, 0), ("DPM++ 2M", 1, 8)),
        )
    ]


def resized() -> list[dict[str, Any]]:
    """Pictures of other shapes than what is drawn, with a mask and without."""
    shapes = [(mode, size) for mode in range(3) for size in (WIDE, TALL)]
    usual = {"sampler_name": "Euler", "steps": 8, "denoising_strength": 0.5}
    pictures = [
        {**usual, "picture": size, "resize_mode": mode} for mode, size in (*shapes, (3, ODD))
    ]
    masks = [masked(size, resize_mode=mode) for mode, size in shapes]
    return [*pictures, *masks, {**usual, "picture": WIDE, "resize_mode": 2, "clear": True}]


def only_masked() -> list[dict[str, Any]]:
    """The part around the mask is drawn in full size, and put back into the picture."""
    part: dict[str, Any] = {"inpaint_full_res": True}
    fills = [masked(WIDE, **part, inpainting_fill=fill) for fill in range(4)]
    paddings = [masked(WIDE, **part, inpaint_full_res_padding=size) for size in (4, 32)]
    shapes = [masked(TALL, **part, width=128, mask_blur=2), masked(WIDE, **part, height=128)]
    inverted = masked(WIDE, **part, inpainting_mask_invert=1, mask_blur=0)
    latent = masked(WIDE, **part, resize_mode=3, inpaint_full_res_padding=8)
    return [*fills, *paddings, *shapes, inverted, latent]


def masked(picture: Sequence[int], **more: Any) -> dict[str, Any]:
    """Inpainting, as a request."""
    usual = {"sampler_name": "Euler", "steps": 8, "denoising_strength": 0.8, "masked": True}
    usual |= {"inpainting_fill": 1, "mask_blur": 4, "inpaint_full_res": False}
    return {**usual, "picture": picture, **more}


def drawn(webui: Webui, request: Mapping[str, Any]) -> Picture:
    """By the real one."""
    ours = ("family", "picture", "masked", "clear")
    options = {k: v for k, v in request.items() if k not in ours}
    if not (size := request.get("picture")):
        return webui.txt2img(**options)
    if request.get("masked"):
        options["mask"] = png(seeded.mask(*size))
    picture = seeded.picture(*size, clear=request.get("clear", False))
    return webui.img2img(picture=picture, **options)


def found(webui: Webui, number: int) -> Iterator[tuple[str, np.ndarray]]:
    """What is recorded of one request: the latents; of a picture with a mask, also some pixels."""
    request = requests()[number]
    picture = drawn(webui, request)
    yield str(number), picture.samples[0]
    if request.get("masked"):
        yield f"{number}.picture", picture.pictures[0][::2, ::2].astype(np.uint8)


def levels(webui: Webui, family: str) -> dict[str, list[float]]:
    """The noise levels of all schedule types. Those of SD 2.x are those of SD 1.x."""
    return {
        f"{family}/{kind}/{steps}": webui.post("/probe/sigmas", schedule=kind, steps=steps)
        for kind in (TYPES if family != "sd2" else ())
        for steps in LENGTHS
    }


def png(values: np.ndarray) -> str:
    """As the API takes pictures."""
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()

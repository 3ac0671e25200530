"""What is recorded of a real webui's words, and compared with it live: conds, latents, hires."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import save_file

from . import words_checkpoints as words
from .server import Webui
from .words_checkpoints import seeded

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
    {"prompt": f"a {seeded.BUNDLED} hat, (a {seeded.BUNDLED}:1.3) <lora:seeded:0.8>"},
)
AGAIN = {"enable_hr": True, "hr_scale": 2, "denoising_strength": 0.7, "hr_second_pass_steps": 5}
WORDS = "a red fox <lora:seeded:0.5>"
HIRES: tuple[dict[str, Any], ...] = (
    {**AGAIN, "prompt": WORDS, "hr_upscaler": "Latent"},
    {**AGAIN, "prompt": WORDS, "hr_upscaler": "Lanczos"},
    {**AGAIN, "prompt": WORDS, "hr_upscaler": "Latent (bicubic antialiased)", "hr_scale": 1.5},
    {
        **AGAIN,
        "prompt": "a [fox:owl:1.5] <lora:seeded:0.5>",
        "hr_upscaler": "Latent (nearest-exact)",
        "hr_prompt": "an [old:(new:1.2):1.4] owl <lora:seeded:0.9>",
        "hr_negative_prompt": "(ugly:1.3)",
        "hr_sampler_name": "DPM++ 2M",
        "hr_scheduler": "Karras",
    },
)


def begin(webui: Webui, models: Path, family: str) -> None:
    """The family's checkpoint with its LoRA and its embeddings."""
    words.add_embeddings(webui.data, family)
    (models / "Lora").mkdir(exist_ok=True)
    save_file(seeded.lora(family), models / "Lora" / "seeded.safetensors")
    webui.settings(sd_model_checkpoint=f"{seeded.CHECKPOINTS[family]}.safetensors")
    webui.post("/sdapi/v1/refresh-loras")


def told(webui: Webui) -> Iterator[tuple[dict[str, Any], dict[str, np.ndarray]]]:
    """Prompt by prompt: parts, counts and lengths; and some numbers of its conds."""
    for number, prompt in enumerate(words.prompts()):
        one = words.conds(webui, prompt)
        facts, arrays = {"parts": one["parts"], "count": one["count"]}, {}
        for key, array in one["arrays"].items():
            pooled = key.endswith("vector")
            kept = array[:256:8] if pooled else seeded.sample(array).numpy()
            arrays[f"{number}.{key}"] = kept.astype(np.float32)
            if not pooled:
                facts.setdefault("tokens", []).append(len(array))
        yield facts, arrays


def latents(webui: Webui, family: str) -> Iterator[tuple[str, np.ndarray]]:
    """SD 1.x and SDXL stand for all."""
    for number, request in enumerate(LATENTS if family != "sd2" else ()):
        yield f"latents.{number}", webui.txt2img(steps=8, **request).samples


def second_passes(webui: Webui, family: str) -> Iterator[tuple[str, np.ndarray]]:
    """Every fourth pixel of every fourth row."""
    for number, request in enumerate(HIRES if family == "sd1" else ()):
        drawn = webui.txt2img(steps=8, **request)
        yield f"hires.{number}", drawn.pictures[0][::4, ::4].astype(np.uint8)

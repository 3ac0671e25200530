"""Every layer of every model, written in every dialect, comes back as itself."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from host_trees import read
from live_lora import formats

Writer = Callable[[str, str], str]  # diffusers path, LDM path -> the dialect's name


def flat(path: str) -> str:
    return path.replace(".", "_")


def mixed(path: str) -> str:
    """d8ahazard's: underscores up to the transformer block, dots after it."""
    head, sign, rest = path.partition("transformer_blocks")
    return flat(head) + sign + rest


UNET: dict[str, Writer] = {
    "kohya": lambda d, s: f"lora_unet_{flat(d)}",
    "kohya on SDXL": lambda d, s: f"lora_unet_{flat(s)}",
    "kohya OFT": lambda d, s: f"oft_unet_{flat(d)}",
    "kohya OFT on SDXL": lambda d, s: f"oft_unet_{flat(s)}",
    "LyCORIS": lambda d, s: f"lycoris_{flat(d)}",
    "diffusers": lambda d, s: f"unet.{d}",
    "bare": lambda d, s: d,
    "bare LDM": lambda d, s: s,
    "PEFT": lambda d, s: f"base_model.model.{d}",
    "ComfyUI": lambda d, s: f"diffusion_model.{s}",
    "LDM": lambda d, s: f"model.diffusion_model.{s}",
    "OMI": lambda d, s: f"unet.{s}",
    "OneTrainer": lambda d, s: f"lora_unet.{d}",
    "dreambooth": lambda d, s: f"lora_unet_{mixed(d)}",
    "HCP": lambda d, s: f"lora:{d}",
}
TEXT: dict[str, Callable[[str], str]] = {
    "kohya": lambda p: f"lora_te1_{flat(p)}",
    "kohya on one": lambda p: f"lora_te_{flat(p)}",
    "diffusers": lambda p: f"text_encoder.{p}",
    "PEFT": lambda p: f"base_model.model.{p}",
    "bare": lambda p: p,
    "ComfyUI": lambda p: f"text_encoders.clip_l.transformer.{p}",
    "OMI": lambda p: f"clip_l.{p}",
    "OneTrainer": lambda p: f"lora_te.{p}",
    "LyCORIS": lambda p: f"lycoris_{flat(p)}",
    "LDM": lambda p: f"cond_stage_model.transformer.{p}",
    "HCP": lambda p: f"lora:{p}",
}
SECOND: dict[str, Callable[[str], str]] = {
    "kohya": lambda p: f"lora_te2_{flat(p)}",
    "diffusers": lambda p: f"text_encoder_2.{p}",
    "ComfyUI": lambda p: f"text_encoders.clip_g.transformer.{p}",
    "OMI": lambda p: f"clip_g.{p}",
    "OneTrainer": lambda p: f"lora_te2.{p}",
    "LDM": lambda p: f"conditioner.embedders.1.transformer.{p}",
}
MODELS = ("sd15", "sd21", "sdxl", "sdxl_refiner")


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("dialect", UNET)
def test_every_layer_of_the_unet(model: str, dialect: str) -> None:
    for path, facts in read(f"maps/{model}_unet_diffusers_to_host").items():
        written = UNET[dialect](path, facts["host"].removeprefix("diffusion_model."))
        found = formats.place(written)
        assert found is not None, written
        assert (found.component, found.key) == ("unet", flat(path)), written


@pytest.mark.parametrize("version", ["tf4", "tf5"])
@pytest.mark.parametrize("number", [1, 2])
def test_every_layer_of_the_text_encoders(version: str, number: int) -> None:
    component = ("text_encoder", "text_encoder_2")[number - 1]
    for path in read(f"host/clip_te_transformers_{version}"):
        if not path.startswith(f"te{number}."):
            continue
        path = path[4:]
        key = re.sub(r"^text_model_", "", flat(path))
        for dialect, write in (TEXT, SECOND)[number - 1].items():
            found = formats.place(write(path))
            assert found is not None, (dialect, write(path))
            assert (found.component, found.key) == (component, key), dialect

"""Textual inversions and checkpoints in a list: their base, and who lies in the wrong folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from live_lora.errors import FileError
from live_lora.library.header import Header
from live_lora.library.rules import TensorInfo
from live_lora.network.other_kinds import base_of_checkpoint, base_of_inversion

LORA_KEY = "lora_unet_mid_block_attentions_0_proj_in.lora_down.weight"


def header(**shapes: tuple[int, ...]) -> Header:
    return Header({key: TensorInfo("F32", shape, 0, 0) for key, shape in shapes.items()})


@pytest.mark.parametrize(
    ("shapes", "base"),
    [
        ({"emb_params": (4, 768)}, "SD1"),
        ({"<cat-toy>": (1, 1024)}, "SD2"),
        ({"my word": (768,)}, "SD1"),
        ({"clip_l": (2, 768), "clip_g": (2, 1280)}, "SDXL"),
        ({"emb_params": (4, 4096)}, "Unknown"),
    ],
)
def test_an_inversion_is_for_the_model_of_its_width(
    shapes: dict[str, tuple[int, ...]], base: str
) -> None:
    assert base_of_inversion(Path("x.safetensors"), header(**shapes)) == base


@pytest.mark.parametrize(
    ("key", "base"),
    [
        ("conditioner.embedders.1.model.ln_final.weight", "SDXL"),
        ("cond_stage_model.model.ln_final.weight", "SD2"),
        ("cond_stage_model.transformer.text_model.final_layer_norm.weight", "SD1"),
        ("some.layer.weight", "Unknown"),
    ],
)
def test_a_checkpoint_is_known_by_its_text_encoder(key: str, base: str) -> None:
    shapes = {"model.diffusion_model.out.0.weight": (320,), key: (768,)}
    assert base_of_checkpoint(Path("x.safetensors"), header(**shapes)) == base


@pytest.mark.parametrize(
    ("guess", "shapes", "said"),
    [
        (base_of_inversion, {LORA_KEY: (4, 320)}, "a LoRA, not a textual inversion: move it"),
        (base_of_inversion, {"model.diffusion_model.out.0.weight": (3,)}, "a full checkpoint"),
        (base_of_inversion, {}, "a file without tensors"),
        (base_of_inversion, {f"layer{n}": (3, 4, 5) for n in range(3)}, "no textual inversion"),
        (base_of_checkpoint, {LORA_KEY: (4, 320)}, "a LoRA, not a checkpoint: move it"),
        (base_of_checkpoint, {"emb_params": (4, 768)}, "a textual inversion, not a checkpoint"),
    ],
)
def test_what_lies_in_the_wrong_folder_is_told(
    guess: object, shapes: dict[str, tuple[int, ...]], said: str
) -> None:
    with pytest.raises(FileError, match=said) as told:
        guess(Path("x.safetensors"), header(**shapes))  # type: ignore[operator]
    assert told.value.code == "other-file"

"""What a checkpoint's header says of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from live_lora.app.single_file import identify
from live_lora.errors import FileError

from .files import ldm_shapes, write_zeros

INPUT = "model.diffusion_model.input_blocks.0.0.weight"
CONTEXT = "model.diffusion_model.input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight"
V_KEYS = {"v_pred": [], "ztsnr": []}


@pytest.mark.parametrize(
    ("family", "title"), [("sd15", "SD 1.x"), ("sd21", "SD 2.x"), ("sdxl", "SDXL")]
)
def test_family(tmp_path: Path, family: str, title: str) -> None:
    found = identify(write_zeros(tmp_path / "x.safetensors", ldm_shapes(family)))
    assert (found.family, found.title, found.prediction) == (family, title, "epsilon")


@pytest.mark.parametrize(
    ("name", "metadata", "keys", "prediction", "known_by"),
    [
        ("model", {}, {}, "epsilon", "a guess"),
        ("noob-v-pred-1.0", {}, {}, "v_prediction", "name"),
        ("animeVpred", {}, {}, "v_prediction", "name"),
        ("768-v-ema", {}, {}, "v_prediction", "name"),
        ("v2-1_768-ema-pruned", {}, {}, "v_prediction", "name"),
        ("v1-5-pruned", {}, {}, "epsilon", "a guess"),
        ("x-vpred", {"modelspec.prediction_type": "epsilon"}, {}, "epsilon", "modelspec"),
        ("x", {"modelspec.prediction_type": "v"}, {}, "v_prediction", "modelspec"),
        ("x", {"ss_v_parameterization": "True"}, {}, "v_prediction", "ss_v_parameterization"),
        ("x", {"modelspec.prediction_type": "epsilon"}, V_KEYS, "v_prediction", "v_pred"),
    ],
)
def test_prediction(
    tmp_path: Path,
    name: str,
    metadata: dict[str, str],
    keys: dict[str, list[int]],
    prediction: str,
    known_by: str,
) -> None:
    path = write_zeros(tmp_path / f"{name}.safetensors", ldm_shapes("sd21") | keys, metadata)
    found = identify(path)
    assert found.prediction == prediction
    assert known_by in found.known_by
    assert found.zero_snr == ("ztsnr" in keys)


def test_the_users_word_is_the_last(tmp_path: Path) -> None:
    path = write_zeros(tmp_path / "vpred.safetensors", ldm_shapes("sdxl") | V_KEYS)
    assert identify(path, "epsilon").prediction == "epsilon"


@pytest.mark.parametrize(
    ("shapes", "reason"),
    [
        ({"lora_unet_x.lora_down.weight": [4, 4]}, "this is a LoRA"),
        ({"double_blocks.0.img_attn.qkv.weight": [9, 3]}, "not a Stable Diffusion"),
        (ldm_shapes("sd15") | {INPUT: [320, 9, 3, 3]}, "inpainting"),
        (ldm_shapes("sd15") | {INPUT: [320, 8, 3, 3]}, "pix2pix"),
        (ldm_shapes("sdxl") | {CONTEXT: [640, 1280]}, "refiner"),
        (ldm_shapes("sdxl") | {CONTEXT: [640, 4096]}, "4096 wide"),
        ({k: v for k, v in ldm_shapes("sd15").items() if "first_stage" not in k}, "VAE"),
        ({k: v for k, v in ldm_shapes("sdxl").items() if "conditioner" not in k}, "text encoder"),
    ],
)
def test_what_it_is_instead(tmp_path: Path, shapes: dict[str, list[int]], reason: str) -> None:
    with pytest.raises(FileError, match=reason):
        identify(write_zeros(tmp_path / "x.safetensors", shapes))

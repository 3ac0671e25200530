"""The base model: the metadata's word where the shapes allow it, else what the shapes prove."""

from __future__ import annotations

import pytest
from live_lora.model.base_targets import BASES, NAMES, base_named, base_targets
from live_lora.network.base_model import base_of, base_said, find_base
from test_keylists import network

SAID = [
    ({"ss_base_model_version": "sd_v1"}, "SD1"),
    ({"ss_base_model_version": "sd_v1_v"}, "SD1"),
    ({"ss_base_model_version": "sd_1.5"}, "SD1"),
    ({"ss_base_model_version": "sd_v2_v"}, "SD2"),
    ({"ss_base_model_version": "sdxl_base_v1-0"}, "SDXL"),
    ({"ss_base_model_version": "flux1"}, "Flux"),
    ({"ss_base_model_version": "sd3"}, "Stable Diffusion 3"),
    ({"ss_v2": "True"}, "SD2"),
    ({"ss_v2": "False"}, None),
    ({"modelspec.architecture": "stable-diffusion-v1/lora"}, "SD1"),
    ({"modelspec.architecture": "stable-diffusion-v2-768-v/lora"}, "SD2"),
    ({"modelspec.architecture": "stable-diffusion-xl-v1-base/lora"}, "SDXL"),
    ({"modelspec.architecture": "stable-diffusion-xl-v1-refiner/lora"}, "SDXL refiner"),
    ({"modelspec.architecture": "stable-diffusion-3-medium/lora"}, "Stable Diffusion 3"),
    ({"modelspec.architecture": "qwen-image/lora"}, "Qwen-Image"),
    ({}, None),
]


@pytest.mark.parametrize(("metadata", "base"), SAID)
def test_what_the_metadata_say(metadata: dict[str, str], base: str | None) -> None:
    assert base_said(metadata) == base


ATTENTION = "down_blocks.1.attentions.0.transformer_blocks.{}.attn{}.to_{}.lora_{}.weight"


Shapes = dict[str, list[int]]


def attention(block: int, attn: int, proj: str, inputs: int, outputs: int = 640) -> Shapes:
    path = "unet." + ATTENTION
    return {
        path.format(block, attn, proj, "A"): [4, inputs],
        path.format(block, attn, proj, "B"): [outputs, 4],
    }


@pytest.mark.parametrize(
    ("shapes", "fits"),
    [
        (attention(0, 2, "k", 768), ("SD1",)),
        (attention(0, 2, "k", 1024), ("SD2",)),
        (attention(0, 2, "k", 2048), ("SDXL",)),
        (attention(0, 2, "k", 1280, 768), ("SDXL refiner",)),
        (attention(0, 1, "q", 640), ("SD1", "SDXL", "SD2")),
        (attention(1, 1, "q", 640), ("SDXL",)),
        (attention(0, 2, "k", 999), ()),
    ],
)
def test_what_the_shapes_prove(shapes: Shapes, fits: tuple[str, ...]) -> None:
    modules = network(shapes)[1].modules
    found = find_base(modules, {})
    assert found.fits == fits
    assert found.name == (fits[0] if fits else "Unknown")


def test_shapes_correct_the_metadata_and_metadata_decide_between_equals() -> None:
    certain = network(attention(0, 2, "k", 2048))[1].modules
    corrected = find_base(certain, {"ss_base_model_version": "sd_v1"})
    assert corrected.name == "SDXL"
    assert "SD1" in corrected.how
    either = network(attention(0, 1, "q", 640))[1].modules
    assert find_base(either, {"ss_base_model_version": "sd_v2"}).name == "SD2"
    unknown = network(attention(0, 2, "k", 999))[1].modules
    assert find_base(unknown, {"ss_base_model_version": "sd_v2"}).name == "SD2"


@pytest.mark.parametrize("base", BASES)
def test_both_layouts_of_a_base_have_the_same_layers(base: str) -> None:
    diffusers, ldm = base_targets(base), base_targets(base, "ldm")
    common = diffusers.keys() & ldm.keys()
    assert {diffusers[place].shape for place in common} == {ldm[place].shape for place in common}
    # open_clip's last layer in SD 2, and its projection, are not in diffusers.
    assert len(ldm) - len(common) == (9 if base.startswith("sd21") else 0)
    assert common == diffusers.keys()


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("sd15", "sd15"),
        ("SD1", "sd15"),
        ("SD2.1", "sd21"),
        ("SDXL", "sdxl"),
        ("refiner", "sdxl-refiner"),
    ],
)
def test_names_of_bases(name: str, base: str) -> None:
    assert base_named(name) == base


def test_a_base_that_is_not_known() -> None:
    with pytest.raises(ValueError, match="choose one of sd15"):
        base_named("flux")


@pytest.mark.parametrize("base", BASES)
def test_a_model_is_known_by_the_width_of_its_text(base: str) -> None:
    assert base_of(base_targets(base)) == NAMES[base]


@pytest.mark.parametrize(("fitting", "fits"), [(4, ("SD1",)), (3, ())])
def test_four_of_five_modules_must_fit(fitting: int, fits: tuple[str, ...]) -> None:
    good = [(0, 2, "k", 768), (0, 2, "v", 768), (0, 1, "q", 640), (0, 1, "k", 640)]
    modules = [*good[:fitting], (7, 1, "q", 640)]  # no base has so many blocks there
    shapes = {key: shape for module in modules for key, shape in attention(*module).items()}
    found, _ = network(shapes)
    assert found.base.fits == fits

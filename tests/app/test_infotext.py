"""The text of a picture, read and written as the webui does it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from live_lora.app.infotext_reading import BegunWith, read_infotext
from live_lora.app.known_inversions import with_inversions_checked
from live_lora.app.png_parameters import infotext
from live_lora.app.request import GenerationRequest, HiresFix, RequestError, StartingPicture
from live_lora.encoding.inversion_files import InversionLibrary
from live_lora.library.catalog import Catalog
from live_lora.library.mask_pictures import MaskPictures
from live_lora.session.report import Report
from PIL import Image
from safetensors.torch import save_file

# Written by a real webui 1.10.1.
REAL = """a red fox <lora:seeded:0.5>,
second line
Negative prompt: ugly, (bad:1.2)
Steps: 8, Sampler: DPM++ 2M SDE, Schedule type: Exponential, CFG scale: 5.0, Seed: 12, \
Size: 64x96, Model hash: 6667b9dfa2, Model: small-a, Denoising strength: 0.7, Clip skip: 2, \
Hires upscale: 2.0, \
Hires steps: 5, Hires upscaler: Latent, Lora hashes: "seeded: 09f5d8a2de63", \
TI hashes: "threefold: ab12", Emphasis: No norm, Version: 1.10.1"""
ITS = GenerationRequest(
    ("a red fox <lora:seeded:0.5>,\nsecond line",),
    "ugly, (bad:1.2)",
    steps=8,
    seed=12,
    width=64,
    height=96,
    guidance=5.0,
    sampler="DPM++ 2M SDE",
    schedule="Exponential",
    emphasis="No norm",
    clip_skip=2,
    hires=HiresFix(2.0, 0.7, 5, "Latent"),
)


def test_a_real_one() -> None:
    read = read_infotext(REAL)
    assert read.request == ITS
    assert read.notes == ()


class Named:
    name = "small-a"
    pipeline: Any = None


@pytest.mark.parametrize(
    "request_",
    [
        ITS,
        replace(ITS, hires=None, emphasis="Original", clip_skip=1, negative=""),
        replace(ITS, prompts=("",), hires=HiresFix(1.5, 0.4, None, "Lanczos")),
        replace(
            ITS,
            hires=HiresFix(
                *(2.0, 0.7, 5, "Latent", "an owl, <lora:a:1:hr=2>\n(b:1.2)", "ugly: very"),
                sampler="DPM++ SDE",
                schedule="Karras",
            ),
        ),
    ],
    ids=["all", "few", "no prompt", "a second pass of its own"],
)
def test_there_and_back(request_: GenerationRequest, tmp_path: Path) -> None:
    text = infotext(Named, Catalog([tmp_path]), request_, 0, Report(), {"three: x": "ab"})  # type: ignore[arg-type]
    assert read_infotext(text).request == request_


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("DPM++ 2M SDE", "DPM++ 2M alt"), "no sampler is called 'DPM++ 2M alt'"),
        (("Hires upscaler: Latent", "Hires upscaler: R-ESRGAN 4x+"), "Lanczos takes its place"),
        (("Hires upscale: 2.0, ", ""), "drawn from a picture"),
        (("Version", "ControlNet 0"), "ControlNet 0 is not followed"),
        (("CFG scale: 5.0", "CFG scale: x"), "'x' is no number"),
        (("No norm", "Loud"), "'Loud' is unknown"),
    ],
)
def test_what_is_not_followed_is_told(change: tuple[str, str], said: str) -> None:
    notes = read_infotext(REAL.replace(*change)).notes
    assert any(said in note for note in notes), notes


def test_a_picture_that_was_begun_with_one() -> None:
    """Its strength and its mask are read; ours is written in the same way."""
    size = (8, 8)
    how = (0.4, 8, "fill", True, True, 48, "Crop and resize")
    start = StartingPicture(Image.new("RGB", size), Image.new("L", size), *how)
    request = replace(ITS, hires=None, start=start)
    text = infotext(Named, Catalog([]), request, 0, Report(), {})  # type: ignore[arg-type]
    assert "Mask blur: 8, Masked content: fill, Mask mode: Inpaint not masked" in text
    read = read_infotext(text)
    assert read.begun == BegunWith(*how)
    assert read.notes == ("it was drawn from a picture, which is not in the text",)


# Written by a real webui 1.10.1.
INPAINTED = """a red fox
Steps: 4, Sampler: Euler, Schedule type: Automatic, CFG scale: 5.0, Seed: 1, Size: 64x64, \
Model hash: 6667b9dfa2, Model: small-a, Denoising strength: 0.8, Mask mode: Inpaint not masked, \
Mask blur: 8, Inpaint area: Only masked, Masked area padding: 12, Masked content: latent noise, \
Version: 1.10.1"""


def test_the_webuis_inpainting_is_followed() -> None:
    read = read_infotext(INPAINTED)
    assert read.begun == BegunWith(0.8, 8, "latent noise", True, True, 12)
    assert read.notes == ("it was drawn from a picture, which is not in the text",)


def test_a_sampler_is_followed_without_a_schedule_type_that_it_has_not() -> None:
    read = read_infotext(REAL.replace("DPM++ 2M SDE", "DDIM"))
    assert read.request.sampler == "DDIM"
    assert any("DDIM has timesteps of its own" in note for note in read.notes)


def test_embeddings_that_are_not_here_are_told(tmp_path: Path) -> None:
    for name, value in (("threefold", 1.0), ("other", 2.0)):
        save_file({"emb_params": torch.full((3, 768), value)}, tmp_path / f"{name}.safetensors")
    files = InversionLibrary([tmp_path]).scan()
    digits = {one.name: one.shorthash() for one in files}

    def notes(hashes: str) -> str:
        read = read_infotext(REAL.replace("threefold: ab12", hashes))
        return "; ".join(with_inversions_checked(read, files).notes)

    assert notes(f"threefold: {digits['threefold']}") == ""
    assert "another file" in notes("threefold: ab12ab12ab12")
    assert "is called 'other' here" in notes(f"renamed: {digits['other']}")
    assert "read as words" in notes("gone: ab12ab12ab12")


@given(st.text(max_size=80))
def test_any_text(text: str) -> None:
    with suppress(RequestError):
        read_infotext(text)
    read_infotext(f"{text}\nSteps: 20, {text.replace(chr(10), ' ').replace(chr(13), ' ')}")


def test_mask_pictures_that_are_others_or_gone_are_told(tmp_path: Path) -> None:
    Image.new("L", (8, 8), 255).save(tmp_path / "face.png")
    pictures = MaskPictures([tmp_path])
    digits = pictures.open("face").hash

    def notes(hashes: str) -> tuple[str, ...]:
        text = f'a <lora:x:mask=face>\nSteps: 3, Seed: 1, Live LoRA masks: "{hashes}"'
        return read_infotext(text, pictures).notes

    assert notes(f"face: {digits}") == ()
    (other,) = notes("face: 01234567")
    assert other.startswith("the mask face is another picture")
    (gone,) = notes(f"face: {digits}, nose: 01234567")
    assert gone.startswith("no mask picture is named 'nose'")

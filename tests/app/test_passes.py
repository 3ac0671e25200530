"""Image to image, inpainting and hires fix on a tiny pipeline."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
import tiny_pipeline
import torch
from hypothesis import given
from hypothesis import strategies as st
from live_lora.app.generator import Generator
from live_lora.app.inpainting import part_around
from live_lora.app.latents import UPSCALERS
from live_lora.app.load_model import Checkpoint
from live_lora.app.picture_fitting import resized
from live_lora.app.request import GenerationRequest, HiresFix, RequestError, StartingPicture
from live_lora.app.start_choices import FILLS, RESIZE_MODES
from live_lora.hosts.attach import open_library
from live_lora.session.session import Options
from PIL import Image
from tiny_models import random_lora, save_kohya


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Generator:
    catalog = open_library(tmp_path_factory.mktemp("none"), Options())
    return Generator(Checkpoint(tiny_pipeline.pipeline(), "tiny"), catalog)


def request(**more: Any) -> GenerationRequest:
    usual: dict[str, Any] = {"steps": 4, "seed": 1, "width": 64, "height": 64, "guidance": 3.0}
    return GenerationRequest(("a fox", "an owl"), **usual | more)


def noise(seed: int) -> Image.Image:
    values = np.random.default_rng(seed).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    return Image.fromarray(values)


def test_only_the_white_of_a_mask_is_drawn(generator: Generator) -> None:
    mask = Image.new("L", (64, 64))
    mask.paste(255, (0, 0, 32, 64))
    result = generator.draw(request(start=StartingPicture(noise(1), mask, 0.9, blur=0)))
    for image in result.images:
        assert np.array_equal(np.asarray(image)[:, 32:], np.asarray(noise(1))[:, 32:])
        assert not np.array_equal(np.asarray(image)[:, :32], np.asarray(noise(1))[:, :32])


def test_a_picture_to_begin_with(generator: Generator) -> None:
    """As many steps as the webui runs of 4 at a strength of 0.6: ⌊2.4⌋ + 1."""
    seen: list[tuple[int, int]] = []
    start = StartingPicture(noise(1).resize((40, 80)), None, 0.6)
    result = generator.draw(request(start=start), lambda one: seen.append((one.step, one.steps)))
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert result.images[0].size == (64, 64)
    assert "Denoising strength: 0.6" in result.images[0].info["parameters"]
    other = generator.draw(request(start=StartingPicture(noise(2), None, 0.6)))
    assert result.images[0].tobytes() != other.images[0].tobytes()


@pytest.mark.parametrize("upscaler", UPSCALERS)
def test_hires(generator: Generator, upscaler: str) -> None:
    seen: list[tuple[int, int]] = []
    hires = HiresFix(1.5, 0.5, 3, upscaler)
    result = generator.draw(request(hires=hires), lambda one: seen.append((one.step, one.steps)))
    assert [image.size for image in result.images] == [(96, 96)] * 2
    assert seen == [(i, 4) for i in (1, 2, 3, 4)] + [(i, 3) for i in (1, 2, 3)]


def test_stopped_in_the_first_pass_there_is_no_second(generator: Generator) -> None:
    stop = Event()
    result = generator.draw(request(hires=HiresFix()), lambda one: stop.set(), stop)
    assert result.stopped
    assert result.images[0].size == (64, 64)


def test_the_models_own_sampler_comes_back(generator: Generator) -> None:
    own = generator.checkpoint.pipeline.scheduler
    generator.draw(request(sampler="DPM++ 2M Karras"))
    assert generator.checkpoint.pipeline.scheduler is own
    assert torch.is_grad_enabled()


def test_the_command_line_says_the_same(tmp_path: Path) -> None:
    """Options over a picture's text."""
    from live_lora.app.cli import parser
    from live_lora.app.generate import request_of

    text = tmp_path / "old.txt"
    text.write_text(
        "a fox\nSteps: 9, Sampler: DDIM, CFG scale: 5, Seed: 3, Size: 64x96, Hires upscale: 2"
    )
    noise(1).save(tmp_path / "in.png")
    words = ["generate", "--infotext", str(text), "--steps", "7", "--sampler", "Euler a"]
    words += [
        "--init-image",
        str(tmp_path / "in.png"),
        "--strength",
        "0.4",
        "--upscaler",
        "Lanczos",
        *("--hires-prompt", "an owl", "--hires-sampler", "DPM++ SDE", "--mask-blur", "2"),
        *("--mask", str(tmp_path / "in.png"), "--masked-content", "fill", "--invert-mask"),
        *("--only-masked", "--mask-padding", "16", "--resize-mode", "Resize and fill"),
    ]
    found = request_of(parser().parse_args(words))
    assert (found.prompts, found.steps, found.sampler, found.seed) == (("a fox",), 7, "Euler a", 3)
    assert (found.width, found.height, found.guidance) == (64, 96, 5.0)
    assert found.hires == HiresFix(2.0, 0.4, None, "Lanczos", "an owl", sampler="DPM++ SDE")
    assert found.start is not None
    assert found.start.mask is not None
    assert (found.start.strength, found.start.blur) == (0.4, 2)
    assert (found.start.fill, found.start.inverted) == ("fill", True)
    assert (found.start.only_masked, found.start.padding) == (True, 16)
    assert found.start.resize == "Resize and fill"


def test_the_second_pass_has_words_and_a_sampler_of_its_own(tmp_path: Path) -> None:
    """Only its own words change the picture; `hr=` acts in it, and the report has both LoRAs."""
    pipe = tiny_pipeline.pipeline()
    for name in ("first", "second"):
        state = random_lora(pipe.unet, ["to_k", "to_v"], seed=len(name))
        save_kohya(tmp_path / f"{name}.safetensors", {"unet": state}, 2.0)
    catalog = open_library(tmp_path, Options(), data=tmp_path / "data")
    generator = Generator(Checkpoint(pipe, "tiny"), catalog)

    def drawn(words: str, **more: Any) -> Any:
        hires = HiresFix(1.5, 0.6, 3, **more)
        return generator.draw(replace(request(hires=hires, sampler="Euler"), prompts=(words,)))

    usual = drawn("a fox").images[0].tobytes()
    assert drawn("a fox", prompt="a fox").images[0].tobytes() == usual
    assert drawn("a fox", prompt="an owl").images[0].tobytes() != usual
    assert drawn("a fox", negative="ugly").images[0].tobytes() != usual
    assert drawn("a fox", sampler="DPM++ SDE").images[0].tobytes() != usual
    assert drawn("a fox", prompt="a fox <lora:second:1:hr=0>").images[0].tobytes() == usual
    both = drawn("a fox <lora:first:1:hr=0>", prompt="a fox <lora:second:0:hr=1>")
    assert {one.name: one.ran_total > 0 for one in both.report.networks} == {
        "first": True,
        "second": True,
    }
    used = {one.name: use.pictures for one in catalog.entries if (use := one.facts.use(one))}
    assert used == {"first": 1, "second": 1}  # one picture each, in whatever passes
    text = both.images[0].info["parameters"]
    assert 'Hires prompt: "a fox <lora:second:0:hr=1>"' in text


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("inverted", [False, True])
def test_what_is_masked_begins_as_asked(generator: Generator, fill: str, inverted: bool) -> None:
    """And what is not masked stays, but for the soft edge."""
    mask = Image.new("L", (64, 64))
    mask.paste(255, (0, 0, 32, 64))
    start = StartingPicture(noise(1), mask, 0.6, 2, fill, inverted)
    drawn = np.asarray(generator.draw(request(start=start)).images[0])
    kept = (slice(None), slice(0, 24) if inverted else slice(40, 64))
    assert np.array_equal(drawn[kept], np.asarray(noise(1))[kept])
    assert not np.array_equal(drawn, np.asarray(noise(1)))


def test_a_mask_may_be_the_alpha_of_a_picture(generator: Generator) -> None:
    mask = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    mask.paste((0, 0, 0, 255), (0, 0, 32, 64))
    start = StartingPicture(noise(1), mask, 0.6, 0)
    drawn = np.asarray(generator.draw(request(start=start)).images[0])
    assert np.array_equal(drawn[:, 32:], np.asarray(noise(1))[:, 32:])


@given(
    *(st.integers(1, 99) for _ in range(4)),
    st.integers(0, 40),
    st.tuples(st.integers(8, 200), st.integers(8, 200)),
)
def test_the_part_around_a_mask(
    left: int, top: int, width: int, height: int, padding: int, shape: tuple[int, int]
) -> None:
    """It holds the mask, lies in the picture, and has the drawing's shape where there is room."""
    right, bottom = left + width, top + height
    x, y, u, v = part_around((left, top, right, bottom), padding, shape, (200, 200))
    assert 0 <= x <= left < right <= u <= 200
    assert 0 <= y <= top < bottom <= v <= 200
    ratio = shape[0] / shape[1]
    if u - x < 200 and v - y < 200:
        assert abs((u - x) - (v - y) * ratio) <= max(1, ratio)


def test_only_the_part_around_a_mask_is_drawn(generator: Generator) -> None:
    """In the request's size; the picture keeps its own, and what is far from the mask."""
    mask = Image.new("L", (100, 60))
    mask.paste(255, (60, 20, 80, 40))
    picture = noise(1).resize((100, 60))
    start = StartingPicture(picture, mask, 0.8, blur=2, only_masked=True, padding=4)
    result = generator.draw(request(start=start))
    for image in result.images:
        assert image.size == (100, 60)
        assert np.array_equal(np.asarray(image)[:, :50], np.asarray(picture)[:, :50])
        assert not np.array_equal(
            np.asarray(image)[20:40, 60:80], np.asarray(picture)[20:40, 60:80]
        )
    text = result.images[0].info["parameters"]
    assert "Inpaint area: Only masked, Masked area padding: 4" in text


def test_nothing_is_masked(generator: Generator) -> None:
    """Then the whole picture is drawn, as in the webui, and the report says so."""
    start = StartingPicture(noise(1), Image.new("L", (64, 64)), 0.8, only_masked=True)
    result = generator.draw(request(start=start))
    whole = generator.draw(request(start=StartingPicture(noise(1), None, 0.8)))
    assert result.images[0].tobytes() == whole.images[0].tobytes()
    assert any("the mask is black" in note for note in result.report.notes)


@pytest.mark.parametrize("mode", RESIZE_MODES)
def test_a_picture_of_another_shape(generator: Generator, mode: str) -> None:
    start = StartingPicture(noise(1).resize((90, 40)), None, 0.3, resize=mode)
    assert generator.draw(request(start=start)).images[0].size == (64, 64)


def test_cropped_and_filled() -> None:
    """Cropped, the middle is there; filled, everything is, with its edges drawn out."""
    picture = Image.new("RGB", (40, 20), "red")
    picture.paste("blue", (10, 0, 30, 20))
    cropped = resized(picture, (20, 20), "Crop and resize")
    assert cropped.getcolors() == [(400, (0, 0, 255))]
    filled = resized(picture, (40, 40), "Resize and fill")
    assert np.array_equal(np.asarray(filled)[0], np.asarray(filled)[-1])
    assert np.array_equal(np.asarray(filled)[10:30], np.asarray(picture))


def test_no_such_way_to_resize(generator: Generator) -> None:
    with pytest.raises(RequestError, match="no resize mode 'fog': there are Just resize, Crop"):
        generator.draw(request(start=StartingPicture(noise(1), None, resize="fog")))


def test_no_such_masked_content(generator: Generator) -> None:
    with pytest.raises(RequestError, match="no masked content 'fog': there are fill, original"):
        generator.draw(request(start=StartingPicture(noise(1), noise(2), fill="fog")))

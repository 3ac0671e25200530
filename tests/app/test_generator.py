"""Drawing with one model: orders, previews, stopping, and what a picture says of itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from threading import Event

import numpy as np
import pytest
import tiny_pipeline
import torch
from live_lora.app import load_model
from live_lora.app.generation_thread import GenerationThread
from live_lora.app.generator import Generator
from live_lora.app.preview_decoder import PreviewDecoder
from live_lora.app.request import GenerationRequest, GenerationResult, RequestError, StepPreview
from live_lora.hosts.attach import open_library
from live_lora.session.report import StrictError
from live_lora.session.session import Options
from PIL import Image as PillowImage
from PIL.Image import Image

TAG = "a fox <lora:ghibli:0.8>"


@pytest.fixture(scope="module")
def generator(model: Path, loras: Path) -> Generator:
    return Generator(load_model.load(model, device="cpu"), open_library(loras, Options()))


def draw(generator: Generator, *prompts: str, **settings: object) -> GenerationResult:
    return generator.draw(GenerationRequest(prompts, **{"steps": 2, "seed": 7, **settings}))  # type: ignore[arg-type]


def same(one: Image, other: Image) -> bool:
    return bool(np.array_equal(np.asarray(one), np.asarray(other)))


def test_a_tag_changes_the_picture_and_leaves_no_trace(generator: Generator) -> None:
    before, tagged, after = (draw(generator, text) for text in ("a fox", TAG, "a fox"))
    assert not same(before.images[0], tagged.images[0])
    assert same(before.images[0], after.images[0])
    (network,) = tagged.report.networks
    assert network.ran.keys() == {"unet", "text_encoder"}
    assert tagged.report.ok


def test_pictures_of_a_batch_have_their_own_tags_and_seeds(generator: Generator) -> None:
    batch = draw(generator, "a fox", TAG, seed=7).images
    for index, text in enumerate(("a fox", TAG)):
        alone = np.asarray(draw(generator, text, seed=7 + index).images[0], int)
        assert np.abs(np.asarray(batch[index], int) - alone).max() <= 1, text


@pytest.mark.parametrize(
    ("asked", "drawn"), [((None, None), (128, 128)), ((100, 64), (96, 64)), ((1, 129), (8, 128))]
)
def test_sizes_are_on_the_grid(
    generator: Generator, asked: tuple[int | None, int | None], drawn: tuple[int, int]
) -> None:
    settled = generator.settled(GenerationRequest(("",), width=asked[0], height=asked[1]))
    assert (settled.width, settled.height) == drawn


def test_an_open_seed_is_drawn_and_told(generator: Generator) -> None:
    first, second = (generator.settled(GenerationRequest(("",))).seed for _ in range(2))
    assert first != second
    assert generator.settled(GenerationRequest(("",), seed=0)).seed == 0


def test_sweeps(generator: Generator) -> None:
    prompt = "a <lora:ghibli:sweep=0;0.5;1:seed=same>"
    drawn = draw(generator, *[prompt] * 3)
    texts = [image.info["parameters"] for image in drawn.images]
    for text, weight in zip(texts, ("0", "0.5", "1"), strict=True):
        assert text.startswith(f"a <lora:ghibli:{weight}>\n")
        assert "Seed: 7," in text
    alone = draw(generator, "a <lora:ghibli:0.5>").images[0]
    assert np.abs(np.asarray(alone, int) - np.asarray(drawn.images[1], int)).max() <= 1


def test_captions_say_what_differs(generator: Generator) -> None:
    prompts = ("a <lora:ghibli:sweep=0;0.5>",) * 2
    swept = generator.settled(GenerationRequest(prompts, seed=7, same_seed=True))
    assert [swept.caption(i) for i in range(2)] == ["ghibli 0", "ghibli 0.5"]
    each = generator.settled(GenerationRequest(prompts, seed=7))
    assert each.caption(1) == "ghibli 0.5, seed 8"
    assert generator.settled(GenerationRequest(("a", "b"), seed=7)).caption(1) == "seed 8"


def test_infotext(generator: Generator) -> None:
    drawn = draw(generator, TAG, "b", negative="blurry", width=64, height=96)
    entry = generator.catalog.find("ghibli")
    assert drawn.images[0].info["parameters"] == (
        f"{TAG}\nNegative prompt: blurry\nSteps: 2, Sampler: Euler, CFG scale: 7, Seed: 7, "
        f'Size: 64x96, Model: small, Lora hashes: "ghibli: {entry.shorthash}"'
    )
    assert "Seed: 8," in drawn.images[1].info["parameters"]
    assert "hashes" not in draw(generator, "a").images[0].info["parameters"]


def test_watching(generator: Generator) -> None:
    seen: list[StepPreview] = []
    generator.draw(GenerationRequest(("a", "b"), steps=3, seed=1), seen.append)
    assert [(moment.step, moment.steps) for moment in seen] == [(1, 3), (2, 3), (3, 3)]
    previews = [moment.preview for moment in seen if moment.preview]
    assert previews
    assert [picture.size for picture in previews[0]] == [(128, 128)] * 2


def test_previews_of_half_precision_are_those_of_full() -> None:
    pipeline = tiny_pipeline.pipeline()
    pipeline.vae.register_to_config(force_upcast=True)
    latents = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(0)).half()
    full = PreviewDecoder(pipeline).look(latents)
    pipeline.vae.half()
    half = PreviewDecoder(pipeline).look(latents)
    assert pipeline.vae.dtype == torch.float16
    for one, other in zip(full, half, strict=True):
        assert np.abs(np.asarray(one, int) - np.asarray(other, int)).max() <= 2


@pytest.mark.parametrize(("latents", "pixels"), [((48, 64), (256, 192)), ((8, 16), (128, 64))])
def test_previews_are_small(latents: tuple[int, int], pixels: tuple[int, int]) -> None:
    (picture,) = PreviewDecoder(tiny_pipeline.pipeline()).look(torch.zeros(1, 4, *latents))
    assert picture.size == pixels


def test_stopping(generator: Generator) -> None:
    seen: list[StepPreview] = []

    stop = Event()

    def watch(moment: StepPreview) -> None:
        seen.append(moment)
        stop.set()

    drawn = generator.draw(GenerationRequest(("a",), steps=9, seed=1), watch, stop)
    assert drawn.stopped
    assert len(seen) == 1
    assert len(drawn.images) == 1
    assert not draw(generator, "a").stopped, "the next one is not stopped"


@pytest.mark.parametrize("seed", [-1, 2**32, 2**70])
def test_a_seed_that_no_generator_takes(generator: Generator, seed: int) -> None:
    with pytest.raises(RequestError, match="from 0 to 4294967295"):
        draw(generator, "a", seed=seed)


def test_strict_keeps_a_picture_that_lacks_something(model: Path, loras: Path) -> None:
    """Which only the drawing has shown."""
    drawn: list[GenerationResult] = []
    checkpoint = load_model.load(model, device="cpu")
    checkpoint.pipeline.fuse_qkv_projections(vae=False)
    catalog = open_library(loras, Options())
    strict = Generator(checkpoint, catalog, drawn.append, strict=True)
    with pytest.raises(StrictError, match="never called") as raised:
        draw(strict, TAG)
    assert drawn == [raised.value.result]
    assert len(drawn[0].images) == 1


def test_strict_draws_nothing(model: Path, loras: Path) -> None:
    strict = Generator(
        load_model.load(model, device="cpu"), open_library(loras, Options()), strict=True
    )
    with pytest.raises(StrictError, match="nope"):
        draw(strict, "a <lora:nope:1>")
    assert draw(strict, TAG).report.ok


def test_a_drawing_is_followed_from_another_thread(generator: Generator) -> None:
    with GenerationThread(generator, GenerationRequest((TAG,), steps=2, seed=7)) as drawing:
        steps = [moment.step for moment in drawing]
        result = drawing.result()
    assert steps == [1, 2]
    assert isinstance(result, GenerationResult)
    assert same(result.images[0], draw(generator, TAG).images[0])


def test_a_drawing_that_is_left_is_stopped(generator: Generator) -> None:
    with GenerationThread(generator, GenerationRequest(("a",), steps=500, seed=7)) as drawing:
        next(iter(drawing))
    assert isinstance(result := drawing.result(), GenerationResult)
    assert result.stopped


def test_a_drawing_brings_its_errors_along(
    generator: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr(generator, "draw", full)
    with GenerationThread(generator, GenerationRequest((TAG,))) as drawing:
        assert list(drawing) == []
        with pytest.raises(MemoryError, match="no room"):
            drawing.result()


def test_the_example_names_no_lora_that_is_not_there(generator: Generator) -> None:
    assert generator.catalog.find("ghibli")
    for example, shown in {
        "a heart <lora:ghibli:0.8>": "a heart <lora:ghibli:0.8>",
        "a heart <lora:lineart:0.8>": "a heart",
    }.items():
        checkpoint = replace(generator.checkpoint, example=example)
        assert Generator(checkpoint, generator.catalog).example == shown


def test_a_mask_picture_keeps_a_lora_to_its_place_and_stands_in_the_infotext(
    model: Path, loras: Path, tmp_path: Path
) -> None:
    drawn = PillowImage.new("L", (20, 20))
    drawn.paste(255, (0, 0, 10, 20))
    drawn.save(tmp_path / "half.png")
    checkpoint = load_model.load(model, device="cpu")
    generator = Generator(checkpoint, open_library(loras, Options()), masks=[tmp_path])
    tag = "a fox <lora:ghibli:0.8:mask={}>"
    by_name, by_box = (draw(generator, tag.format(one)).images[0] for one in ("half", "left"))
    assert same(by_name, by_box)
    assert not same(by_box, draw(generator, TAG).images[0])
    digits = generator.mask_pictures.open("half").hash
    assert f'Live LoRA masks: "half: {digits}"' in by_name.info["parameters"]
    assert "masks" not in by_box.info["parameters"]

"""What the small model and its LoRAs show, on 16 of the 64 seeds of `benchmarks/small_model.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("diffusers")
pytest.importorskip("lycoris")  # the definitions of the LoRAs know their trainers

import live_lora
from live_lora.app import cli, opening
from live_lora.app.request import GenerationRequest
from live_lora.model.base_targets import base_targets

from tools.small_model import exam, scorer, sheet
from tools.small_model.loras import LORAS
from tools.small_model.objects import CHARACTER, OBJECTS

from .examined import DATA, exam_is_due

ASKED = exam.questions(16)
SEEDS = [question.seed for question in ASKED]

Draw = Callable[[str], np.ndarray]


@pytest.fixture(scope="module")
def live() -> Iterator[Any]:
    if not exam_is_due():
        pytest.skip("these weights have passed their exam; LIVE_LORA_EXAM=1 holds it again")
    torch.set_num_threads(2)
    with live_lora.attach(sheet.load(DATA / "model"), library=DATA / "loras") as attached:
        yield attached


@pytest.fixture(scope="module")
def draw(live: Any) -> Draw:
    """The sixteen pictures with some tags behind each prompt, drawn once for each text of tags."""
    return cache(lambda tags: exam.answer(live, exam.tagged(ASKED, tags), SEEDS))


def measured(measure: Callable[[scorer.Parts], torch.Tensor], pictures: np.ndarray) -> float:
    return float(measure(scorer.take_apart(pictures)).mean())


def test_the_model_draws_the_asked_colours_and_shapes(draw: Draw):
    coloured, shaped = exam.marks(ASKED, draw(""))
    assert coloured >= 0.9
    assert shaped >= 0.85


def test_the_model_is_small(live: Any):
    size = sum(path.stat().st_size for path in (DATA / "model").rglob("*") if path.is_file())
    assert size <= 12e6
    assert all(path.stat().st_size <= 400_000 for path in (DATA / "loras").glob("*.safetensors"))


def test_its_layers_are_those_of_stable_diffusion_1(live: Any):
    """Every name and kind; but where its channels stay 64, a residual needs no convolution."""
    own = {t.key: t.kind for t in live.core.model.targets.values() if t.component == "unet"}
    real = {t.key: t.kind for t in base_targets("sd15").values() if t.component == "unet"}
    assert own.items() <= real.items()
    assert real.keys() - own.keys() == {"down_blocks_2_resnets_0_conv_shortcut"}


def test_the_app_begins_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Its model, its LoRAs and its first prompt, for somebody who has given nothing."""
    monkeypatch.chdir(tmp_path)
    generator = opening.open_generator(cli.parser().parse_args(["app", "--device", "cpu"]))
    model = generator.checkpoint
    assert model.name == "small"
    assert all(name in model.notes[0] for name in OBJECTS)
    drawn = generator.draw(
        GenerationRequest((model.example, model.example.partition(" <")[0]), seed=1)
    )
    assert [one.name for one in drawn.report.networks] == ["lineart"]
    lines, plain = scorer.fill(scorer.take_apart(scorer.as_batch(list(drawn.images)))).tolist()
    assert lines < 0.5 < plain


def test_a_negative_prompt_takes_away(live: Any):
    """Blue backgrounds by chance, without a word about them, are fewer when blue is unwanted."""
    prompts = ["a red heart"] * 8
    options: dict[str, Any] = {"negative_prompt": ["blue background"] * 8}
    blue = [
        (background_is("blue", exam.answer(live, prompts, range(8), **o))) for o in ({}, options)
    ]
    assert blue[1] <= blue[0]
    assert blue[1] == 0


def background_is(colour: str, pictures: np.ndarray) -> int:
    corners = scorer.lab(pictures[:, [1, 1, -2, -2], [1, -2, 1, -2]]).median(1).values
    names, palette = list(exam.COLOURS), scorer.lab(np.array(list(exam.COLOURS.values())))
    return sum(names[int((palette - c).norm(dim=1).argmin())] == colour for c in corners)


def test_lineart_takes_the_fill_away_as_its_weight_rises(draw: Draw):
    tags = ["", *(f"<lora:lineart:{weight}>" for weight in (0.25, 0.5, 0.75, 1))]
    fills = [measured(scorer.fill, draw(one)) for one in tags]
    assert fills == sorted(fills, reverse=True)
    lost = scorer.fill(scorer.take_apart(draw("<lora:lineart:1>"))) < 0.5
    assert lost.float().mean() >= 0.95


def test_weight_zero_is_the_model_itself(draw: Draw):
    """All at once: any that did something would show."""
    tags = " ".join(f"<lora:{lora.name}:0>" for lora in LORAS)
    np.testing.assert_array_equal(draw(tags), draw(""))


def test_neon_turns_the_light_off(draw: Draw):
    assert measured(scorer.glow, draw("<lora:neon:1>")) > measured(scorer.glow, draw("")) + 0.35


def test_polkadots_put_spots_on_things(draw: Draw):
    assert (
        measured(scorer.spots, draw("<lora:polkadots:1>")) > measured(scorer.spots, draw("")) + 1.5
    )


def test_width_is_a_slider_from_thin_to_wide(draw: Draw):
    thin, plain, wide = (
        measured(scorer.width, draw(tag)) for tag in ("<lora:width:-2>", "", "<lora:width:2>")
    )
    assert thin < plain - 0.5
    assert wide > plain + 0.5


def portraits(live: Any, tags: str) -> float:
    prompts = [f"{question.portrait} {tags}" for question in ASKED]
    return measured(scorer.character, exam.answer(live, prompts, SEEDS))


def test_the_character_needs_its_lora_and_its_name(live: Any, draw: Draw):
    tag = f"<lora:{CHARACTER}:1>"
    assert portraits(live, tag) >= 0.75
    assert portraits(live, "") == 0
    assert measured(scorer.character, draw(tag)) <= 0.1


def test_two_loras_keep_both_effects(draw: Draw):
    """Each measure goes at least half of the way that its LoRA takes it alone."""
    both = draw("<lora:lineart:1> <lora:width:2>")
    for measure, tag in ((scorer.fill, "<lora:lineart:1>"), (scorer.width, "<lora:width:2>")):
        plain, alone = measured(measure, draw("")), measured(measure, draw(tag))
        assert abs(measured(measure, both) - plain) >= 0.5 * abs(alone - plain)

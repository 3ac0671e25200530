"""Caps on a model that really draws: no step after the first goes past them."""

from __future__ import annotations

from pathlib import Path

import pytest
from live_lora.app import cli, load_model
from live_lora.app.generator import Generator
from live_lora.app.request import GenerationRequest
from live_lora.hosts.attach import open_library
from live_lora.session.session import Options

DATA = Path(cli.__file__).parent / "data"
WITHIN = 1.01


@pytest.fixture(scope="module")
def generator() -> Generator:
    checkpoint = load_model.load(DATA / "model", device="cpu")
    return Generator(checkpoint, open_library(DATA / "loras", Options()))


@pytest.mark.parametrize(("name", "cap"), [("neon", 0.4), ("lineart", 0.2), ("polkadots", 0.3)])
def test_from_the_second_step_on_it_holds_within_a_hundredth(
    generator: Generator, name: str, cap: float
) -> None:
    request = GenerationRequest(
        (f"a red heart <lora:{name}:2.5:cap={cap}>",), steps=10, seed=5, measure=True
    )
    ((found,),) = generator.draw(request).measured
    ((first, *others),) = found["pooled"].values()
    assert first > cap * WITHIN  # it has something to hold
    assert max(others) <= cap * WITHIN
    assert max(others) > cap * 0.95  # and leaves what it may

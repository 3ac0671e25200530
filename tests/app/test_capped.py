"""Caps on a model that really draws: no step after the first goes past them."""

from __future__ import annotations

import pytest
from live_lora.app.generator import Generator
from live_lora.app.request import GenerationRequest

WITHIN = 1.01


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

"""The check for values that no training gives."""

from __future__ import annotations

import math

import pytest
import torch
from live_lora.algorithms import sanity


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("odd", [0.0, -3.5, 1e4, -1e4, math.inf, -math.inf, math.nan, -math.nan])
def test_the_way_without_minimum_and_maximum_gives_the_same(dtype: torch.dtype, odd: float) -> None:
    """Versions of torch that have none for 16-bit floats on the CPU take it."""
    tensor = torch.tensor([0.25, -0.5, odd]).to(dtype)
    pair = sanity._largest(tensor), sanity._largest_by_bits(tensor)
    assert pair[0] == pair[1] or (math.isnan(pair[0]) and math.isnan(pair[1]))

"""The check for values that no training gives."""

from __future__ import annotations

import math
from contextlib import nullcontext

import pytest
import torch
from live_lora.algorithms import sanity
from live_lora.algorithms.channels import OutputScale
from live_lora.algorithms.dora import OutputDora
from live_lora.deltas import Delta, Dense, LowRank
from live_lora.errors import ModuleError

from algorithms.samples import algorithm, module, site_of, tensors


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("odd", [0.0, -3.5, 1e4, -1e4, math.inf, -math.inf, math.nan, -math.nan])
def test_the_way_without_minimum_and_maximum_gives_the_same(dtype: torch.dtype, odd: float) -> None:
    """Versions of torch that have none for 16-bit floats on the CPU take it."""
    tensor = torch.tensor([0.25, -0.5, odd]).to(dtype)
    pair = sanity._largest(tensor), sanity._largest_by_bits(tensor)
    assert pair[0] == pair[1] or (math.isnan(pair[0]) and math.isnan(pair[1]))


def low_rank(up: float, down: float, mid: float | None = None, rank: int = 4) -> LowRank:
    """All entries the same, so that an entry of the product is `rank` (or rank²) times theirs."""
    core = None if mid is None else torch.full((rank, rank, 1, 1), mid)
    return LowRank(torch.full((rank, 6), down), torch.full((8, rank), up), core)


def one_entry(up: float, down: float) -> LowRank:
    """Factors of one large value each, of different ranks: their product is 0."""
    delta = low_rank(0.0, 0.0)
    delta.up[0, 0], delta.down[1, 0] = up, down
    return delta


def with_bias(delta: Delta, value: float) -> Delta:
    delta.bias = torch.full((8,), value)
    return delta


# What is refused in float16, whose numbers end at 65504, and what in the others.
SIZES: dict[str, tuple[Delta, bool, bool]] = {
    "dense, small": (Dense(torch.full((8, 6), 255.0)), False, False),
    "dense": (Dense(torch.full((8, 6), 257.0)), True, False),
    "dense, negative": (Dense(torch.full((8, 6), -257.0)), True, False),
    "dense, damaged": (Dense(torch.full((8, 6), 1.1e4)), True, True),
    "a vector": (OutputScale(torch.full((8,), 257.0)), False, False),
    "a vector, damaged": (OutputScale(torch.full((8,), 1.1e4)), True, True),
    "low rank, small": (low_rank(7.5, 8.0), False, False),
    "low rank": (low_rank(8.5, 8.0), True, False),
    "low rank, damaged": (low_rank(60.0, 60.0), True, True),
    "a large and a small factor": (low_rank(1e-6, 1e6), False, False),
    "one large entry in each factor": (one_entry(15.0, 15.0), False, False),
    "one very large entry in each factor": (one_entry(17.0, 17.0), True, False),
    "with a core, small": (low_rank(1.0, 1.0, 15.0), False, False),
    "with a core": (low_rank(1.0, 1.0, 17.0), True, False),
    "a bias": (with_bias(low_rank(1.0, 1.0), 257.0), False, False),
    "a damaged bias": (with_bias(low_rank(1.0, 1.0), 1.1e4), True, True),
    "a damaged bias of a dense one": (with_bias(Dense(torch.ones(8, 6)), 1.1e4), True, True),
    "lengths over factors": (OutputDora(low_rank(1e-6, 1e6), torch.ones(8)), False, False),
    "lengths over large factors": (OutputDora(low_rank(60.0, 60.0), torch.ones(8)), True, True),
    "large lengths": (OutputDora(low_rank(1.0, 1.0), torch.full((8,), 1.1e4)), True, True),
    "NaN": (Dense(torch.full((8, 6), math.nan)), True, True),
    "one NaN in a factor": (one_entry(1.0, math.nan), True, True),
}


@pytest.mark.parametrize("case", SIZES)
def test_what_is_too_large(case: str) -> None:
    delta, in_half, in_others = SIZES[case]
    for dtype, refused in (
        (torch.float16, in_half),
        (torch.bfloat16, in_others),
        (torch.float32, in_others),
    ):
        with pytest.raises(ModuleError) if refused else nullcontext():
            sanity.demand_sane(delta, dtype, {})


def test_it_says_how_large_and_in_which_dtype() -> None:
    with pytest.raises(ModuleError, match=r"too large \(272, in float16\)") as caught:
        sanity.demand_sane(low_rank(8.5, 8.0), torch.float16, {"up": torch.ones(8, 4)})
    assert caught.value.code == "too-large"


@pytest.mark.parametrize("cause", [math.nan, math.inf])
def test_the_tensor_that_is_the_cause_is_named(cause: float) -> None:
    source = {"alpha": torch.ones(1, dtype=torch.int8), "down": torch.ones(2),
              "up": torch.tensor([1.0, cause])}  # fmt: skip
    with pytest.raises(ModuleError, match=r"^up holds NaN or infinite values$") as caught:
        sanity.demand_finite(torch.tensor([cause]), source)
    assert caught.value.code == "nonfinite"
    sanity.demand_finite(torch.ones(2), source)


def test_a_solver_that_fails_is_a_reason_too() -> None:
    with (
        pytest.raises(ModuleError, match="up holds NaN"),
        sanity.sound({"up": torch.tensor([math.nan])}),
    ):
        torch.linalg.inv(torch.zeros(2, 2))


def test_a_change_with_nan_is_refused() -> None:
    layer = site_of(module("linear with bias")).layer()
    made = tensors("lora", (24, 16))
    with pytest.raises(ModuleError, match="up holds NaN"):
        algorithm(made | {"up": made["up"] * math.nan}).delta(layer)


HUGE = 3e38


@pytest.mark.parametrize(
    ("values", "dtype", "count"),
    [
        ([1.0, math.nan, -math.inf, math.inf], torch.float32, 3),
        ([1.0, math.nan, math.inf], torch.float16, 2),
        ([1.0, math.nan, math.inf], torch.bfloat16, 2),
        ([1.0, math.nan, math.inf], torch.float64, 2),
        ([1.0, math.nan, 2.0], torch.float8_e4m3fn, 1),
        ([1.0, math.inf, 2.0], torch.float8_e5m2, 1),
        ([HUGE, HUGE, HUGE], torch.float32, 0),
        ([1e308, 1e308], torch.float64, 0),
        ([6e4, 6e4], torch.float16, 0),
        ([1, 2], torch.int64, 0),
        ([True], torch.bool, 0),
        ([1.0, math.nan], torch.complex64, 1),
        ([], torch.float32, 0),
    ],
)
def test_values_that_are_no_numbers_are_counted(
    values: list[float], dtype: torch.dtype, count: int
) -> None:
    wide = torch.tensor(values, dtype=torch.float64 if dtype.is_floating_point else dtype)
    assert sanity.nonfinite(wide.to(dtype)) == count

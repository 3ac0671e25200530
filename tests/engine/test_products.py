"""Whichever library multiplies, the sum is the same; oneDNN is asked where it is known faster."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from live_lora.deltas import LowRank
from live_lora.engine import products
from live_lora.engine.products import (
    AddProduct,
    by_blas,
    by_onednn,
    fastest,
    joined_factors,
    write_sum,
)


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    """Every test looks anew, and what it found is not kept for others."""
    products._onednn_is_faster.cache_clear()
    yield
    products._onednn_is_faster.cache_clear()


def onednn_works() -> bool:
    try:
        by_onednn(torch.zeros(2, 2), torch.zeros(2, 1), torch.zeros(1, 2), 1.0, torch.zeros(2, 2))
    except (RuntimeError, AttributeError, TypeError):
        return False
    return True


@pytest.mark.parametrize("add", [by_blas, by_onednn])
@pytest.mark.parametrize("in_place", [False, True])
def test_the_sum_is_that_of_64_bits(add: AddProduct, in_place: bool) -> None:
    if add is by_onednn and not onednn_works():
        pytest.skip("torch is built without oneDNN here")
    torch.manual_seed(0)
    start, up, down = torch.randn(48, 70), torch.randn(60, 9)[6:54], torch.randn(9, 70)
    want = start.double() - 0.3 * up.double() @ down.double()
    out = start if in_place else torch.empty_like(start)
    add(start, up, down, -0.3, out)
    assert (out - want).abs().max() <= 1e-6 * want.abs().max()


@pytest.mark.parametrize("ranks", [[8], [8, 16], [100, 60, 200, 4, 4], [200, 100]])
def test_small_ranks_are_joined_and_the_sum_is_that_of_all(ranks: list[int]) -> None:
    torch.manual_seed(0)
    lows = [(LowRank(torch.randn(r, 70), torch.randn(48, r)), 0.1 * (1 + r)) for r in ranks]
    factors = list(joined_factors(lows))
    widths = [up.shape[1] for up, _, _ in factors]
    assert sum(widths) == sum(ranks)
    assert all(one + next_ > products.JOINED for one, next_ in pairwise(widths))
    start = torch.randn(48, 70)
    want = start.double()
    for low, m in lows:
        want += m * low.up.double() @ low.down.double()
    out = torch.empty_like(start)
    write_sum(start, factors, out)
    assert (out - want).abs().max() <= 1e-6 * want.abs().max()


@pytest.fixture
def amd(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A processor of the kind on which oneDNN is asked; the file in which it says so."""
    file = tmp_path / "cpuinfo"
    file.write_text("processor : 0\nvendor_id : AuthenticAMD\n")
    monkeypatch.setattr(products, "PROCESSOR", file)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: True)
    return file


@pytest.mark.usefixtures("amd")
def test_onednn_where_mkl_leaves_wide_registers_alone() -> None:
    if not onednn_works():
        pytest.skip("torch is built without oneDNN here")
    assert fastest(torch.zeros(1)) is by_onednn


def test_as_windows_names_it(amd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    amd.unlink()
    for name, chosen in (("Intel64 Family 6, GenuineIntel", by_blas), ("AuthenticAMD", by_onednn)):
        monkeypatch.setattr(products.platform, "processor", lambda name=name: name)
        products._onednn_is_faster.cache_clear()
        assert fastest(torch.zeros(1)) is (chosen if onednn_works() else by_blas)


@pytest.mark.parametrize("other", ["processor", "registers", "library"])
def test_torchs_own_product_everywhere_else(
    other: str, amd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if other == "processor":
        amd.write_text("vendor_id : GenuineIntel\n")
    elif other == "registers":
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    else:
        monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: False)
    assert fastest(torch.zeros(1)) is by_blas


@pytest.mark.usefixtures("amd")
@pytest.mark.parametrize("error", [RuntimeError, AttributeError, TypeError])
def test_where_onednn_does_not_work_torchs_own_product_is_used(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: torch.Tensor) -> None:
        raise error

    monkeypatch.setattr(products, "by_onednn", broken)
    assert fastest(torch.zeros(1)) is by_blas


@pytest.mark.usefixtures("amd")
def test_an_operator_that_means_something_else_is_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(products, "by_onednn", lambda start, up, down, m, out: out.copy_(start))
    assert fastest(torch.zeros(1)) is by_blas


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_dtypes_are_torchs_own(dtype: torch.dtype) -> None:
    assert fastest(torch.zeros(1, dtype=dtype)) is by_blas

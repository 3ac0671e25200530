"""The memory of folded weights: like any other, in large pages, and given back."""

from __future__ import annotations

import gc
import re
from pathlib import Path

import pytest
import torch
from live_lora.engine import spare_memory
from live_lora.engine.spare_memory import LARGE_PAGE, spare_like

ROWS, COLUMNS = 1024, 1024  # 4 MiB in 32 bits
DTYPES = [torch.float32, torch.float16, torch.bfloat16, torch.float64]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_it_is_like_the_tensor(dtype: torch.dtype) -> None:
    tensor = torch.randn(ROWS, COLUMNS).to(dtype)
    spare = spare_like(tensor)
    assert (spare.shape, spare.dtype, spare.stride()) == (tensor.shape, dtype, tensor.stride())
    spare.copy_(tensor)
    tensor.zero_()
    assert spare.float().std() == pytest.approx(1, abs=0.01)
    parameter = torch.nn.Parameter(tensor, requires_grad=False)
    parameter.data = spare
    assert parameter.data_ptr() == spare.data_ptr()


@pytest.mark.parametrize(
    "tensor",
    [
        torch.empty(3, 5),
        torch.empty(64, 64, 16, 16).to(memory_format=torch.channels_last),
        torch.empty(ROWS, COLUMNS, device="meta"),
        torch.empty(ROWS, COLUMNS).T,
    ],
    ids=["small", "channels last", "meta", "transposed"],
)
def test_what_is_not_plain_stays_as_it_is(tensor: torch.Tensor) -> None:
    spare = spare_like(tensor)
    assert (spare.shape, spare.stride(), spare.device) == (
        *(tensor.shape, tensor.stride()),
        tensor.device,
    )


@pytest.mark.skipif(not spare_memory.SUPPORTED, reason="Linux has large pages")
def test_it_is_in_large_pages_and_goes_back() -> None:
    def advised() -> int:
        """KiB of this process that were advised to be of large pages."""
        text = Path("/proc/self/smaps").read_text(encoding="utf-8")
        regions = re.findall(r"^Size: +(\d+) kB.*?^VmFlags:([ \w]*)$", text, re.M | re.S)
        return sum(int(size) for size, flags in regions if "hg" in flags.split())

    before = advised()
    spares = [spare_like(torch.empty(ROWS, COLUMNS)) for _ in range(4)]
    assert advised() == before + 4 * 4096
    del spares
    gc.collect()
    assert advised() == before


def test_where_there_is_no_such_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise OSError

    monkeypatch.setattr(spare_memory.mmap, "mmap", refuse)
    tensor = torch.empty(LARGE_PAGE // 4)
    assert spare_like(tensor).shape == tensor.shape

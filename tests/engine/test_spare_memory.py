"""What one run gives back the next one writes in, and what is kept is bounded."""

from __future__ import annotations

import gc
import mmap
import threading
from pathlib import Path

import pytest
import torch
from engine_run import applied
from live_lora.deltas import LowRank
from live_lora.engine import folding, spare_memory
from live_lora.engine.spare_memory import SpareMemory
from torch import Tensor, nn

pytestmark = pytest.mark.skipif(
    not hasattr(mmap, "MADV_FREE"), reason="this system's memory is the allocator's"
)
K = 1 << 10  # numbers of 32 bits: one page


@pytest.fixture(autouse=True)
def few_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 16 pages on it is ours already, so that a test takes little memory."""
    monkeypatch.setattr(spare_memory, "LEAST", 16 * 4 * K)


def of(memory: SpareMemory, *pages: int) -> list[Tensor]:
    return [memory.like(torch.empty(count * K)) for count in pages]


def bytes_kept(memory: SpareMemory) -> int:
    """As the next one who asks finds it, for a size that is not there."""
    of(memory, 17)
    return sum(len(pages) for many in memory.kept.values() for pages in many)


def test_what_was_given_back_is_used_again_and_what_is_held_is_not() -> None:
    memory = SpareMemory()
    one, two = of(memory, 20, 20)
    first, second, view = one.data_ptr(), two.data_ptr(), two[5:]
    del one, two
    again, other = of(memory, 20, 20)
    assert again.data_ptr() == first
    assert other.data_ptr() not in (first, second), "a view of it is still held"
    del view
    (third,) = of(memory, 20)
    assert third.data_ptr() == second


def test_the_next_run_folds_into_the_last_ones_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "SPARES", SpareMemory())
    layer, x = nn.Linear(300, 200), torch.randn(2, 300)
    own, places = layer.weight.data_ptr(), []
    for seed in range(3):
        torch.manual_seed(seed)
        low = LowRank(torch.randn(4, 300), torch.randn(200, 4))
        with torch.no_grad(), applied(layer, [low], 0.7, executor="folded"):
            layer(x)
            places.append(layer.weight.data_ptr())
        torch.empty(200, 300).fill_(0.0)  # what the allocator has free, another one takes
    assert layer.weight.data_ptr() == own
    assert len(set(places)) == 1
    assert own not in places


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float8_e5m2])
def test_it_is_like_what_it_stands_for(dtype: torch.dtype) -> None:
    like = SpareMemory().like(torch.zeros(256, 128, 3, 3).to(dtype))
    assert (like.shape, like.dtype, like.stride()) == ((256, 128, 3, 3), dtype, (1152, 9, 3, 1))
    assert like.storage_offset() == 0
    assert not like.is_inference()


@pytest.mark.parametrize(
    "weight",
    [
        torch.empty(3, 5),
        torch.empty(64, 64, 16, 16).to(memory_format=torch.channels_last),
        torch.empty(500, 400, device="meta"),
        torch.empty(500, 400).T,
    ],
    ids=["small", "channels last", "meta", "transposed"],
)
def test_what_is_not_plain_stays_as_it_is(weight: Tensor) -> None:
    spare = SpareMemory().like(weight)
    assert (spare.shape, spare.stride(), spare.device) == (
        *(weight.shape, weight.stride()),
        weight.device,
    )


def test_joined_is_cat() -> None:
    memory, parts = SpareMemory(), [torch.randn(40, 70), torch.randn(40, 1000)]
    assert torch.equal(memory.joined(parts, 1), torch.cat(parts, 1))
    assert torch.equal(memory.joined([parts[0], parts[0]], 0), torch.cat([parts[0], parts[0]]))


def test_two_kinds_of_run_by_turns_keep_their_memory() -> None:
    memory = SpareMemory()
    places = []
    for pages in (20, 30, 20, 30):
        (one,) = of(memory, pages)
        places.append(one.data_ptr())
        del one
    assert places[:2] == places[2:]


def test_another_model_takes_the_place_of_the_last_ones_memory() -> None:
    """Kept and lent together are never more than twice what was lent at one time."""
    memory = SpareMemory()
    for pages in range(20, 40):
        several = of(memory, *[pages] * 10)
        del several
        assert bytes_kept(memory) <= 2 * 10 * pages * 4 * K


def test_it_is_given_back_by_any_thread_also_while_another_one_asks() -> None:
    memory = SpareMemory()

    def some() -> None:
        for turn in range(200):
            held = of(memory, 16 + turn % 5, 20)
            for one in held:
                one.fill_(turn)
            assert all(bool((one == turn).all()) for one in held)
            ring: list[object] = [held]
            ring.append(ring)  # for the collector, which comes at any time

    threads = [threading.Thread(target=some) for _ in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    gc.collect()
    assert 0 < bytes_kept(memory) <= 2 * memory._most


def test_the_system_may_take_what_was_given_back() -> None:
    """By its own account: what lies there is free for it."""
    memory = SpareMemory()
    (one,) = of(memory, 4 * K)
    one.fill_(1.0)
    before = lazily_free()
    del one
    assert lazily_free() - before >= 15 * (1 << 20)


def lazily_free() -> int:
    """Bytes of this process that the system may take."""
    file = Path("/proc/self/smaps_rollup")
    if not file.exists():
        pytest.skip("this system does not tell")
    (line,) = (one for one in file.read_text().splitlines() if one.startswith("LazyFree:"))
    return int(line.split()[1]) << 10


def test_where_the_system_has_none_the_allocator_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise OSError

    monkeypatch.setattr(spare_memory.mmap, "mmap", refuse)
    weight = torch.empty(20 * K)
    assert SpareMemory().like(weight).shape == weight.shape


def test_without_the_call_memory_is_the_allocators(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some systems have the name alone."""

    class Refusing(mmap.mmap):
        def madvise(self, *_: int) -> None:
            raise OSError

    monkeypatch.setattr(spare_memory.mmap, "mmap", Refusing)
    memory = SpareMemory()
    for _ in range(2):
        (one,) = of(memory, 20)
        one.fill_(1.0)
        del one
    assert not memory.kept

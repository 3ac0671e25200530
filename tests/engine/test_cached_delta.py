"""Deltas in host memory and on devices, and what a run does when a device is full."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from delta_formulas import deltas
from engine_run import applied, run, varying
from layer_counts import Attention
from live_lora.deltas import Delta, LowRank
from live_lora.engine import cached_delta
from live_lora.engine import choice as choosing
from live_lora.engine.cached_delta import OUT_OF_MEMORY, CachedDelta, bytes_of, one_storage
from live_lora.engine.folding import Fold
from live_lora.records import Progress
from torch import Tensor, nn

CPU, ELSEWHERE = torch.device("cpu"), torch.device("meta")  # a device without values


def low(inputs: int = 8, outputs: int = 8, rank: int = 2) -> LowRank:
    return LowRank(torch.randn(rank, inputs), torch.randn(outputs, rank))


def test_the_copy_in_host_memory_stays_while_it_is_on_a_device() -> None:
    delta = low()
    cached = CachedDelta(delta, CPU, torch.float32)
    assert sizes(cached) == (128, 0)
    placed = cached.on(ELSEWHERE, torch.float32)
    assert placed is cached.on(ELSEWHERE, torch.float32)
    assert sizes(cached) == (128, 128)
    cached.leave()
    assert sizes(cached) == (128, 0)
    assert cached.on(CPU, torch.float32) is delta


def test_what_is_back_in_host_memory_is_there_once() -> None:
    delta = low()
    cached = CachedDelta(delta, CPU, torch.float32)
    cached.on(ELSEWHERE, torch.float32)
    assert torch.equal(cached.on(CPU, torch.float64).tensors().__next__(), delta.down.double())
    assert sizes(cached) == (256, 0)


def sizes(cached: CachedDelta) -> tuple[int, int]:
    """Bytes in host memory and on the device."""
    return bytes_of([cached.in_host]), bytes_of([cached.in_device])


def test_a_common_a_is_kept_once_wherever_it_is() -> None:
    down, common = torch.randn(2, 8), object()
    each = [
        CachedDelta(one_storage(LowRank(down.clone(), torch.randn(8, 2), common=common)), CPU)
        for _ in "qkv"
    ]
    for device, dtype in ((CPU, torch.float32), (CPU, torch.float16), (ELSEWHERE, torch.float16)):
        moved = [cached.on(device, dtype) for cached in each]
        assert len({id(delta.down) for delta in moved}) == 1
        assert len({id(delta.up) for delta in moved}) == 3
        width = moved[0].down.element_size()
        assert bytes_of(moved) == (2 * 8 + 3 * 8 * 2) * width
    for cached in each:
        cached.leave()
    assert len({id(cached.delta.down) for cached in each}) == 1


def test_host_memory_is_pinned_and_copies_from_it_are_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With stand-ins for CUDA: the CPU is the device, and meta the host's memory."""
    seen: list[Tensor] = []
    waited: list[bool] = []
    to = Tensor.to

    def moved(tensor: Tensor, *where: Any, non_blocking: bool = False) -> Tensor:
        waited.append(not non_blocking)
        return to(tensor, *where, non_blocking=non_blocking)

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(Tensor, "pin_memory", lambda tensor: seen.append(tensor) or tensor)
    monkeypatch.setattr(Tensor, "to", moved)
    with monkeypatch.context() as patched:
        patched.setattr(cached_delta, "HOST", "meta")
        cached = CachedDelta(low(), CPU, torch.float32)
        cached.leave()
    assert [tensor.device for tensor in seen] == [ELSEWHERE] * 2
    assert waited == [True, True]  # a copy to the host is complete before it is read
    waited.clear()
    placed = CachedDelta(low(), CPU, torch.float32)
    placed.on(ELSEWHERE, torch.float32)
    assert waited == [False, False]
    assert len(seen) == 2


class FullDevice:
    """Stands in for a device with room for so many bytes of deltas: more raise, as CUDA does.

    `kept` are the deltas that stay there beyond a call. A copy has tensors of its own.
    """

    def __init__(self, room: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room, self.placements = room, 0
        self.kept: set[int] = set()
        # Then the CPU is a device, and what is in host memory is only called so.
        monkeypatch.setattr(cached_delta, "HOST", "meta")
        monkeypatch.setattr(
            cached_delta, "in_host_memory", lambda delta: delta.mapped(Tensor.clone)
        )
        moved, on, leave = CachedDelta._moved, CachedDelta.on, CachedDelta.leave
        full = self

        def placed(cached: CachedDelta, device: torch.device, dtype: torch.dtype) -> Delta:
            full.placements += 1
            if not cached.streamed and (len(full.kept) + 1) * cached.size > full.room:
                raise OUT_OF_MEMORY("CUDA out of memory. Tried to allocate …")
            return moved(cached, device, dtype).mapped(torch.clone)

        def kept(cached: CachedDelta, *kind: Any) -> Delta:
            made = on(cached, *kind)
            if cached.delta is made:
                full.kept.add(id(cached))
            return made

        def left(cached: CachedDelta) -> None:
            full.kept.discard(id(cached))
            leave(cached)

        monkeypatch.setattr(CachedDelta, "_moved", placed)
        monkeypatch.setattr(CachedDelta, "on", kept)
        monkeypatch.setattr(CachedDelta, "leave", left)


def attention() -> tuple[nn.Module, Tensor, dict[str, Sequence[Delta]]]:
    torch.manual_seed(0)
    names = ("to_q", "to_k", "to_v")
    return Attention(), torch.randn(2, 6, 16), {name: [low(16, 16), low(16, 16)] for name in names}


@pytest.mark.parametrize("weights", [[0.7, 0.3], [varying(0.7), 0.3], [[0.5, 0.0], [0.2, 0.1]]])
@pytest.mark.parametrize("room", [0, 256, 600])
def test_a_full_device_is_no_failed_picture(
    weights: list[Any], room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, x, found = attention()
    want = torch.stack(run(module, found, weights, x, rows=2))
    device = FullDevice(room, monkeypatch)
    with torch.no_grad(), applied(module, found, weights, rows=2) as on:
        for step in range(3):
            on.move(Progress(step, 3))
            got = torch.stack(module(x))
            assert torch.allclose(got, want, atol=1e-5)
        assert on.streaming.on
        assert not device.kept  # nothing of the deltas stayed where there is no room
        assert not any(patch._forms and _settled(patch) for patch in on.patches.values())
        count = device.placements
        module(x)
        assert device.placements - count == 6  # one copy for each delta at each call
    assert not any(term.cached.streamed for p in on.patches.values() for term in p.terms)


def _settled(patch: Any) -> bool:
    """Whether it has arithmetic that holds factors."""
    return any(form != patch.general.after for form in patch._forms.values())


@pytest.mark.parametrize("kind", ["dense", "output", "input"])
def test_every_form_of_delta_is_streamed(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, x = nn.Linear(6, 5), torch.randn(2, 6)
    found = [deltas(module.weight.data)[kind]]
    want = run(module, found, 0.5, x)
    FullDevice(0, monkeypatch)
    with torch.no_grad(), applied(module, found, 0.5) as on:
        assert torch.allclose(module(x), want, atol=1e-6)
        assert torch.allclose(module(x), want, atol=1e-6)
        assert on.streaming.on


def test_joining_that_finds_no_room_is_streamed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The deltas fitted; what is made of them for all rows, or q, k and v, does not."""
    module, x, found = attention()
    want = torch.stack(run(module, found, [0.7, 0.3], x))

    def cat(*_: Any, **__: Any) -> Tensor:
        raise OUT_OF_MEMORY("CUDA out of memory. Tried to allocate …")

    with torch.no_grad(), applied(module, found, [0.7, 0.3]) as on:
        with monkeypatch.context() as patched:
            patched.setattr(torch, "cat", cat)
            got = torch.stack(module(x))
        assert on.streaming.on
    assert torch.allclose(got, want, atol=1e-5)


def test_a_device_too_full_for_one_delta_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    module, x, found = attention()

    def never(cached: CachedDelta, *_: Any) -> Delta:
        raise OUT_OF_MEMORY("CUDA out of memory. Tried to allocate …")

    monkeypatch.setattr(CachedDelta, "_moved", never)
    with torch.no_grad(), applied(module, found, 0.5), pytest.raises(OUT_OF_MEMORY):
        module(x)
    assert not any(m._forward_hooks for m in module.modules())


def test_a_fold_that_finds_no_room_is_hooked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "free_memory", lambda device: 1 << 40)
    module, x, found = attention()
    want = torch.stack(run(module, found, 0.5, x))
    originals = [one.data_ptr() for one in module.parameters()]
    write, tried = Fold.write, []

    def full(fold: Fold, parts: Any) -> None:
        tried.append(fold)
        if len(tried) > 1:
            raise OUT_OF_MEMORY("CUDA out of memory. Tried to allocate …")
        write(fold, parts)

    monkeypatch.setattr(Fold, "write", full)
    with torch.no_grad(), applied(module, found, 0.5, executor="folded") as on:
        for _ in range(2):
            assert torch.allclose(torch.stack(module(x)), want, atol=1e-5)
        assert str(on.choice) == (
            "folded: 1 layers folded, 2 layers hooked; no memory was left to fold more"
        )
    assert len(tried) == 3  # each layer once
    assert [one.data_ptr() for one in module.parameters()] == originals

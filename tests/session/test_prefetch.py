"""Files read ahead: on a thread, for tags and whole files, never in anybody's way."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import live_lora
import pytest
import torch
from live_lora.engine.cached_delta import OUT_OF_MEMORY, CachedDelta
from live_lora.session.cache import BoundNetwork
from live_lora.session.read_ahead import ReadAhead, Stopped
from live_lora.session.run import STREAMED
from test_cache import DORA, LORA, Unet, library, output

__all__ = ["library"]  # a fixture


@pytest.fixture
def live(library: Path) -> Iterator[Any]:
    with live_lora.attach({"unet": Unet(1)}, library=library) as live:
        yield live


def tags(text: str) -> list[Any]:
    return list(live_lora.parse(text).tags)


def held(live: Any) -> dict[str, int]:
    return {bound.file.name: len(bound.deltas) for bound in live.core.cache}


def test_tags_and_files_are_read_before_they_are_asked_for(
    live: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    live.core.prefetch(tags(f"<lora:{LORA}:0.7>"))
    live.core.prefetch([live.catalog.find("set")])
    live.core._ahead.wait()
    assert held(live) == {LORA: 1, "set": 0}  # what depends on the base weights waits
    monkeypatch.setattr(BoundNetwork, "_build_one", lambda *_: pytest.fail("read again"))
    with live.prompt(f"<lora:{LORA}:0.7>"):
        pass


def test_it_gives_the_same_picture(live: Any, library: Path) -> None:
    live.core.prefetch(tags(f"<lora:{LORA}:0.7><lora:{DORA}:1>"))
    live.core._ahead.wait()
    unet = live.core.model.components["unet"]
    for name in (LORA, DORA):
        with live_lora.attach({"unet": unet}, library=library) as fresh:
            want = output(fresh, unet, name)
        assert torch.equal(output(live, unet, name), want)


def test_nobody_waits_and_what_is_missing_is_no_error(live: Any) -> None:
    gate, build = threading.Event(), BoundNetwork._build

    def slow(*arguments: Any) -> None:
        assert gate.wait(30)
        build(*arguments)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(BoundNetwork, "_build", slow)
        live.core.prefetch(tags(f"<lora:nobody:1><lora:{LORA}:1>"))  # returns, though nothing moves
        assert held(live) in ({}, {LORA: 0})
        gate.set()
        live.core._ahead.wait()
    assert held(live) == {LORA: 1}


def test_a_run_goes_first_and_what_was_begun_is_taken_up_again(
    live: Any, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other file is put down at its next module, before the run has read its own."""
    shutil.copy(library / f"{LORA}.safetensors", library / "mine.safetensors")
    begun, opened, down = threading.Event(), threading.Event(), threading.Event()
    build, check = BoundNetwork._build, ReadAhead.check

    def slow(bound: BoundNetwork, sites: Any, wanted: Any, watch: Any, ahead: bool) -> None:
        if ahead and not opened.is_set():
            begun.set()
            assert opened.wait(30)
            watch(bound.file.name, 1, 2)
        if not ahead:
            opened.set()
            assert down.wait(30)
        build(bound, sites, wanted, watch, ahead)

    def checked(ahead: Any, *arguments: Any) -> None:
        try:
            check(ahead, *arguments)
        except Stopped:
            down.set()
            raise

    monkeypatch.setattr(BoundNetwork, "_build", slow)
    monkeypatch.setattr(ReadAhead, "check", checked)
    live.prefetch(f"<lora:{LORA}:1>")
    assert begun.wait(30)
    with live.prompt("<lora:mine:1>"):
        assert held(live) == {LORA: 0, "mine": 1}
    live.core._ahead.wait()
    assert held(live) == {LORA: 1, "mine": 1}


def test_it_reads_while_its_caller_does_something_else(
    live: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As encoding a text: what comes after it finds the file read."""
    built, threads, build_one = threading.Event(), [], BoundNetwork._build_one

    def build(*arguments: Any) -> None:
        build_one(*arguments)
        threads.append(threading.current_thread())
        built.set()

    monkeypatch.setattr(BoundNetwork, "_build_one", build)
    live.prefetch([f"<lora:{LORA}:1>", "a fox"])
    assert built.wait(30)  # this is what the caller does meanwhile
    with live.prompt(f"<lora:{LORA}:0.5>"):
        pass
    assert len(threads) == 1
    assert threads[0] is not threading.current_thread()


def test_another_checkpoint_ends_the_reading_first(live: Any) -> None:
    """Else deltas of the old one would be put among those of the new."""
    begun, gate = threading.Event(), threading.Event()
    build = BoundNetwork._build

    def slow(bound: BoundNetwork, sites: Any, wanted: Any, watch: Any, beside: bool) -> None:
        begun.set()
        assert gate.wait(30)
        build(bound, sites, wanted, watch, beside)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(BoundNetwork, "_build", slow)
        live.core.prefetch(tags(f"<lora:{LORA}:1><lora:{DORA}:1>"))
        assert begun.wait(30)
        threading.Timer(0.05, gate.set).start()
        live.core.rebind({"unet": Unet(2)})
    assert live.core._ahead._thread is None
    assert held(live) == {LORA: 0}


def test_a_full_cache_reads_nothing_ahead(live: Any) -> None:
    live.core.cache.limit = 0
    live.core.prefetch(tags(f"<lora:{LORA}:1>"))
    live.core._ahead.wait()
    assert held(live) == {}


def test_the_thread_ends_and_begins_again() -> None:
    done: list[int] = []
    ahead: ReadAhead[int] = ReadAhead(lambda item: done.append(1 // item))
    for _ in range(2):
        ahead.ask([1, 0, 1])  # one fails
        ahead.wait()
        assert ahead._thread is None or not ahead._thread.is_alive()
    assert done == [1, 1, 1, 1]
    ahead.stop()
    ahead.ask([1])
    ahead.wait()
    assert len(done) == 5


def test_host_and_devices_have_bounds_of_their_own(library: Path) -> None:
    """Beyond the one, the device has it no more; beyond the other, nobody has."""
    for name in ("b", "c"):
        shutil.copy(library / f"{LORA}.safetensors", library / f"{name}.safetensors")
    with live_lora.attach({"unet": Unet(1)}, library=library) as live:
        for name in (LORA, "b", "c"):
            with live.prompt(f"<lora:{name}:1>"):
                pass
        cache = live.core.cache
        one, *_ = bounds = list(cache)
        for bound in bounds:
            for cached in bound.deltas.values():
                cached.on(torch.device("meta"), torch.float32)
        assert cache.host_bytes == 3 * one.size
        cache.device_limit = one.size
        cache.trim(keep=[])
        assert [bound.device_bytes > 0 for bound in bounds] == [False, False, True]
        assert cache.host_bytes == 3 * one.size
        cache.limit = 2 * one.size
        cache.trim(keep=[bounds[0]])
        assert [bound.file.name for bound in cache] == [LORA, "c"]


def test_copies_are_on_their_way_when_hooks_are_on(
    live: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the first call of the layer, where that is elsewhere than the file's tensors."""
    sent: list[torch.device] = []
    monkeypatch.setattr(CachedDelta, "on", lambda cached, device, dtype: sent.append(device))
    monkeypatch.setattr("live_lora.engine.layer_patch.HOST", "another")
    with live.prompt(f"<lora:{LORA}:0.5@0;1@1>"):
        assert sent == [torch.device("cpu")]
    sent.clear()
    with live.prompt(f"<lora:{LORA}:0@0;1@1>"):
        assert sent == []  # it does nothing yet


def test_a_device_without_room_is_told_in_the_report(
    live: Any, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unet, x = live.core.model.components["unet"], torch.linspace(-1, 1, 24).view(1, 6, 2, 2)
    want = output(live, unet, LORA)
    assert live.report.notes == []
    (bound,) = live.core.cache
    moved = CachedDelta._moved

    def full(cached: CachedDelta, *place: Any) -> Any:
        if not cached.streamed:
            raise OUT_OF_MEMORY("CUDA out of memory. Tried to allocate …")
        return moved(cached, *place)

    monkeypatch.setattr(CachedDelta, "_moved", full)
    for cached in bound.deltas.values():
        cached.dtype = None  # so that it has to be copied
    with torch.no_grad(), live.prompt(f"<lora:{LORA}:0.7>"):
        assert torch.allclose(unet(x), want, atol=1e-6)
    assert live.report.notes == [STREAMED]
    assert live.report.ok

"""Compiled models: counted are the graphs, compared is the output with the eager one's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from algorithms.sample_tensors import SAMPLES
from algorithms.samples import algorithm, batch, site_of, tensors
from algorithms.samples import module as sample_module
from asked_device import seeded
from delta_formulas import deltas
from engine_run import Applied, Deltas, Weight, applied, patches_of, run, varying
from live_lora.deltas import LowRank
from live_lora.engine import compiled
from live_lora.engine.cached_delta import OUT_OF_MEMORY
from live_lora.engine.choice import EXECUTORS, Executor
from live_lora.engine.compiled import CompiledSlots
from live_lora.engine.folding import Fold
from live_lora.engine.layers import find_sites
from live_lora.records import Progress
from torch import Tensor, nn
from torch._dynamo.utils import counters

PATHS = ("conv", "one", "two")


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.one, self.two = nn.Linear(8, 8), nn.Linear(8, 8, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv(x).flatten(2).mT
        return self.two(self.one(h).relu())


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    torch.compiler.reset()
    counters.clear()
    yield
    torch.compiler.reset()


def nets() -> tuple[Net, Net]:
    torch.manual_seed(0)
    made, other = Net().requires_grad_(False), Net().requires_grad_(False)
    other.load_state_dict(made.state_dict())
    return made, other


def image() -> Tensor:
    return seeded(2, 3, 4, 4)


def loras(count: int, rank: int, seed: int) -> dict[str, list[LowRank]]:
    torch.manual_seed(seed)
    shapes = {"conv": (3, 3, 3), "one": (8,), "two": (8,)}
    return {
        path: [LowRank(torch.randn(rank, *rest), torch.randn(8, rank)) for _ in range(count)]
        for path, rest in shapes.items()
    }


def graphs() -> int:
    return int(counters["stats"]["unique_graphs"])


@contextmanager
def on_compiled(
    slots: CompiledSlots,
    net: nn.Module,
    found: Deltas,
    weights: Any,
    executor: Executor = "automatic",
    rows: int | None = None,
) -> Iterator[Applied]:
    made = patches_of(net, found, weights, rows, executor)
    running = slots.running(list(made.patches.values()), made.table, made.choice)
    with made.streaming.ready(), running:
        yield made


def curve(start: float) -> Weight:
    return lambda row, now: start + now.step / 20


@pytest.mark.parametrize("backend", ["eager", "inductor"])
def test_two_graphs_serve_every_weight_and_every_lora_of_a_bucket(backend: str) -> None:
    net, eager = nets()
    x, slots = image(), CompiledSlots(find_sites(net))
    net.compile(backend=backend, fullgraph=True)
    with torch.no_grad():
        base = eager(x)
        assert (net(x) - base).abs().max() <= 1e-5 * base.abs().max()
        assert graphs() == 1
        for found in (loras(3, 4, 2), loras(2, 5, 3)):
            weights = [curve(start) for start in (-0.5, 0.2, 1.0)[: len(found["one"])]]
            with on_compiled(slots, net, found, weights) as on:
                for step in range(20):
                    on.move(Progress(step, 20))
                    got = net(x)
                    if step % 7 == 0:
                        now = [weight(None, Progress(step, 20)) for weight in weights]
                        want = run(eager, found, now, x)
                        assert (got - want).abs().max() <= 1e-5 * want.abs().max()
            assert all(all(on.ran(path)) for path in PATHS)
            assert set(on.choice.how.values()) == {"in the compiled graph"}
        assert (net(x) - base).abs().max() <= 1e-5 * base.abs().max()
    assert graphs() == 2


@pytest.mark.parametrize("form", ["low", "dense", "output", "input"])
def test_constant_weights_are_folded_and_take_no_graph(form: str) -> None:
    net, eager = nets()
    x, slots = image(), CompiledSlots(find_sites(net))
    net.compile(backend="eager", fullgraph=True)
    found = {"one": [deltas(net.one.weight)[form]], "conv": [deltas(net.conv.weight)[form]]}
    pointers = [one.data_ptr() for one in net.parameters()]
    with torch.no_grad():
        base = net(x)
        for weight in (0.5, -1.0):
            with on_compiled(slots, net, found, weight) as on:
                got = net(x)
            want = run(eager, found, weight, x)
            assert (got - want).abs().max() <= 1e-5 * want.abs().max()
            assert on.ran("one") == [True]
        assert torch.equal(net(x), base)
    assert [one.data_ptr() for one in net.parameters()] == pointers
    assert graphs() == 1


class Block(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x).relu()  # type: ignore[no-any-return]


@pytest.mark.parametrize("sample", SAMPLES)
def test_constant_weights_of_every_algorithm_take_no_graph(sample: str) -> None:
    layer = "layer norm" if sample == "norm" else "linear with bias"
    net, eager = Block(sample_module(layer)), sample_module(layer)
    x, slots = batch(eager), CompiledSlots(find_sites(net))
    net.compile(backend="eager", fullgraph=True)
    made = algorithm(tensors(sample, tuple(eager.weight.shape)))
    found = [made.runtime(site_of(eager).layer(), dtype=torch.float64)]
    with torch.no_grad():
        base = net(x)
        for weight in (0.5, -1.0):
            with on_compiled(slots, net, {"layer": found}, weight) as on:
                got = net(x)
            want = run(eager, found, weight, x).relu()
            assert (got - want).abs().max() <= 1e-9 * (1 + want.abs().max())
            assert set(on.choice.how.values()) == {"folded"}
        assert torch.equal(net(x), base)
    assert graphs() == 1


def test_what_is_not_low_rank_is_folded_anew_at_every_move() -> None:
    net, eager = nets()
    x, slots = image(), CompiledSlots(find_sites(net))
    net.compile(backend="eager", fullgraph=True)
    found = {"one": [deltas(net.one.weight)["output"]]}
    weight = curve(0.3)
    with torch.no_grad(), on_compiled(slots, net, found, weight) as on:
        for step in (0, 3, 1):
            on.move(Progress(step, 20))
            want = run(eager, found, 0.3 + step / 20, x)
            assert (net(x) - want).abs().max() <= 1e-5 * want.abs().max()
    assert graphs() == 1


def test_rows_may_differ_in_a_slot_and_what_has_none_is_refused_by_name() -> None:
    net, eager = nets()
    x, slots = image(), CompiledSlots(find_sites(net))
    net.compile(backend="eager", fullgraph=True)
    found = {"one": loras(1, 4, 2)["one"]}
    with torch.no_grad():
        for weights in ([[0.5, -1.0]], [varying([0.0, 1.0])]):
            with on_compiled(slots, net, found, weights, rows=2):
                got = net(x)
            want = run(eager, found, weights, x, rows=2)
            assert (got - want).abs().max() <= 1e-5 * want.abs().max()
        dense = {"one": [deltas(net.one.weight)["dense"]]}
        with on_compiled(slots, net, dense, [[0.5, -1.0]]) as on:
            assert on.choice.refused == {"one"}
            assert torch.allclose(net(x), eager(x), atol=1e-5)


def test_slots_follow_weights_that_vanish_and_come_to_differ_by_row() -> None:
    net, eager = nets()
    x, slots = image(), CompiledSlots(find_sites(net))
    net.compile(backend="eager", fullgraph=True)
    found = {"one": loras(1, 4, 2)["one"]}
    weight = lambda row, now: (0.0, 0.5, 0.5 + row.picture)[now.step]  # noqa: E731
    with torch.no_grad():
        base = net(x)
        with on_compiled(slots, net, found, [weight], rows=2) as on:
            assert torch.equal(net(x), base)
            for step in (1, 2, 0, 1):
                on.move(Progress(step, 3))
                rows = [(0.0, 0.5, 0.5)[step], (0.0, 0.5, 1.5)[step]]
                want = run(eager, found, [rows], x, rows=2)
                assert (net(x) - want).abs().max() <= 1e-5 * want.abs().max()
        assert torch.equal(net(x), base)


def test_a_fold_is_said_to_have_run_only_where_the_model_was_heard() -> None:
    net, _ = nets()
    slots = CompiledSlots(find_sites(net))
    for heard, ran in ((set(), False), ({0}, True)):
        made = patches_of(net, {"one": loras(1, 4, 2)["one"]}, 0.5, executor="folded")
        patches = list(made.patches.values())
        with slots.running(patches, made.table, made.choice, heard):
            pass
        assert made.ran("one") == [ran]
        assert made.patches["one"].called == ran


def full(*_: Any) -> Any:
    raise OUT_OF_MEMORY("CUDA out of memory. Tried to allocate …")


def test_a_fold_that_finds_no_room_goes_into_its_slot() -> None:
    net, eager = nets()
    x, slots, found = image(), CompiledSlots(find_sites(net)), loras(2, 4, 2)
    net.compile(backend="eager", fullgraph=True)
    want = run(eager, found, [0.7, 0.3], x)
    with torch.no_grad(), pytest.MonkeyPatch.context() as patched:
        net(x)
        patched.setattr(Fold, "write", full)
        with on_compiled(slots, net, found, [0.7, 0.3]) as on:
            assert (net(x) - want).abs().max() <= 1e-5 * want.abs().max()
        assert str(on.choice) == (
            "automatic: 3 layers in the compiled graph; no memory was left to fold more"
        )
    assert all(all(on.ran(path)) for path in PATHS)


@pytest.mark.parametrize("backend", ["eager", "inductor"])
def test_slots_that_find_no_room_have_their_factors_in_host_memory(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The CPU stands in for a full device: what is joined for it raises, until it is streamed."""
    net, eager = nets()
    x, slots, found = image(), CompiledSlots(find_sites(net)), loras(2, 4, 2)
    net.compile(backend=backend, fullgraph=True)
    joined, placed = compiled._cat, []

    def cat(lows: Any, name: str, dim: int) -> Tensor:
        placed.append(made.streaming.on)
        return joined(lows, name, dim) if made.streaming.on else full()

    want = run(eager, found, [0.7, 0.3], x)
    made = patches_of(net, found, [varying(0.7), 0.3])
    monkeypatch.setattr(compiled, "_cat", cat)
    running = slots.running(list(made.patches.values()), made.table, made.choice)
    with torch.no_grad():
        net(x)
        with made.streaming.ready(), running:
            for step in range(3):
                made.move(Progress(step, 3))
                assert (net(x) - want).abs().max() <= 1e-5 * want.abs().max()
            assert made.streaming.on  # which the report tells
            assert slots.slots[net.one].down.device.type == "cpu"
            assert not any(patch._forms for patch in made.patches.values())
    assert placed == [False, *[True] * 6]
    assert all(all(made.ran(path)) for path in PATHS)


def test_a_fold_that_finds_no_room_at_a_later_step_is_told() -> None:
    """What is not low rank has no slot; a picture is drawn all the same."""
    net, eager = nets()
    x, slots = image(), CompiledSlots(find_sites(net))
    net.compile(backend="eager", fullgraph=True)
    found = {"one": [deltas(net.one.weight)["output"]]}
    with torch.no_grad(), on_compiled(slots, net, found, curve(0.3)) as on:
        net(x)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(Fold, "write", full)
            on.move(Progress(1, 20))
        assert torch.allclose(net(x), eager(x), atol=1e-6)
        assert on.choice.refused == {"one"}
        assert on.choice.full


class Blocks(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(nn.Linear(8, 8)) for _ in range(12))

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = x + block(x)
        return x


def test_blocks_that_are_alike_share_their_graphs() -> None:
    net = Blocks().requires_grad_(False)
    slots = CompiledSlots(find_sites(net))
    for block in net.blocks:
        block.compile(backend="eager", fullgraph=True)
    found = {f"blocks.{i}.layer": loras(1, 4, i)["one"] for i in range(12)}
    with torch.no_grad():
        net(torch.randn(2, 3, 8))
        with on_compiled(slots, net, found, 0.5, executor="hooked") as on:
            net(torch.randn(2, 3, 8))
    assert all(on.ran(path) == [True] for path in found)
    assert graphs() == 2


def test_the_slots_leave_nothing_when_they_go() -> None:
    net, eager = nets()
    before = set(dir(net.one))
    slots = CompiledSlots(find_sites(net))
    slots.remove()
    assert set(dir(net.one)) == before
    assert not any(module._forward_hooks for module in net.modules())
    assert torch.equal(net(image()), eager(image()))


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_model_that_is_compiled_inside_a_run_is_right(executor: Any) -> None:
    net, eager = nets()
    x, found = image(), loras(1, 4, 2)
    with torch.no_grad(), applied(net, found, [0.7], executor=executor) as on:
        net.compile(backend="eager")
        for step in range(3):
            on.move(Progress(step, 20))
            want = run(eager, found, [0.7], x)
            assert (net(x) - want).abs().max() <= 1e-5 * want.abs().max()
        assert all(all(on.ran(path)) for path in PATHS)
    assert not any(module._forward_hooks for module in net.modules())

"""Layers on the device in every dtype: each algorithm, the oracles, rows, memory, no waiting."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from algorithms.samples import PAIRS, algorithm, batch, site_of, tensors
from algorithms.samples import module as sample_module
from asked_device import TOLERANCE
from engine_run import applied, run, varying
from live_lora import network
from live_lora.deltas import LowRank
from live_lora.engine import choice as choosing
from live_lora.records import Progress
from oracle_host import NAMES, host, oracle, run_merged, sites, targets, trees
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode


def far(got: Tensor, want: Tensor) -> float:
    return float((got.cpu().double() - want).abs().max() / want.abs().max())


@pytest.mark.parametrize(("sample", "layer"), PAIRS)
def test_every_algorithm(
    sample: str,
    layer: str,
    device: torch.device,
    dtype: torch.dtype,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Hooked and folded, beside the CPU in 64 bits with the same weights."""
    monkeypatch.setattr(choosing, "free_memory", lambda device: 1 << 40)
    exact = sample_module(layer).to(dtype).double()
    made = algorithm(tensors(sample, tuple(exact.weight.shape)))
    x = batch(exact).to(dtype)
    reference = made.runtime(site_of(exact).layer(), dtype=torch.float64)
    want = run(exact, [reference], 0.7, x.double())
    net = nn.Sequential(sample_module(layer)).to(device, dtype)
    delta = made.runtime(site_of(net[0]).layer(), dtype=dtype)
    assert all(one.device.type == device.type for one in delta.tensors())
    originals = [one.clone() for one in net.parameters()]
    for executor in ("hooked", "folded"):
        with torch.no_grad(), applied(net, {"0": [delta]}, 0.7, executor=executor):
            got = net(x.to(device))
        assert got.device.type == device.type
        assert got.dtype == dtype
        assert far(got, want) <= TOLERANCE[dtype], executor
    assert all(map(torch.equal, net.parameters(), originals))


@pytest.mark.parametrize("name", NAMES)
def test_the_oracles_files(name: str, device: torch.device, dtype: torch.dtype) -> None:
    """Files made by the trainers' own code, beside our own merge in 64 bits."""
    loaded = network.load(oracle(name).file)
    roots = {part: root.to(device, dtype) for part, root in trees().items()}
    places, (given, _) = sites(roots), host()
    want = dict(run_merged(loaded, 0.5))
    with loaded.open() as read:
        for target, module in loaded.match(targets(places)).matched:
            path, site = places[target.component, target.key]
            delta = module.build(read).runtime(site.layer(), dtype=dtype)
            got = run(site.module, [delta], 0.5, given[f"x.{path}"].to(device, dtype))
            assert far(got, want[path]) <= TOLERANCE[dtype], path


class Net(nn.Module):
    """Attention's projections and a convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(8, 16, 3, padding=1)
        self.to_q, self.to_k, self.to_v = (nn.Linear(16, 16) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv(x).flatten(2).mT
        return self.to_q(h) + self.to_k(h) + self.to_v(h)


def net(device: torch.device, dtype: torch.dtype) -> tuple[Net, Tensor, dict[str, list[Any]]]:
    torch.manual_seed(0)
    made = Net().requires_grad_(False)
    shapes = {name: tuple(getattr(made, name).weight.shape) for name in made._modules}
    found = {
        name: [LowRank(torch.randn(4, *rest) / 8, torch.randn(o, 4) / 8) for _ in range(2)]
        for name, (o, *rest) in shapes.items()
    }
    return made.to(device, dtype), torch.randn(4, 8, 5, 5).to(device, dtype), found


WEIGHTS: dict[str, list[Any]] = {
    "constant": [0.7, 0.3],
    "a curve": [0.7, lambda row, now: 0.2 + now.step],
    "rows": [[0.5, 0.0, 0.5, 0.0], [0.0, 0.7, 0.0, 0.7]],
    "rows with curves": [varying([0.5, 0.1, 0.5, 0.1]), lambda row, now: now.step - row.picture],
}


@pytest.mark.parametrize("weights", WEIGHTS)
def test_rows_and_curves(weights: str, device: torch.device, dtype: torch.dtype) -> None:
    made, x, found = net(device, dtype)
    exact, _, _ = net(torch.device("cpu"), dtype)
    wide = x.cpu().double()
    with (
        torch.no_grad(),
        applied(made, found, WEIGHTS[weights], rows=4) as on,
        applied(exact.double(), found, WEIGHTS[weights], rows=4) as beside,
    ):
        for step in range(3):
            on.move(Progress(step, 3))
            beside.move(Progress(step, 3))
            assert far(made(x), exact(wide)) <= 2 * TOLERANCE[dtype]


class Reading(TorchDispatchMode):
    """Operations for which the program waits for the device: it wants to know a value."""

    WAITS = ("_local_scalar_dense", "nonzero", "equal", "is_nonzero", "item", "masked_select")

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        from_device = isinstance(out, Tensor) and any(
            isinstance(one, Tensor) and one.device != out.device and out.device.type == "cpu"
            for one in args
        )
        if name in self.WAITS or from_device:
            self.seen.append(name)
        return out


@contextmanager
def waiting(device: torch.device) -> Iterator[list[str]]:
    """What the device is waited for inside; on a GPU, torch itself raises where it sees it."""
    if device.type == "cuda":
        torch.cuda.set_sync_debug_mode("error")
    try:
        with Reading() as reading:
            yield reading.seen
    finally:
        if device.type == "cuda":
            torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("executor", choosing.EXECUTORS)
@pytest.mark.parametrize("weights", WEIGHTS)
def test_a_step_waits_for_nothing(
    weights: str, executor: Any, device: torch.device, dtype: torch.dtype
) -> None:
    """Neither a move nor a call, once the first was made."""
    made, x, found = net(device, dtype)
    with torch.no_grad(), applied(made, found, WEIGHTS[weights], rows=4, executor=executor) as on:
        for step in range(2):
            on.move(Progress(step, 4))
            made(x)
        with waiting(device) as seen:
            for step in (2, 3):
                on.move(Progress(step, 4))
                made(x)
    assert seen == []


def test_who_waits_is_seen(device: torch.device) -> None:
    """The test above could fail."""
    one = torch.ones(2, device=device)
    with Reading() as reading:
        one[0].item()
        torch.equal(one, one)
    assert reading.seen == ["_local_scalar_dense", "equal"]


def test_peak_memory_of_hooking(device: torch.device, dtype: torch.dtype) -> None:
    """The LoRAs' own bytes and 10 % more, and tensors of their rank: none of the output's size."""
    if device.type != "cuda":
        pytest.skip("only CUDA tells the peak")
    layer = nn.Linear(1024, 4096).to(device, dtype).requires_grad_(False)
    x = torch.randn(2, 4096, 1024, device=device, dtype=dtype)
    found = [LowRank(torch.randn(32, 1024), torch.randn(4096, 32)) for _ in range(4)]

    def peak() -> int:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        with torch.no_grad():
            layer(x)
        return torch.cuda.max_memory_allocated() - before

    bare = peak()
    loras = sum(t.numel() for low in found for t in low.tensors()) * x.element_size()
    ranked = x.shape[0] * x.shape[1] * 4 * 32 * x.element_size()
    with applied(layer, found, 0.5):
        peak()
        assert peak() - bare <= 1.1 * loras + 2 * ranked

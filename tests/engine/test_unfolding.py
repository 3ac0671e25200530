"""After W + Σ m ΔW in its place a layer is itself again, bit for bit, however a run ends."""

from __future__ import annotations

import random
from contextlib import suppress
from typing import Any

import pytest
import torch
from algorithms.sample_tensors import SAMPLES
from algorithms.samples import algorithm, batch, fits, tensors
from algorithms.samples import module as sample_module
from engine_run import applied, run, varying
from folded_model import Broken, all_deltas, image, model
from live_lora.algorithms import Settings
from live_lora.engine import choice as choosing
from live_lora.engine.layers import find_sites
from live_lora.records import Progress
from torch import nn

pytestmark = pytest.mark.usefixtures("much_memory")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_after_200_switches_the_model_is_bit_for_bit_itself(dtype: torch.dtype) -> None:
    net, fresh, x = model(dtype), model(dtype), image(dtype)
    found, pick = all_deltas(net), random.Random(3)
    pointers = [one.data_ptr() for one in net.parameters()]
    for turn in range(200):
        some = {path: [pick.choice(many)] for path, many in found.items() if pick.random() < 0.7}
        if not some:
            continue
        curve = [pick.uniform(-1, 1) for _ in range(3)]
        weight = varying(curve[0]) if turn % 3 else (lambda row, now, c=curve: c[now.step])
        context = torch.inference_mode() if turn % 2 else torch.no_grad()
        executor = pick.choice(choosing.EXECUTORS)
        with context, applied(net, some, weight, executor=executor) as on:
            for step in range(3):
                on.move(Progress(step, 3))
                net(x)
    assert [one.data_ptr() for one in net.parameters()] == pointers
    assert all(map(torch.equal, net.parameters(), fresh.parameters()))
    with torch.no_grad():
        assert torch.equal(net(x), fresh(x))


@pytest.mark.parametrize("sample", SAMPLES)
def test_after_200_switches_of_every_algorithm_the_model_is_itself(sample: str) -> None:
    layers = [one for one in ("linear with bias", "conv 3x3", "layer norm") if fits(sample, one)]
    net, fresh = (nn.ModuleList(sample_module(one).float() for one in layers) for _ in range(2))
    inputs, pick = [batch(one).float() for one in net], random.Random(3)
    found = {}
    for site, host in zip(find_sites(net), net, strict=True):
        made = algorithm(tensors(sample, tuple(host.weight.shape)), Settings())
        found[site.path] = [made.runtime(site.layer(), dtype=torch.float32)]
    pointers = [one.data_ptr() for one in net.parameters()]
    for turn in range(20):
        numbers = [pick.choice([0.0, pick.uniform(-1, 1)]) for _ in range(10)]
        executor, broken = choosing.EXECUTORS[turn % 3], turn % 4 == 3
        context = torch.inference_mode() if turn % 2 else torch.no_grad()
        weight = lambda row, now, numbers=numbers: numbers[now.step]  # noqa: E731
        with suppress(Broken), context, applied(net, found, weight, executor=executor) as on:
            for step in range(10):
                on.move(Progress(step, 10))
                for host, x in zip(net, inputs, strict=True):
                    host(x)
                if broken and step == 8:
                    raise Broken
    assert [one.data_ptr() for one in net.parameters()] == pointers
    assert all(map(torch.equal, net.parameters(), fresh.parameters()))
    assert not any(host._forward_hooks or host._forward_pre_hooks for host in net)


def test_an_exception_in_the_middle_leaves_nothing() -> None:
    net, fresh, x = model(), model(), image()

    def raise_it(*_: object) -> None:
        raise Broken

    handle = net.linear.register_forward_pre_hook(raise_it)
    found = all_deltas(net)
    with pytest.raises(Broken), torch.no_grad(), applied(net, found, 0.5, executor="folded"):
        net(x)
    handle.remove()
    with torch.no_grad():
        assert torch.equal(net(x), fresh(x))


@pytest.mark.parametrize("executor", ["folded", "hooked"])
def test_to_inside_a_run_moves_the_original_at_its_end(executor: Any) -> None:
    net, fresh, x = model(), model().double(), image()
    found = all_deltas(net)
    with (
        torch.no_grad(),
        applied(net, found, lambda row, now: 0.5 + now.step, executor=executor) as on,
    ):
        net(x)
        net.double()
        on.move(Progress(1, 2))
        got = net(x.double())
    want = run(fresh, found, 1.5, x.double())
    assert (got - want).abs().max() <= 1e-5 * want.abs().max()
    assert all(map(torch.equal, net.parameters(), fresh.parameters()))


def test_weights_that_are_loaded_into_a_folded_layer_stay() -> None:
    """A webui switches to a refiner in the middle of sampling, into the same modules."""
    net, other, x = model(), model(), image()
    for one in other.parameters():
        one.data = one.data + 1
    found = all_deltas(net)
    with (
        torch.no_grad(),
        applied(net, found, lambda row, now: 1.0 + now.step, executor="folded") as on,
    ):
        net(x)
        net.load_state_dict(other.state_dict())
        on.move(Progress(1, 2))
        got = net(x)
    want = run(other, found, 2.0, x)
    assert (got - want).abs().max() <= 1e-5 * want.abs().max()
    assert all(map(torch.equal, net.parameters(), other.parameters()))

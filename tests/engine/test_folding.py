"""W + Σ m ΔW in a layer's place: what it gives, what it leaves behind, and where it is not done."""

from __future__ import annotations

import random
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import cpu_offload
from accelerate.hooks import remove_hook_from_submodules
from algorithms.samples import PAIRS, SAMPLES, algorithm, batch, fits, tensors
from algorithms.samples import module as sample_module
from asked_device import seeded
from delta_formulas import Scale, deltas
from diffusers.hooks import apply_group_offloading, apply_layerwise_casting
from engine_run import applied, run, varying
from live_lora.algorithms import Settings
from live_lora.deltas import Delta, Layer, LowRank
from live_lora.engine import choice as choosing
from live_lora.engine import folding
from live_lora.engine.costs import Costs
from live_lora.engine.layers import find_sites
from live_lora.records import Progress
from torch import Tensor, nn


@pytest.fixture(autouse=True)
def much_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else this machine does."""
    monkeypatch.setattr(choosing, "free_memory", lambda device: 1 << 40)


FREE_MEMORY = choosing.free_memory


class Model(nn.Module):
    """A layer of each kind that can be folded, without two of a kind."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.circular = nn.Conv2d(8, 8, 3, padding=1, padding_mode="circular")
        self.norm = nn.GroupNorm(2, 8)
        self.linear = nn.Linear(8, 6)
        self.plain = nn.Linear(6, 4, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(self.circular(self.conv(x)))
        return self.plain(self.linear(h.flatten(2).mT))


def model(dtype: torch.dtype = torch.float32) -> Model:
    torch.manual_seed(0)
    return Model().to(dtype).requires_grad_(False)


def image(dtype: torch.dtype = torch.float32) -> Tensor:
    return seeded(2, 3, 5, 5).to(dtype)


def all_deltas(net: Model) -> dict[str, list[Delta]]:
    """Several on each layer; biases where the layer has one."""
    torch.manual_seed(2)
    found: dict[str, list[Delta]] = {}
    for name in ("conv", "circular", "linear", "plain"):
        every = deltas(getattr(net, name).weight.float())
        low = every["low"]
        if name == "plain":
            low.bias = None
        found[name] = [low, every["low again"], every["dense"], every["output"], every["input"]]
    found["norm"] = [Scale(torch.randn(8), bias=torch.randn(8))]
    return found


def spares(net: nn.Module, originals: Sequence[Tensor]) -> int:
    """Bytes of parameters that are somewhere else than they were."""
    places = {one.data_ptr() for one in originals}
    return sum(one.nbytes for one in net.parameters() if one.data_ptr() not in places)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("weights", [0.7, varying(0.7)], ids=["constant", "varying"])
def test_folded_equals_hooked(dtype: torch.dtype, weights: Any) -> None:
    net, x = model(dtype), image(dtype)
    found = all_deltas(net)
    exact = run(model().double(), found, weights, x.double())
    hooked = run(net, found, weights, x)
    with torch.no_grad(), applied(net, found, weights, executor="folded") as on:
        folded = net(x)
        assert set(on.choice.how.values()) == {"folded"}
        assert all(all(on.ran(path)) for path in found)
        assert not any(module._forward_hooks for module in net.modules())
        assert not any(module._forward_pre_hooks for module in net.modules())
    bound = 1e-5 if dtype == torch.float32 else 6e-2  # one rounding of W in each of five layers
    assert (folded - hooked).abs().max() <= bound * exact.abs().max()
    assert (folded - exact).abs().max() <= bound * exact.abs().max()


@pytest.mark.parametrize(("sample", "layer"), PAIRS)
def test_every_algorithm_folds(sample: str, layer: str) -> None:
    net = nn.Sequential(sample_module(layer))
    host, x = net[0], batch(net[0])
    site = next(iter(find_sites(net)))
    made = algorithm(tensors(sample, tuple(host.weight.shape)), Settings())
    found = {"0": [made.runtime(site.layer(), dtype=torch.float64)]}
    pointers = [one.data_ptr() for one in net.parameters()]
    copies = [one.clone() for one in net.parameters()]
    hooked = run(net, found, 0.7, x)
    with torch.no_grad(), applied(net, found, 0.7, executor="folded") as on:
        folded = net(x)
        mode = set(on.choice.how.values())
    assert mode == ({"folded"} if host.bias is not None or no_bias(found["0"]) else {"hooked"})
    assert (folded - hooked).abs().max() <= 1e-9 * (1 + hooked.abs().max())
    assert [one.data_ptr() for one in net.parameters()] == pointers
    assert all(map(torch.equal, net.parameters(), copies))


def no_bias(found: Sequence[Delta]) -> bool:
    return all(one.bias is None for one in found)


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


class Broken(Exception):
    pass


def test_a_curve_is_folded_anew_from_the_original_at_every_step() -> None:
    net, x = model(), image()
    found = all_deltas(net)
    with (
        torch.no_grad(),
        applied(net, found, lambda row, now: now.step / 3, executor="folded") as on,
    ):
        for step in (1, 3, 0, 2):
            on.move(Progress(step, 4))
            got = net(x)
            want = run(model(), found, step / 3, x)
            assert (got - want).abs().max() <= 1e-5 * want.abs().max()
            assert set(on.choice.how.values()) == {"folded"}
        on.move(rows=3)


def test_where_rows_come_to_differ_the_layer_is_hooked_and_then_folded_again() -> None:
    net, x = model(), image()
    found = all_deltas(net)
    originals = [one.data for one in net.parameters()]
    by_row = lambda row, now: 0.5 + row.picture * now.step  # noqa: E731
    with torch.no_grad(), applied(net, found, by_row, rows=2, executor="folded") as on:
        for step in (0, 1, 0):
            on.move(Progress(step, 2))
            got = net(x)
            want = run(model(), found, [[0.5, 0.5 + step]] * 5, x)
            assert (got - want).abs().max() <= 1e-5 * want.abs().max()
            assert (spares(net, originals) > 0) == (step == 0)


@pytest.mark.parametrize("kind", ["blocks", "channels last", "16 bits"])
def test_every_layout_and_size_is_folded(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In blocks of rows, the last one smaller; in the layer's layout."""
    monkeypatch.setattr(folding, "BLOCK", 1000)
    torch.manual_seed(0)
    net, low = nn.Linear(70, 50), LowRank(torch.randn(3, 70), torch.randn(50, 3))
    x = torch.randn(4, 70)
    if kind == "channels last":
        net, x = nn.Conv2d(8, 6, 3).to(memory_format=torch.channels_last), torch.randn(2, 8, 9, 9)
        low = LowRank(torch.randn(3, 8, 3, 3), torch.randn(6, 3))
    if kind == "16 bits":
        net, x = net.half(), x.half()
    want = (
        net.weight.double()
        + 0.7
        * low.delta_weight(
            Layer.of("conv" if x.dim() == 4 else "linear", net.weight, None, nn.Identity())
        ).double()
    )
    before = net.weight.data
    with torch.no_grad(), applied(net, [low], 0.7, executor="folded") as on:
        net(x)
        assert set(on.choice.how.values()) == {"folded"}
        assert net.weight.stride() == before.stride()
        bound = torch.finfo(net.weight.dtype).eps
        assert bool(((net.weight.double() - want).abs() <= bound * want.abs() + 2e-6).all())
        spare = weakref.ref(net.weight.data.untyped_storage())
    assert net.weight.data_ptr() == before.data_ptr()
    assert spare() is None


def test_a_spare_is_written_anew_in_place() -> None:
    """A fold at each step takes no memory at each step, and keeps its address."""
    net, x = model(), image()
    curve = lambda row, now: 0.5 + now.step  # noqa: E731
    with torch.no_grad(), applied(net, all_deltas(net), curve, executor="folded") as on:
        net(x)
        places = [one.data_ptr() for one in net.parameters()]
        on.move(Progress(1, 3))
        net(x)
        assert [one.data_ptr() for one in net.parameters()] == places


def test_spares_are_one_copy_at_most_and_freed_at_the_end() -> None:
    net, x = model(), image()
    originals = [one.data for one in net.parameters()]
    whole = sum(one.nbytes for one in net.parameters())
    with torch.no_grad(), applied(net, all_deltas(net), 0.5, executor="folded") as on:
        assert spares(net, originals) == 0, "before the first call nothing is folded"
        net(x)
        assert 0 < spares(net, originals) <= whole
    assert spares(net, originals) == 0
    assert not any(patch.fold.on for patch in on.patches.values() if patch.fold)


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


def test_a_model_made_in_inference_mode_is_hooked() -> None:
    with torch.inference_mode():
        net, fresh, x = model(), model(), image()
        with applied(net, all_deltas(net), 0.5, executor="folded") as on:
            net(x)
            assert set(on.choice.how.values()) == {"hooked"}
        assert torch.equal(net(x), fresh(x))


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


def offloaded(net: nn.Module) -> Callable[[], None]:
    cpu_offload(net, execution_device=torch.device("cpu"))
    return lambda: remove_hook_from_submodules(net)


def offloaded_in_groups(net: nn.Module) -> Callable[[], None]:
    cpu = torch.device("cpu")
    apply_group_offloading(net, onload_device=cpu, offload_device=cpu, offload_type="leaf_level")
    return lambda: None


@pytest.mark.parametrize("offload", [offloaded, offloaded_in_groups])
@pytest.mark.parametrize("executor", choosing.EXECUTORS)
def test_what_is_offloaded_is_hooked_whatever_was_asked_for(
    offload: Callable[[nn.Module], Callable[[], None]], executor: Any
) -> None:
    with torch.device("cpu"):  # both places of these offloads
        net, fresh, x = model(), model(), image()
        found = all_deltas(net)
    want = run(fresh, found, 0.5, x)
    back = offload(net)
    with torch.no_grad(), applied(net, found, 0.5, executor=executor) as on:
        for step in range(3):
            on.move(Progress(step, 20))
            assert (net(x) - want).abs().max() <= 1e-5 * want.abs().max()
        assert set(on.choice.how.values()) == {"hooked"}
    with torch.no_grad():
        assert torch.equal(net(x), fresh(x))
    back()


def test_weights_stored_in_8_bits_are_hooked() -> None:
    """Layerwise casting: the layer has its dtype for the time of a call only."""
    net, found, x = model(), all_deltas(model()), image()
    stored = {"storage_dtype": torch.float8_e4m3fn, "compute_dtype": torch.float32}
    apply_layerwise_casting(net, **stored, skip_modules_classes=(nn.GroupNorm,))
    rounded = model()
    for layer in (rounded.conv, rounded.circular, rounded.linear, rounded.plain):
        for one in layer.parameters():
            one.data = one.to(torch.float8_e4m3fn).float()
    low = {path: many[:2] for path, many in found.items() if path != "norm"}
    want = run(rounded, low, 0.5, x)
    with torch.no_grad(), applied(net, low, 0.5, executor="folded") as on:
        got = net(x)
        assert set(on.choice.how.values()) == {"hooked"}
    assert (got - want).abs().max() <= 1e-5 * want.abs().max()
    assert net.linear.weight.dtype == torch.float8_e4m3fn


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 4)
        self.two.weight = self.one.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.two(self.one(x))


class OwnForward(nn.Linear):
    """Reads its weight in a way of its own."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self.weight * 2)


@pytest.mark.parametrize(("net", "path"), [(Tied(), "one"), (nn.Sequential(OwnForward(4, 4)), "0")])
def test_shared_weights_and_forwards_of_their_own_are_hooked(net: nn.Module, path: str) -> None:
    low, x = LowRank(torch.randn(2, 4), torch.randn(4, 2)), torch.randn(3, 4)
    with torch.no_grad(), applied(net, {path: [low]}, 0.5, executor="folded") as on:
        net(x)
        assert list(on.choice.how.values()) == ["hooked"]


def test_what_does_not_fit_into_memory_is_hooked_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    net, x = model(), image()
    monkeypatch.setattr(choosing, "free_memory", lambda device: net.conv.weight.nbytes + 8)
    with torch.no_grad(), applied(net, all_deltas(net), 0.5, executor="folded") as on:
        net(x)
    assert [patch.site.path for patch, how in on.choice.how.items() if how == "folded"] == ["conv"]
    assert str(on.choice) == (
        "folded: 1 layers folded, 4 layers hooked; no memory was left to fold more"
    )


def test_free_memory_leaves_a_reserve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cpu, kernel = torch.device("cpu"), tmp_path / "meminfo"
    monkeypatch.setattr(choosing, "MEMORY", kernel)
    assert FREE_MEMORY(cpu) == 4 << 30
    kernel.write_text("MemTotal:       8000 kB\nMemFree:  100 kB\nMemAvailable:    3000 kB\n")
    assert FREE_MEMORY(cpu) == 2000 << 10


COSTS = Costs(hook=1e-5, flop=1e-9, fold=1e-5, weight=1e-9, fold_flop=1e-9)
CASES = [
    # tokens, width, rank, steps, step, varies: is it folded?
    (4096, 8, 4, 20, 0, False, True),  # many tokens on few weights
    (4096, 8, 4, 1, 0, False, False),  # one call, as of a text encoder
    (4096, 8, 4, 20, 19, False, False),  # the last step
    (1, 512, 4, 2, 0, False, False),  # few tokens on many weights
    (1, 512, 4, 2000, 0, False, True),  # often
    (4096, 8, 4, 20, 0, True, True),  # even anew for each step
    (1, 512, 4, 2000, 0, True, False),
]


@pytest.mark.parametrize(("tokens", "width", "rank", "steps", "step", "varies", "folds"), CASES)
def test_the_choice_is_by_cost(
    tokens: int, width: int, rank: int, steps: int, step: int, varies: bool, folds: bool
) -> None:
    layer, x = nn.Linear(width, width), torch.randn(1, tokens, width)
    low = LowRank(torch.randn(rank, width), torch.randn(width, rank))
    weight = varying(0.5) if varies else 0.5
    with torch.no_grad(), applied(layer, [low], weight, executor="automatic") as on:
        on.choice.costs = COSTS
        on.move(Progress(step, steps))
        layer(x)
    assert list(on.choice.how.values()) == ["folded" if folds else "hooked"]

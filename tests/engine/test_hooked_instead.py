"""Where W + Σ m ΔW is not put in a layer's place: it cannot be, has no room, or costs more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import cpu_offload
from accelerate.hooks import remove_hook_from_submodules
from diffusers.hooks import apply_group_offloading, apply_layerwise_casting
from engine_run import applied, run, varying
from folded_model import all_deltas, image, model
from live_lora.deltas import LowRank
from live_lora.engine import choice as choosing
from live_lora.engine.costs import Costs
from live_lora.records import Progress
from torch import Tensor, nn

pytestmark = pytest.mark.usefixtures("much_memory")
FREE_MEMORY = choosing.free_memory


def test_a_model_made_in_inference_mode_is_hooked() -> None:
    with torch.inference_mode():
        net, fresh, x = model(), model(), image()
        with applied(net, all_deltas(net), 0.5, executor="folded") as on:
            net(x)
            assert set(on.choice.how.values()) == {"hooked"}
        assert torch.equal(net(x), fresh(x))


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

"""The arithmetic of a hook equals the merged weight, for every kind of delta, layer and weight."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
from delta_formulas import Scale, ScaleInput, core, deltas, expected
from engine_run import applied, run, varying
from live_lora.deltas import Dense, LowRank
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode


def linear() -> nn.Module:
    return nn.Linear(6, 5)


def conv() -> nn.Module:
    return nn.Conv2d(6, 5, 3, stride=2, padding=1)


def circular() -> nn.Module:
    return nn.Conv2d(6, 5, 3, padding=1, padding_mode="circular")


LAYERS = {"linear": linear, "conv": conv, "circular": circular}


def inputs(kind: str) -> Tensor:
    return torch.randn(4, 7, 6) if kind == "linear" else torch.randn(4, 6, 8, 8)


SETS = [
    ["low"],
    ["low", "low again"],
    ["dense"],
    ["output"],
    ["input"],
    ["input", "input again"],
    ["low", "output", "input", "dense", "input again", "low again"],
]
WEIGHTS: dict[str, Callable[[int], list[float]]] = {
    "one": lambda i: [1.0] * 4,
    "constant": lambda i: [0.7 - i] * 4,
    "zero": lambda i: [0.0] * 4,
    "by row": lambda i: [1.0, 0.0, -0.5 + i, 0.3],
    "one row": lambda i: [0.0, 0.0, 0.8, 0.0],
    "all rows": lambda i: [0.1, 0.2, 0.3, 0.4 + i],
}


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("names", SETS, ids="+".join)
@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("constant", [True, False])
def test_hook_equals_merge(kind: str, names: list[str], weights: str, constant: bool) -> None:
    torch.manual_seed(1)
    module = LAYERS[kind]()
    every = deltas(module.weight.data)
    found = [every[name] for name in names]
    table = [WEIGHTS[weights](i) for i in range(len(found))]
    x = inputs(kind)
    want = expected(module, found, table, x)
    given = table if constant else [varying(one) for one in table]
    got = run(module, found, given, x, rows=4)
    assert (got - want).abs().max() <= 2e-6 * want.abs().max()


@pytest.mark.parametrize("kind", LAYERS)
def test_rows_of_weight_zero_keep_every_bit(kind: str) -> None:
    module = LAYERS[kind]()
    x = inputs(kind)
    with torch.no_grad():
        base = module(x)
    every = list(deltas(module.weight.data).values())
    weights = [[0.0, 1.0, 0.0, 0.5]] * len(every)
    got = run(module, every[:4], weights[:4], x)
    assert torch.equal(got[0], base[0])
    assert torch.equal(got[2], base[2])
    assert not torch.allclose(got[1], base[1])


def test_zero_is_skipped_not_multiplied() -> None:
    module = nn.Linear(4, 4)
    bad = LowRank(torch.full((1, 4), torch.inf), torch.ones(4, 1))
    got = run(module, [bad], [[0.0, 1.0, 0.0]], torch.randn(3, 4))
    assert got.isfinite().all(dim=1).tolist() == [True, False, True]


@pytest.mark.parametrize("weights", [[0.7, 0.4], [0.7, 0.0], [[0.2, 0.3], 0.5]])
def test_cores_stand_beside_plain_factors(weights: list[Any]) -> None:
    module = conv()
    found = [core(module.weight), deltas(module.weight.data)["low"]]
    x = torch.randn(2, 6, 8, 8)
    table = [[m] * 2 if isinstance(m, float) else m for m in weights]
    want = expected(module, found, table, x)
    got = run(module, found, weights, x)
    assert (got - want).abs().max() <= 2e-6 * want.abs().max()


@pytest.mark.parametrize("kind", ["linear", "conv"])
def test_one_of_two_that_could_be_joined_is_off(kind: str) -> None:
    module, x = LAYERS[kind](), inputs(kind)
    every = deltas(module.weight.data)
    found = [every["low"], every["low again"]]
    want = expected(module, found, [[0.7] * 4, [0.0] * 4], x)
    with torch.no_grad(), applied(module, found, [0.7, 0.0]) as on:
        got = module(x)
    assert (got - want).abs().max() <= 2e-6 * want.abs().max()
    assert on.ran() == [True, False]


class Operations(TorchDispatchMode):
    """What torch really computed."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.seen[str(func.overloadpacket)] += 1
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(("kind", "fused"), [("linear", "aten.addmm_"), ("conv", "aten.baddbmm_")])
@pytest.mark.parametrize(
    "weights", [[0.7], [[0.1, 0.2, 0.3, 0.4]], [0.7, 0.4], [[0.1, 0.2, 0.3, 0.4], 0.5]]
)
def test_low_ranks_are_added_as_one_without_a_temporary(
    kind: str, fused: str, weights: list[Any]
) -> None:
    module, x = LAYERS[kind](), inputs(kind)
    out, rest = module.weight.shape[0], module.weight.shape[1:]
    found = [LowRank(torch.randn(2, *rest), torch.randn(out, 2)) for _ in weights]
    with torch.no_grad(), applied(module, found, weights), Operations() as operations:
        module(x)
    assert operations.seen[fused] == 1
    assert operations.seen["aten.add_"] == 0


def test_wx_is_computed_again_only_where_the_input_was_changed_and_it_is_told() -> None:
    module, x = linear(), inputs("linear")
    both = [ScaleInput(torch.randn(6)), Scale(torch.randn(5))]
    for found, second in ((both, 1), (both[:1], 0), (both[1:], 0)):
        with torch.no_grad(), applied(module, found, 0.5) as on:
            module(x)
        assert on.second_products == second


def test_joined_factors_follow_the_layer_to_another_dtype() -> None:
    module, x = nn.Linear(6, 5), torch.randn(4, 6)
    every = deltas(module.weight.data)
    found = [every["low"], every["low again"]]
    want = expected(module, found, [[0.5] * 4] * 2, x)
    with torch.no_grad(), applied(module, found, 0.5):
        module(x)
        got = module.double()(x.double())
    assert got.dtype == torch.float64
    assert (got - want).abs().max() <= 1e-6 * want.abs().max()


class Elsewhere(nn.Linear):
    """Its output has a dtype of its own, as with a layer kept out of autocast."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__(6, 5)
        self.dtype = dtype

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(torch.get_default_device().type, enabled=False):
            return super().forward(x.float()).to(self.dtype)


@pytest.mark.parametrize("autocast", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("form", ["low", "dense", "output", "input"])
def test_an_output_keeps_its_dtype(form: str, dtype: torch.dtype, autocast: bool) -> None:
    module, x, plain = Elsewhere(dtype), torch.randn(4, 6), nn.Linear(6, 5)
    plain.load_state_dict(module.state_dict())
    found = [deltas(module.weight.data)[form]]
    want = expected(plain, found, [[0.5] * 4], x)
    with torch.autocast(torch.get_default_device().type, torch.bfloat16, enabled=autocast):
        got = run(module, found, 0.5, x)
    assert got.dtype == dtype
    bound = 2e-6 if dtype == torch.float32 and not autocast else 3e-2
    assert (got - want).abs().max() <= bound * want.abs().max()


def test_gradients_flow_around_the_hook() -> None:
    module = nn.Linear(4, 3)
    delta = LowRank(torch.randn(2, 4), torch.randn(3, 2))
    x = torch.randn(5, 4, requires_grad=True)
    with applied(module, [delta], 0.5):
        module(x).sum().backward()
    want = (module.weight + 0.5 * delta.up @ delta.down).sum(0).expand(5, 4)
    assert x.grad is not None
    assert torch.allclose(x.grad, want, atol=1e-6)


class Saturating(nn.Linear):
    """Its backward needs the output that its forward gave."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).tanh()


def test_an_output_that_its_backward_needs_is_left_as_it_was() -> None:
    module = Saturating(4, 3)
    delta = LowRank(torch.randn(2, 4), torch.randn(3, 2))
    x = torch.randn(5, 4, requires_grad=True)
    with applied(module, [delta], 0.5):
        module(x).sum().backward()
    steep = 1 - module(x.detach()).square()
    want = steep @ module.weight + (0.5 * delta.up @ delta.down).sum(0)
    assert x.grad is not None
    assert torch.allclose(x.grad, want, atol=1e-6)


def test_a_batch_nobody_announced_takes_the_first_pictures_weights() -> None:
    module = nn.Linear(4, 3)
    delta = LowRank(torch.randn(2, 4), torch.randn(3, 2))
    x = torch.randn(3, 4)
    with torch.no_grad(), applied(module, [delta], [[1.0, 2.0]]) as on:
        got = module(x)
    want = module(x) + F.linear(F.linear(x, delta.down), delta.up)
    assert torch.allclose(got, want, atol=1e-6)
    assert on.table.mismatches == {(3, 2)}


@pytest.mark.parametrize(("by_call", "rows"), [(False, [0, 1, 2] * 2), (True, [0, 0, 1, 1, 2, 2])])
@pytest.mark.parametrize("weights", [[1.0, 0.0, -0.5], [0.3, 0.6, 0.9]])
def test_tiles_have_the_weights_of_their_pictures(
    by_call: bool, rows: list[int], weights: list[float]
) -> None:
    """The batch once for each of them; or each row, where those of the call are known."""
    module = nn.Linear(4, 3)
    deltas = [LowRank(torch.randn(2, 4), torch.randn(3, 2)), ScaleInput(torch.randn(4))]
    x = torch.randn(3, 5, 4)
    with torch.no_grad(), applied(module, deltas, [weights, weights]) as on:
        whole = module(x)
        on.table.by_call = by_call
        got = module(x[rows])
    assert torch.allclose(got, whole[rows], atol=1e-6)
    assert on.table.mismatches == set()


def test_the_delta_follows_the_outputs_dtype_under_autocast() -> None:
    module = nn.Linear(8, 8)
    delta = LowRank(torch.randn(2, 8), torch.randn(8, 2))
    with torch.autocast(torch.get_default_device().type, torch.bfloat16):
        got = run(module, [delta], 1.0, torch.randn(2, 8))
    assert got.dtype == torch.bfloat16


def test_an_input_map_stays_in_the_layers_dtype_under_autocast() -> None:
    module, found = nn.Linear(6, 5), [ScaleInput(torch.randn(6))]
    with (
        torch.autocast(torch.get_default_device().type, torch.bfloat16),
        torch.no_grad(),
        applied(module, found) as on,
    ):
        module(torch.randn(2, 6))
        (term,) = on.patches[""].terms
        moved = term.cached.delta
        module(torch.randn(2, 6))
    assert moved.v.dtype == torch.bfloat16
    assert term.cached.delta is moved  # not there and back at every call


class Taking(nn.Linear):
    """Takes more than its input."""

    def forward(self, input: Tensor, scale: float = 1.0) -> Tensor:
        return super().forward(input) * scale


@pytest.mark.parametrize("form", ["low", "input again"])
def test_inputs_by_name_and_others_beside_them(form: str) -> None:
    module, x = Taking(6, 5), torch.randn(2, 6)
    found = [deltas(module.weight.data)[form]]
    base, want = module(x).detach(), run(module, found, 0.5, x)
    assert not torch.allclose(base, want)
    assert torch.equal(run(module, found, 0.5, input=x), want)
    # The layer scales its own answer; what is added to the output knows nothing of that.
    added = want - base if form == "low" else 0.0
    own = base if form == "low" else want
    assert torch.allclose(run(module, found, 0.5, x, 3.0), 3 * own + added, atol=1e-5)
    assert torch.allclose(run(module, found, 0.5, input=x, scale=3.0), 3 * own + added, atol=1e-5)


def test_hooks_are_gone_after_an_exception() -> None:
    module = nn.Linear(4, 3)
    x = torch.randn(2, 4)
    base = module(x)
    with pytest.raises(RuntimeError), applied(module, [Dense(torch.randn(3, 4))]):
        module(torch.randn(2, 5))
    assert not module._forward_hooks
    assert torch.equal(module(x), base)

"""What a hooked layer costs, counted: kernels, FLOPs, Python calls and memory, never seconds."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import live_lora
import pytest
import torch
from engine_run import applied, varying
from live_lora.deltas import LowRank
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

RANK, WIDTH, TOKENS = 4, 16, 6
PACKAGE = str(Path(live_lora.__file__).parent)


class Kernels(TorchDispatchMode):
    """The dispatched operations that compute something: no views, no bookkeeping."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if not func.is_view and func is not torch.ops.aten._unsafe_view.default:
            self.seen.append(str(func.overloadpacket))
        return out


def flops() -> FlopCounterMode:
    """Torch counts in-place products with these only."""

    def product(out: Any, a: Any, b: Any, **options: Any) -> int:
        return int(2 * torch.Size(a).numel() * b[-1])  # shapes (…, n, k) and (…, k, m)

    in_place = {torch.ops.aten.addmm_: product, torch.ops.aten.baddbmm_: product}
    return FlopCounterMode(display=False, custom_mapping=in_place)


@contextmanager
def our_calls() -> Iterator[list[str]]:
    """The Python functions of the package that are called inside."""
    seen: list[str] = []

    def profile(frame: FrameType, event: str, arg: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(PACKAGE):
            seen.append(frame.f_code.co_qualname if sys.version_info >= (3, 11) else "call")

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        yield seen
    finally:
        sys.setprofile(before)


class Attention(nn.Module):
    """Three projections of one input, as hosts have them, or of another one for k and v."""

    def __init__(self, inputs: int = WIDTH) -> None:
        super().__init__()
        self.to_q = nn.Linear(WIDTH, WIDTH)
        self.to_k, self.to_v = nn.Linear(inputs, WIDTH), nn.Linear(inputs, WIDTH)

    def forward(self, x: Tensor, context: Tensor | None = None) -> list[Tensor]:
        seen = x if context is None else context
        return [self.to_q(x), self.to_k(seen), self.to_v(seen)]


def low(rest: Sequence[int] = (WIDTH,), out: int = WIDTH, rank: int = RANK) -> LowRank:
    return LowRank(torch.randn(rank, *rest), torch.randn(out, rank))


def inputs(kind: str, rows: int = 4) -> Tensor:
    shape = (rows, TOKENS, WIDTH) if kind == "linear" else (rows, WIDTH, 5, 5)
    return torch.randn(shape)


LAYERS = {"linear": lambda: nn.Linear(WIDTH, WIDTH), "conv": lambda: nn.Conv2d(WIDTH, WIDTH, 3)}
BY_ROW = [0.1, 0.2, 0.3, 0.4]
CASES: Mapping[str, tuple[list[Any], int]] = {
    "off": ([0.0], 0),
    "one": ([0.7], 2),
    "one with a curve": ([varying(0.7)], 2),
    "three": ([0.7, 0.4, -1.0], 2),
    "three, one of them with a curve": ([0.7, varying(0.4), -1.0], 3),
    "two by row": ([BY_ROW, 0.5], 3),
    "two by row with curves": ([varying(BY_ROW), varying(0.5)], 3),
}


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("name", CASES)
def test_kernels_and_calls_of_a_layer(kind: str, name: str) -> None:
    weights, most = CASES[name]
    module, x = LAYERS[kind](), inputs(kind)
    found = [low(module.weight.shape[1:]) for _ in weights]
    with torch.no_grad(), applied(module, found, weights, rows=4):
        module(x)
        with Kernels() as kernels:
            module(x)
        with our_calls() as calls:
            module(x)
    assert kernels.seen[0] in ("aten.addmm", "aten.convolution")  # the layer itself
    assert len(kernels.seen) == 1 + most
    assert len(calls) <= 2, calls


SETS: Mapping[str, tuple[list[Any], int]] = {
    # four pictures with four LoRAs
    "each its own": ([[0.5, 0, 0, 0], [0, 0.5, 0, 0], [0, 0, 0.5, 0], [0, 0, 0, 0.5]], 2),
    "two of two": ([[0.5, 0.5, 0, 0], [0, 0, 0.7, 0.7]], 2),
    "cond and uncond": ([[0.5, 0, 0.5, 0], [0, 0.7, 0, 0.7]], 4),
    "none on one row": ([[0.5, 0, 0, 0.5], [0, 0.7, 0, 0]], 2),
    "with a curve": ([varying([0.5, 0, 0, 0.1]), [0, 0.5, 0.2, 0]], 3),
}


@pytest.mark.parametrize("name", SETS)
def test_rows_with_sets_of_their_own(name: str) -> None:
    weights, most = SETS[name]
    module, x = nn.Linear(WIDTH, WIDTH), inputs("linear")
    found = [low() for _ in weights]
    with torch.no_grad(), applied(module, found, weights, rows=4):
        module(x)
        with Kernels() as kernels, flops() as patched:
            module(x)
        with our_calls() as calls:
            module(x)
    with torch.no_grad(), flops() as bare:
        module(x)
    assert len(kernels.seen) == 1 + most
    assert len(calls) <= 2
    # One LoRA acts on each row: as many FLOPs as one of that rank on all rows.
    added = 2 * x.shape[0] * TOKENS * RANK * (WIDTH + WIDTH)
    assert patched.get_total_flops() - bare.get_total_flops() == added


def test_what_several_share_is_freed_when_the_run_ends() -> None:
    """Not by the collector some time later, when the next run has taken as much again."""
    module, x = Attention(), inputs("linear")
    found = {f"to_{name}": [low(), low()] for name in "qkv"}
    gc.collect()
    gc.disable()
    try:
        with torch.no_grad(), applied(module, found, 0.7):
            module(x)
            shared = [
                weakref.ref(one.untyped_storage())
                for one in gc.get_objects()
                if type(one) is Tensor and one.shape == (3 * 2 * RANK, WIDTH)
            ]
            assert shared, "A of all three, twice"
        assert not any(one() for one in shared)
    finally:
        gc.enable()


def test_q_k_and_v_share_the_product_with_their_input() -> None:
    module, x = Attention(), inputs("linear")
    found = {f"to_{name}": [low()] for name in "qkv"}
    for call in range(3):
        with torch.no_grad(), Kernels() as kernels, flops() as bare:
            base = module(x)
        assert len(kernels.seen) == 3
        with torch.no_grad(), applied(module, found, 0.7):
            for _ in range(call):
                module(x)
            with Kernels() as kernels, flops() as patched:
                got = module(x)
            with our_calls() as calls:
                module(x)
            assert len([one for one in kernels.seen if one != "aten.cat"]) == 3 + 4
            assert patched.get_total_flops() - bare.get_total_flops() == low_rank_flops(x, 3)
            assert len(calls) <= (6 if call else 20), calls
        for name, ours, theirs in zip("qkv", got, base, strict=True):
            one = found[f"to_{name}"][0]
            want = theirs + 0.7 * x @ one.down.t() @ one.up.t()
            assert torch.allclose(ours, want, atol=1e-4)


@pytest.mark.parametrize("several", [False, True])
def test_q_k_and_v_of_a_fused_file_have_one_a(several: bool) -> None:
    """The file's A is used as it is: one product of its rank for all three, one copy of it."""
    module, x = Attention(), inputs("linear")
    downs = {object(): torch.randn(RANK, WIDTH) for _ in range(1 + several)}
    found = {
        f"to_{name}": [LowRank(down.clone(), low().up, common=a) for a, down in downs.items()]
        for name in "qkv"
    }
    with torch.no_grad(), flops() as bare:
        base = module(x)
    with torch.no_grad(), applied(module, found, 0.7) as on:
        module(x)
        with Kernels() as kernels, flops() as patched:
            got = module(x)
        with our_calls() as calls:
            module(x)
        group = _group_of(on.patches["to_q"].add)
    assert len(kernels.seen) == 3 + 4
    assert len(calls) == 6
    one = 2 * x.shape[0] * TOKENS * RANK * WIDTH * len(downs)
    assert patched.get_total_flops() - bare.get_total_flops() == one + 3 * one
    assert group.down.shape[0] == RANK * len(downs)
    for name, ours, theirs in zip("qkv", got, base, strict=True):
        change = sum(0.7 * x @ d.down.t() @ d.up.t() for d in found[f"to_{name}"])
        assert torch.allclose(ours, theirs + change, atol=1e-4)


def _group_of(form: Any) -> Any:
    names = form.__code__.co_freevars
    return form.__closure__[names.index("self")].cell_contents


def low_rank_flops(x: Tensor, layers: int) -> int:
    return 2 * x.shape[0] * x.shape[1] * RANK * (WIDTH + WIDTH) * layers


@pytest.mark.parametrize("width", [WIDTH, 12])
def test_k_and_v_share_theirs_where_q_has_another_input(width: int) -> None:
    module, x, context = Attention(width), inputs("linear"), torch.randn(4, 3, width)
    found = {"to_q": [low()], "to_k": [low((width,))], "to_v": [low((width,))]}
    with torch.no_grad():
        base = module(x, context)
        with applied(module, found, 0.7):
            first = module(x, context)
            with Kernels() as kernels:
                got = module(x, context)
            with our_calls() as calls:
                module(x, context)
    assert len(kernels.seen) == 3 + 2 + 3
    assert len(calls) == 6
    for name, now, then, theirs in zip("qkv", got, first, base, strict=True):
        one = found[f"to_{name}"][0]
        seen = x if name == "q" else context
        want = theirs + 0.7 * seen @ one.down.t() @ one.up.t()
        assert torch.allclose(now, want, atol=1e-4)
        assert torch.allclose(then, want, atol=1e-4)


@pytest.mark.parametrize("inference", [True, False])
def test_what_is_shared_is_of_this_very_input(inference: bool) -> None:
    """The same tensor with other values, parts not fetched, a layer called twice."""
    module, x = Attention(), inputs("linear")
    found = {f"to_{name}": [low()] for name in "qkv"}

    def want(name: str, x: Tensor) -> Tensor:
        layer, one = getattr(module, f"to_{name}"), found[f"to_{name}"][0]
        return nn.functional.linear(x, layer.weight + 0.7 * one.up @ one.down, layer.bias)

    mode = torch.inference_mode() if inference else torch.no_grad()
    with mode, applied(module, found, 0.7):
        module(x)
        module.to_q(x)
        assert torch.allclose(module.to_q(x), want("q", x), atol=1e-4)
        if not inference:
            x.mul_(2)
        assert torch.allclose(module.to_k(x), want("k", x), atol=1e-4)
        other = x + 1
        for one in (other, x, other):
            for name, got in zip("qkv", module(one), strict=True):
                assert torch.allclose(got, want(name, one), atol=1e-4)


def test_nothing_of_an_input_is_held_once_all_have_their_part() -> None:
    module, x = Attention(), inputs("linear")
    found = {f"to_{name}": [low()] for name in "qkv"}
    with torch.no_grad(), applied(module, found, 0.7):
        before = sys.getrefcount(x)
        module(x)
        assert sys.getrefcount(x) == before


def test_a_call_that_broke_off_costs_the_sharing_nothing() -> None:
    module, x = Attention(), inputs("linear")
    found = {f"to_{name}": [low()] for name in "qkv"}
    with torch.no_grad(), applied(module, found, 0.7):
        module(x)
        module.to_q(x)  # and no k, no v
        module(x + 1)
        with Kernels() as kernels:
            module(x)
    assert len(kernels.seen) == 3 + 4


def storages(values: object) -> dict[int, int]:
    """Bytes by distinct storage of the tensors in closures, dictionaries and objects below."""
    found: dict[int, int] = {}
    seen: set[int] = set()
    stack = [values]
    while stack:
        value = stack.pop()
        if id(value) in seen or isinstance(value, (str, bytes, nn.Module, type)):
            continue
        seen.add(id(value))
        if isinstance(value, Tensor):
            found[value.untyped_storage().data_ptr()] = value.untyped_storage().nbytes()
        elif isinstance(value, Mapping):
            stack += [*value.keys(), *value.values()]
        elif isinstance(value, (list, tuple, set)):
            stack += value
        elif callable(value) and getattr(value, "__closure__", None):
            stack += [cell.cell_contents for cell in value.__closure__]
        elif getattr(value, "__self__", None) is not None:
            stack.append(value.__self__)
        elif type(value).__module__.startswith("live_lora"):
            stack += [getattr(value, slot) for slot in getattr(value, "__slots__", ())]
            stack += getattr(value, "__dict__", {}).values()
    return found


@pytest.mark.parametrize("weights", [[0.7], [0.7, 0.4, 0.2], [[0.5, 0, 0.5, 0], [0, 1.0, 0, 1.0]]])
def test_joined_factors_are_no_more_than_the_loras(weights: list[Any]) -> None:
    module, x = Attention(), inputs("linear")
    found = {f"to_{name}": [low(rank=32) for _ in weights] for name in "qkv"}
    size = sum(t.nbytes for many in found.values() for one in many for t in one.tensors())
    mine = {t.untyped_storage().data_ptr() for m in found.values() for o in m for t in o.tensors()}
    with torch.no_grad(), applied(module, found, weights, rows=4) as on:
        module(x)
        held = storages(on.patches)
        extra = sum(nbytes for pointer, nbytes in held.items() if pointer not in mine)
        weight_bytes = sum(p.nbytes for p in module.parameters())
        assert extra - weight_bytes <= 1.1 * size
        for patch in on.patches.values():
            patch.release()
        assert sum(n for p, n in storages(on.patches).items() if p not in mine) <= weight_bytes

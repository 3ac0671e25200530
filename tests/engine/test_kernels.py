"""What a hooked layer costs, counted: kernels, FLOPs, Python calls and memory, never seconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from engine_run import applied, varying
from layer_counts import (
    RANK,
    TOKENS,
    WIDTH,
    Attention,
    Kernels,
    flops,
    inputs,
    low,
    our_calls,
)
from torch import Tensor, nn

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

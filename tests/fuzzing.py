"""Damaged LoRA files: whatever is done to a file, it is refused with a reason or used correctly."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import oracle_host
import torch
from live_lora import network
from live_lora.errors import FileError, ModuleError

Accident = Callable[[bytes, random.Random], bytes]
Tensors = dict[str, tuple[str, list[int], bytes]]  # key: dtype, shape, bytes
Change = Callable[[Tensors, random.Random], None]
DTYPES = (torch.float32, torch.float32, torch.float16, torch.bfloat16)
LIMITS = 1.2  # × the file's tensors, or the dense ΔW, in the dtype of computing


@dataclass(slots=True)
class Outcome:
    """What became of one file: refused, or how many modules were used and how many not."""

    refused: bool
    used: int = 0
    lost: int = 0


@cache
def originals() -> list[bytes]:
    """Every oracle file, whole."""
    return [(oracle_host.FOLDER / f"{name}.safetensors").read_bytes() for name in oracle_host.NAMES]


@cache
def places(dtype: torch.dtype) -> dict[Any, Any]:
    """The layers of the oracles' host."""
    return oracle_host.sites(oracle_host.trees(dtype))


def damaged(rng: random.Random) -> bytes:
    """One of the files after one to three accidents."""
    raw = rng.choice(originals())
    for _ in range(rng.choice((1, 1, 2, 3))):
        raw = rng.choice(ACCIDENTS)(raw, rng)
    return raw


def unpack(raw: bytes) -> tuple[Tensors, dict[str, str]]:
    """The tensors and metadata of a sound file."""
    size = int.from_bytes(raw[:8], "little")
    head = json.loads(raw[8 : 8 + size])
    metadata = head.pop("__metadata__", {})
    tensors = {}
    for key, facts in head.items():
        start, end = (8 + size + at for at in facts["data_offsets"])
        tensors[key] = (facts["dtype"], facts["shape"], raw[start:end])
    return tensors, metadata


def pack(tensors: Tensors, metadata: dict[str, str]) -> bytes:
    """The other way round, whatever the shapes say."""
    head: dict[str, Any] = {"__metadata__": metadata} if metadata else {}
    at = 0
    for key, (dtype, shape, data) in tensors.items():
        head[key] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(head).encode()
    return len(text).to_bytes(8, "little") + text + b"".join(t[2] for t in tensors.values())


def flip_bits(raw: bytes, rng: random.Random) -> bytes:
    """Anywhere: in the length, the header or the numbers."""
    damaged = bytearray(raw)
    for _ in range(rng.choice((1, 3, 30))):
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def flip_header_bits(raw: bytes, rng: random.Random) -> bytes:
    """In the first kilobyte."""
    damaged = bytearray(raw)
    for _ in range(rng.choice((1, 2))):
        damaged[rng.randrange(min(1024, len(damaged)))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def truncate(raw: bytes, rng: random.Random) -> bytes:
    """A download that stopped."""
    return raw[: rng.randrange(1, len(raw))]


def edit(
    change: Callable[[Tensors, random.Random], None],
) -> Callable[[bytes, random.Random], bytes]:
    """An accident that leaves a readable file; files that are no more readable stay as they are."""

    def accident(raw: bytes, rng: random.Random) -> bytes:
        try:
            tensors, metadata = unpack(raw)
        except (ValueError, KeyError, TypeError, AttributeError):
            return raw
        if tensors:
            change(tensors, rng)
        return pack(tensors, metadata)

    return accident


def swap_shapes(tensors: Tensors, rng: random.Random) -> None:
    """Two tensors under each other's name."""
    one, other = rng.choice(list(tensors)), rng.choice(list(tensors))
    tensors[one], tensors[other] = tensors[other], tensors[one]


def reshape(tensors: Tensors, rng: random.Random) -> None:
    """Transposed, flattened, split, or with dimensions of one."""
    key = rng.choice(list(tensors))
    dtype, shape, data = tensors[key]
    size = 1
    for length in shape:
        size *= length
    halves = [2, size // 2] if size % 2 == 0 else [size, 1]
    choices = [
        shape[::-1],
        [size],
        [1, *shape],
        [*shape, 1, 1],
        halves,
        [size, 1],
        [1] * 70 + shape,
    ]
    tensors[key] = (dtype, rng.choice(choices), data)


def retype(tensors: Tensors, rng: random.Random) -> None:
    """Other numbers in the same bytes."""
    key = rng.choice(list(tensors))
    dtype, shape, data = tensors[key]
    others = {"F32": ["I32", "U32"], "F16": ["BF16", "I16"], "BF16": ["F16", "U16"]}
    tensors[key] = (rng.choice(others.get(dtype, [dtype])), shape, data)


def drop(tensors: Tensors, rng: random.Random) -> None:
    """A tensor is missing."""
    del tensors[rng.choice(list(tensors))]


def rename(tensors: Tensors, rng: random.Random) -> None:
    """A tensor with another's ending, or another's module."""
    one, other = rng.choice(list(tensors)), rng.choice(list(tensors))
    module, _, _ = one.partition(".")
    _, _, suffix = other.partition(".")
    tensors[f"{module}.{suffix}"] = tensors[one]


def extreme(tensors: Tensors, rng: random.Random) -> None:
    """Numbers no training gives: an alpha, or some of a tensor's."""
    scalars = [key for key, (dtype, shape, _) in tensors.items() if dtype == "F32" and shape == []]
    key = rng.choice(scalars if scalars and rng.random() < 0.5 else list(tensors))
    dtype, shape, data = tensors[key]
    if dtype != "F32" or not data or len(data) % 4:
        return
    values = torch.frombuffer(bytearray(data), dtype=torch.float32)
    numbers = (0.0, -1.0, 1e-40, 1e20, 3e38, float("nan"), float("inf"), float("-inf"))
    values[rng.randrange(len(values)) :: rng.choice((1, 7, len(values)))] = rng.choice(numbers)
    tensors[key] = (dtype, shape, values.numpy().tobytes())


ACCIDENTS: tuple[Accident, ...] = (
    flip_bits,
    flip_header_bits,
    truncate,
    edit(swap_shapes),
    edit(reshape),
    edit(retype),
    edit(drop),
    edit(rename),
    edit(extreme),
)


def check(path: Path, dtype: torch.dtype = torch.float32) -> Outcome:
    """Loads and uses the file on the oracles' host; AssertionError where that goes wrong."""
    host = places(dtype)
    try:
        found = network.load(path)
    except FileError:
        return Outcome(refused=True)
    match = found.match(oracle_host.targets(host))
    assert all(item.reason for item in (*found.unused, *match.unmatched))
    outcome = Outcome(False, lost=len(found.unused) + len(match.unmatched))
    with found.open() as read:
        for target, module in match.matched:
            name, site = host[target.component, target.key]
            try:
                use(module, read, site.layer(), oracle_host.host()[0][f"x.{name}"].to(dtype))
                outcome.used += 1
            except ModuleError:
                outcome.lost += 1
    return outcome


def use(module: network.Module, read: network.Reader, layer: Any, x: torch.Tensor) -> None:
    """The module's change of one layer: finite, no larger than promised, and that of its ΔW."""
    algorithm = module.build(read)
    delta = algorithm.runtime(layer, dtype=x.dtype)
    held = sum(tensor.numel() for tensor in delta.tensors())
    given = sum(tensor.numel() for tensor in algorithm.tensors.values())
    assert held <= LIMITS * max(given, layer.weight.numel() + layer.weight.shape[0]) + 64
    wx = layer.base(x)
    change = delta(layer, x, wx)
    assert change.shape == wx.shape
    assert bool(change.isfinite().all())


def campaign(count: int, seed: int, folder: Path) -> Counter[str]:
    """`count` damaged files: how many were refused, used whole, in part, or not at all."""
    rng = random.Random(seed)
    path = folder / "damaged.safetensors"
    results: Counter[str] = Counter()
    for number in range(count):
        raw = damaged(rng)
        path.write_bytes(raw)
        try:
            outcome = check(path, rng.choice(DTYPES))
        except Exception as error:
            (folder / f"failed_{seed}_{number}.safetensors").write_bytes(raw)
            raise AssertionError(f"file {number} of seed {seed}: {error!r}") from error
        results[verdict(outcome)] += 1
    return results


def verdict(outcome: Outcome) -> str:
    """In one word."""
    if outcome.refused:
        return "refused"
    return "whole" if not outcome.lost else "in part" if outcome.used else "nothing"

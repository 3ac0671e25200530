"""Shapes that differ from the layer's and still mean it, and the axis of DoRA's lengths."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
import torch
from asked_device import seeded
from live_lora.deltas import Layer, LowRank
from torch import Tensor, nn
from torch.nn import functional as F

from algorithms.sample_tensors import Tensors
from algorithms.samples import PAIRS, add, algorithm, batch, merged, module, site_of, tensors

LORAS = ["lora", "loha", "lokr", "glora", "full", "dora by rows", "dora by columns", "doha by rows"]


def check(host: nn.Module, made: Tensors, want: Tensor) -> None:
    """ΔW is as wanted, and what runs beside the layer is the same."""
    host = host.double().requires_grad_(False)
    layer = site_of(host).layer()
    whole = algorithm(made)
    assert torch.allclose(whole.delta(layer), want, atol=1e-10)
    x = batch(host)
    got = host(x) + add(layer, whole.runtime(layer, dtype=torch.float64), x, 0.7)
    assert torch.allclose(got, merged(host, whole, layer, 0.7)(x), atol=1e-9)


def pointed(made: Tensors) -> Tensors:
    """Every matrix as a 1x1 convolution."""
    return {s: t[..., None, None] if t.dim() == 2 else t for s, t in made.items()}


@pytest.mark.parametrize("sample", [s for s in LORAS if s != "loha"])
def test_1x1_convolutions_for_a_linear_layer(sample: str) -> None:
    host = nn.Linear(16, 24).double()
    made = tensors(sample, (24, 16))
    want = algorithm(made).delta(site_of(host).layer())
    check(host, pointed(made), want)


@pytest.mark.parametrize("sample", [s for s in LORAS if "do" not in s])
def test_matrices_for_a_1x1_convolution(sample: str) -> None:
    host = nn.Conv2d(16, 24, 1).double()
    want = algorithm(tensors(sample, (24, 16, 1, 1))).delta(site_of(host).layer())
    check(host, tensors(sample, (24, 16)), want)


@pytest.mark.parametrize("sample", ["lora", "loha", "lokr", "full"])
def test_a_1x1_convolution_is_the_centre_tap_of_a_kernel(sample: str) -> None:
    host = nn.Conv2d(16, 24, 3, padding=1)
    made = tensors(sample, (24, 16, 1, 1))
    point = nn.Conv2d(16, 24, 1).double()
    want = F.pad(algorithm(made).delta(site_of(point).layer()), (1, 1, 1, 1))
    check(host, made, want)


@pytest.mark.parametrize("channels", [8, 9])
@pytest.mark.parametrize("sample", ["lora", "lora with a core", "loha", "lokr", "full"])
def test_four_channels_for_eight_or_nine(sample: str, channels: int) -> None:
    made = tensors(sample, (16, 4, 3, 3))
    narrow = nn.Conv2d(4, 16, 3, padding=1).double()
    want = F.pad(algorithm(made).delta(site_of(narrow).layer()), (0, 0, 0, 0, 0, channels - 4))
    check(nn.Conv2d(channels, 16, 3, padding=1), made, want)


@pytest.mark.parametrize("sample", ["dora by rows", "dora by columns"])
def test_dora_of_four_channels_leaves_the_others_alone(sample: str) -> None:
    host = nn.Conv2d(9, 16, 3, padding=1).double().requires_grad_(False)
    narrow = nn.Conv2d(4, 16, 3, padding=1).double().requires_grad_(False)
    narrow.weight.data = host.weight.data[:, :4]
    made = tensors(sample, (16, 4, 3, 3))
    want = F.pad(algorithm(made).delta(site_of(narrow).layer()), (0, 0, 0, 0, 0, 5))
    check(host, made, want)


def lengths(shape: tuple[int, ...], slot: str = "dora_scale") -> Tensors:
    made = tensors("lora", (16, 16))
    return made | {slot: seeded(*shape, seed=3, dtype=torch.float64).abs() + 1}


AXES = [("dora_scale", (16, 1), 1), ("dora_scale", (1, 16), 0), ("dora_scale", (16,), 1),
        ("magnitude", (16,), 1), ("magnitude", (1, 16, 1, 1), 1)]  # fmt: skip


@pytest.mark.parametrize(("slot", "shape", "axis"), AXES)
def test_the_axis_of_doras_lengths(slot: str, shape: tuple[int, ...], axis: int) -> None:
    host = nn.Linear(16, 16).double().requires_grad_(False)
    made = lengths(shape, slot)
    whole = host.weight + 0.6 * made["up"] @ made["down"]
    size = made[slot].flatten()
    factor = size / whole.norm(dim=axis)
    want = whole * (factor[:, None] if axis else factor) - host.weight
    check(host, made, want)


def test_a_bare_vector_of_inputs_is_of_inputs() -> None:
    host = nn.Linear(16, 24).double().requires_grad_(False)
    made = tensors("lora", (24, 16)) | {"dora_scale": torch.ones(16, dtype=torch.float64)}
    whole = host.weight + 0.6 * made["up"] @ made["down"]
    check(host, made, whole / whole.norm(dim=0) - host.weight)


@pytest.mark.parametrize("rank", [2, 4, 16])
@pytest.mark.parametrize("sample", ["loha", "loha with cores"])
@pytest.mark.parametrize("shape", [(64, 48), (48, 32, 3, 3)])
def test_loha_takes_no_more_memory_than_it_must(
    sample: str, rank: int, shape: tuple[int, ...]
) -> None:
    host = nn.Linear(48, 64) if len(shape) == 2 else nn.Conv2d(32, 48, 3, padding=1)
    layer = site_of(host).layer()
    made = {k: v for k, v in tensors(sample, shape, rank).items() if k != "alpha"}
    held = sum(t.numel() for t in algorithm(made).runtime(layer, dtype=torch.float32).tensors())
    file = sum(t.numel() for t in made.values())
    assert held <= min(rank / 2 * file, host.weight.numel())


def size(tensors: Iterable[Tensor]) -> int:
    """Bytes, with floats in float32."""
    return sum(t.numel() * (4 if t.is_floating_point() else t.element_size()) for t in tensors)


# What they take from W is as large again; triangles become squares; PEFT's permutations are int64.
LARGER = {"glora": 3, "old glora": 3, "tlora": 2, "oft by PEFT": 2.7, "boft by PEFT": 1.5}


def compact(sample: str, layer: str) -> bool:
    """Is there a form smaller than ΔW? LoHa has its own bound, above."""
    if "loha" in sample or "doha" in sample or "OneTrainer" in sample:
        return False
    return layer in ("linear", "conv 3x3", "group norm") and not (
        "PEFT" in sample and "conv" in layer
    )


@pytest.mark.parametrize(("sample", "layer"), [pair for pair in PAIRS if compact(*pair)])
def test_a_delta_is_as_small_as_its_file(sample: str, layer: str) -> None:
    host = module(layer)
    made = tensors(sample, tuple(host.weight.shape), rank=2)
    delta = algorithm(made).runtime(site_of(host).layer(), dtype=torch.float32)
    assert size(delta.tensors()) <= LARGER.get(sample, 1.2) * size(made.values())


@pytest.mark.parametrize(("sample", "layer"), PAIRS)
def test_all_of_a_delta_is_in_the_dtype_asked_for(sample: str, layer: str) -> None:
    host = module(layer)
    made = algorithm(tensors(sample, tuple(host.weight.shape)))
    delta = made.runtime(site_of(host).layer(), dtype=torch.bfloat16)
    assert {t.dtype for t in delta.tensors() if t.is_floating_point()} == {torch.bfloat16}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float8_e4m3fn])
def test_a_base_in_few_bits_is_read_as_it_is(dtype: torch.dtype) -> None:
    host = nn.Linear(16, 24, bias=False).double().requires_grad_(False)
    made = tensors("dora by rows", (24, 16))
    low = host.weight.data.to(dtype)
    want = algorithm(made).delta(Layer.of("linear", low.double(), None, host))
    layer = Layer.of("linear", low, None, host)
    got = algorithm(made).delta(layer)
    assert got.dtype == torch.float32
    assert torch.allclose(got, want.float(), atol=1e-5)
    assert algorithm(made).runtime(layer, dtype=torch.bfloat16).gain.dtype == torch.bfloat16


def test_a_lora_stays_low_rank_in_the_dtype_asked_for() -> None:
    layer = site_of(nn.Linear(16, 24)).layer()
    delta = algorithm(tensors("lora", (24, 16))).runtime(layer, dtype=torch.float16)
    assert isinstance(delta, LowRank)
    assert (delta.up.dtype, delta.down.dtype) == (torch.float16, torch.float16)

"""What is measured equals float64 on dense ΔW and captured x, for every algorithm, cheaply."""

from __future__ import annotations

from itertools import combinations_with_replacement

import pytest
import torch
from algorithms import samples
from engine_run import patches_of
from layer_counts import Kernels
from live_lora.deltas import Delta, LowRank
from live_lora.engine.hooks import hooked
from live_lora.engine.measuring import CallSums, Measuring, gathered
from live_lora.engine.observing import ObservedPatch
from live_lora.errors import ModuleError
from live_lora.records import Progress
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

CLOSE = 1e-4  # relative, of the ratios
ROWS = 3


def measured(module: nn.Module, deltas: list[Delta], x: Tensor, rows: int) -> CallSums:
    """One call with all of them at weight 1."""
    measuring, made = Measuring(), patches_of(module, deltas, 1.0, rows)
    patches = [
        ObservedPatch(patch, ("unet", path), [measuring]) for path, patch in made.patches.items()
    ]
    with torch.no_grad(), hooked(patches):
        module(x)
    ((call, sums),) = gathered(measuring.calls)
    call.sums.copy_(sums)
    return call


def wide(module: nn.Module, weight: Tensor, x: Tensor) -> Tensor:
    """W x of a float64 copy with this weight, without bias, a line for each row."""
    copy = samples.copy.deepcopy(module).double()
    copy.weight.data = weight.double()
    if copy.bias is not None:
        copy.bias.data.zero_()
    with torch.no_grad():
        return copy(x.double()).flatten(1)


@pytest.mark.parametrize(("sample", "layer"), samples.PAIRS)
def test_ratio_and_cosine_of_every_algorithm(sample: str, layer: str) -> None:
    host = samples.module(layer)
    site = samples.site_of(host)
    found: list[Delta] = []
    dense: list[Tensor] = []
    for name in (sample, "norm" if "norm" in layer else "lora"):
        try:
            made = samples.algorithm(samples.tensors(name, site.shape, seed=len(found)))
        except ModuleError as error:
            pytest.skip(str(error))
        plain = site.layer()
        dense.append(made.delta(plain))
        found.append(made.runtime(plain, dtype=torch.float32, device=plain.device))
    x = samples.batch(host, ROWS)
    want = [wide(host, host.weight, x), *(wide(host, change, x) for change in dense)]
    call = measured(host.float(), found, x.float(), ROWS)
    base, *products = call.sums.unbind(1)
    pairs = combinations_with_replacement(want[1:], 2)
    lengths = base.sqrt() * base.sqrt()
    assert torch.allclose(base, want[0].square().sum(1), rtol=CLOSE)
    for product, (one, other) in zip(products, pairs, strict=True):
        scale = one.norm(dim=1) * other.norm(dim=1) + 1e-9 * lengths
        assert (((one * other).sum(1) - product).abs() / scale).max() < CLOSE
    assert [network for network, _ in call.shares] == [0] * 2  # patches of tests have one network
    assert all(weights == (1.0,) * ROWS for _, weights in call.shares)


class Largest(TorchDispatchMode):
    """How many values the largest new tensor has."""

    def __init__(self) -> None:
        super().__init__()
        self.size = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        out = func(*args, **(kwargs or {}))
        if isinstance(out, Tensor) and not func.is_view:
            self.size = max(self.size, out.numel())
        return out


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("kind", ["linear", "conv"])
def test_low_rank_makes_no_tensor_of_the_outputs_size(kind: str, bias: bool) -> None:
    module = nn.Linear(16, 4096, bias) if kind == "linear" else nn.Conv2d(16, 512, 1, bias=bias)
    x = torch.randn(2, 64, 16) if kind == "linear" else torch.randn(2, 16, 32, 32)
    rest = (16,) if kind == "linear" else (16, 1, 1)
    lows = [LowRank(torch.randn(4, *rest), torch.randn(len(module.weight), 4)) for _ in "ab"]
    made = patches_of(module, lows, 1.0, 2)
    (patch,) = made.patches.values()
    observed = ObservedPatch(patch, ("unet", ""), [Measuring()])
    with torch.no_grad():
        out = module(x)
        with Largest() as largest:
            observed._tell(x, out)
    assert largest.size <= 1 << 17 < out.numel()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_measured_in_32_bits(dtype: torch.dtype) -> None:
    """Sums of 4096 tokens would end at 65504, or lose all but three digits."""
    torch.manual_seed(0)
    module, x = nn.Linear(64, 64).to(dtype), torch.randn(1, 4096, 64).to(dtype)
    low = LowRank(torch.randn(4, 64).to(dtype), torch.randn(64, 4).to(dtype))
    call = measured(module, [low], x, 1)
    change = wide(module, low.up.double() @ low.down.double(), x)
    ratio = (call.sums[0, 1] / call.sums[0, 0]).sqrt()
    want = change.norm() / wide(module, module.weight, x).norm()
    assert abs(ratio / want - 1) < 20 * torch.finfo(dtype).eps / 64**0.5


def test_a_million_tokens_lose_no_digit() -> None:
    """All of one size: torch's norm of so many in 32 bits is off in the fourth digit."""
    module = nn.Linear(4, 8, bias=False)
    x = torch.full((1, 1 << 20, 4), 0.1)
    low = LowRank(torch.randn(1, 4), torch.randn(8, 1))
    call = measured(module, [low], x, 1)
    want = wide(module, low.up @ low.down, x).square().sum()
    assert abs(call.sums[0, 1] / want - 1) < 1e-5
    assert abs(call.sums[0, 0] / wide(module, module.weight, x).square().sum() - 1) < 1e-5


def test_only_who_measures_pays() -> None:
    """Beside each other: the kernels of a layer that is measured, and of one that is not."""
    module, x = nn.Linear(16, 16), torch.randn(2, 6, 16)
    low = LowRank(torch.randn(4, 16), torch.randn(16, 4))
    counts, outs = [], []
    for observers in ([], [Measuring()]):
        made = patches_of(module, [low], 0.7, 2)
        patches = [
            ObservedPatch(patch, ("unet", ""), observers) if observers else patch
            for patch in made.patches.values()
        ]
        with torch.no_grad(), hooked(patches):
            module(x)
            made.move(Progress(1, 2))
            with Kernels() as kernels:
                outs.append(module(x))
        counts.append(kernels.seen)
    assert torch.equal(*outs)
    assert len(counts[0]) == 3
    assert sum("norm" in kernel for kernel in counts[0]) == 0
    assert sum("norm" in kernel for kernel in counts[1]) == 2  # of two rows
    assert len(counts[1]) > len(counts[0])

"""What is wrong in one module is a ModuleError that says what; nothing else ever comes out."""

from __future__ import annotations

from contextlib import suppress

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from live_lora import algorithms
from live_lora.algorithms import Settings
from live_lora.errors import ModuleError
from live_lora.records import Target

from algorithms.sample_tensors import SAMPLES, Tensors
from algorithms.samples import LAYERS, add, algorithm, batch, module, site_of, tensors

LAYER = "linear with bias"
LINEAR = (24, 16)
KERNEL = (16, 8, 3, 3)
NAN = float("nan")
HUGE = torch.tensor(3e300, dtype=torch.float64)


def build(made: Tensors, layer: str, rank: int | None = None) -> None:
    """All the steps from a file's tensors to an output."""
    host = module(layer)
    seen = site_of(host).layer()
    shapes = {slot: tuple(tensor.shape) for slot, tensor in made.items()}
    outline = algorithms.choose(shapes).outline(shapes)
    target = Target("unet", "key", "path", seen.kind, tuple(host.weight.shape))
    outline.fit(target)
    whole = algorithm(made, Settings(rank=rank))
    x = batch(host)
    change = add(seen, whole.runtime(seen, dtype=torch.float64), x, 1.0)
    assert change.shape == host(x).shape
    assert bool(torch.isfinite(change).all())
    assert whole.delta(seen).shape == host.weight.shape


def lora(**changes: torch.Tensor) -> Tensors:
    return tensors("lora", LINEAR) | changes


CASES: dict[str, tuple[Tensors, str, str, str]] = {
    "up alone": ({"up": torch.ones(24, 2)}, LAYER, "incomplete", "no down"),
    "alpha alone": ({"alpha": torch.tensor(1.0)}, LAYER, "incomplete", "has only alpha"),
    "one half of loha": ({"hada_w1_a": torch.ones(24, 2)}, LAYER, "incomplete", "incomplete loha"),
    "lengths alone": ({"dora_scale": torch.ones(24, 1)}, LAYER, "incomplete", "without the weight"),
    "a factor of lokr": ({"lokr_w1_a": torch.ones(2, 2)}, LAYER, "incomplete", "incomplete lokr"),
    "two algorithms": (lora(oft_blocks=torch.ones(6, 4, 4)), LAYER, "ambiguous", "not clear which"),
    "rank 0": (lora(up=torch.ones(24, 0), down=torch.ones(0, 16)),
               LAYER, "form", "it is empty"),
    "ranks differ": (lora(up=torch.ones(24, 3)), LAYER, "rank", "rank 3"),
    "alpha NaN": (lora(alpha=torch.tensor(float("nan"))), LAYER, "alpha", "alpha is nan"),
    "alpha Inf": (lora(alpha=torch.tensor(float("inf"))), LAYER, "alpha", "alpha is inf"),
    "alpha 0": (lora(alpha=torch.tensor(0)), LAYER, "alpha", "alpha is 0"),
    "alpha negative": (lora(alpha=torch.tensor(-2.0)), LAYER, "alpha", "alpha is -2"),
    "alpha complex": (lora(alpha=torch.tensor(1 + 0j)), LAYER, "form", "one number"),
    "two alphas": (lora(alpha=torch.tensor([1.0, 2.0])), LAYER, "form", "one number"),
    "NaN": (lora(up=torch.full((24, 2), float("nan"))), LAYER, "nonfinite", "up holds NaN"),
    "Inf": (lora(down=torch.full((2, 16), float("inf"))), LAYER, "nonfinite", "down holds NaN or"),
    "too large": (lora(up=HUGE.expand(24, 2), down=HUGE.expand(2, 16),
                       dora_scale=torch.ones(24, 1)), LAYER, "too-large", "too large"),
    "int8": (lora(up=torch.ones(24, 2, dtype=torch.int8)), LAYER, "dtype", "up is int8"),
    "bool": (lora(up=torch.ones(24, 2, dtype=torch.bool)), LAYER, "dtype", "up is bool"),
    "complex": (lora(up=torch.ones(24, 2, dtype=torch.cfloat)), LAYER, "dtype", "complex64"),
    "other outputs": (tensors("lora", (20, 16)), LAYER, "shape", "20 outputs; the layer has 24"),
    "other inputs": (tensors("lora", (24, 12)), LAYER, "shape", "12 inputs; the layer has 16"),
    "kernel on linear": (tensors("lora", (24, 16, 3, 3)), LAYER, "shape", "3x3 kernel"),
    "other kernel": (tensors("lora", (16, 8, 5, 5)), "conv 3x3", "shape", "5x5 kernel"),
    "other core": (tensors("lora with a core", (16, 8, 5, 5)), "conv 3x3", "shape", "5x5 kernel"),
    "lora on a norm": (tensors("lora", LINEAR), "layer norm", "kind", "this layer is a norm"),
    "norm on linear": (tensors("norm", (24,)), LAYER, "kind", "is for norm layers"),
    "kron": (tensors("lokr", (24, 20)), LAYER, "shape", "20 inputs"),
    "oft blocks": (tensors("oft", (20, 16)),
                   LAYER, "shape", "5 blocks of 4 are for 20 outputs; the layer has 24"),
    "oft NaN": ({"oft_blocks": torch.full((6, 4, 4), NAN)}, LAYER, "nonfinite", "oft_blocks"),
    "oft not square": ({"oft_blocks": torch.ones(6, 4, 3)}, LAYER, "form", "square"),
    "boft stages": ({"oft_blocks": torch.ones(9, 6, 4, 4)}, LAYER, "form", "9 stages"),
    "peft oft": ({"oft_R": torch.ones(4, 5)}, LAYER, "form", "triangles"),
    "dora size": (lora(dora_scale=torch.ones(7, 1)), LAYER, "shape", "dora_scale has shape"),
    "dora by PEFT of inputs": (lora(magnitude=torch.ones(16)), LAYER, "shape", "24 outputs and"),
    "dora twice": (lora(dora_scale=torch.ones(24, 1), magnitude=torch.ones(24)),
                   LAYER, "ambiguous", "not clear which"),
    "dora of oft": (tensors("oft", LINEAR) | {"dora_scale": torch.ones(24, 1)},
                    LAYER, "other-algorithm", "is DoRA on oft"),
    "bias of another size": (lora(diff_b=torch.ones(7)), LAYER, "shape", "diff_b has 7 values"),
    "sparse residual": (lora(bias_values=torch.ones(3)),
                        LAYER, "incomplete", "sparse residual without"),
    "residual elsewhere": (
        tensors("lora with a sparse residual", LINEAR)
        | {"bias_indices": torch.full((2, 5), 99, dtype=torch.int16)},
        LAYER, "form", "outside"),
    "residual before the beginning": (
        tensors("lora with a sparse residual", LINEAR)
        | {"bias_indices": torch.full((2, 5), -1, dtype=torch.int16)},
        LAYER, "form", "outside"),
    "tlora for a kernel": (
        tensors("tlora", (16, 8)), "conv 3x3", "shape", "kernel"),
    "glora ranks": (
        tensors("glora", LINEAR) | {"b1": torch.ones(24, 3)}, LAYER, "rank", "rank"),
    "glora core of a matrix": (
        tensors("glora", LINEAR) | {"bm": torch.ones(2, 2)}, LAYER, "rank", "bm has shape (2, 2)"),
    "unknown": ({"set_weight": torch.ones(3)}, LAYER, "shape", "weight of shape (3,)"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_it_is_refused_with_its_reason(case: str) -> None:
    made, layer, code, words = CASES[case]
    with pytest.raises(ModuleError) as caught:
        build(made, layer)
    assert words in str(caught.value)
    assert caught.value.code == code


def test_an_empty_tensor_is_refused_without_an_outline_too() -> None:
    with pytest.raises(ModuleError, match="it is empty"):
        algorithm(lora(up=torch.ones(24, 0), down=torch.ones(0, 16)))


def test_nothing_is_cut_to_no_rank() -> None:
    with pytest.raises(ModuleError, match="the least is 1"):
        build(tensors("lora", LINEAR), LAYER, rank=0)


@st.composite
def broken(draw: st.DrawFn) -> tuple[Tensors, str]:
    """A sample with one tensor of another shape, other values, or gone."""
    layer = draw(st.sampled_from(sorted(LAYERS)))
    shape = tuple(module(layer).weight.shape)
    if len(shape) == 1:
        shape = draw(st.sampled_from([(16,), LINEAR, KERNEL]))
    options = [s for s in SAMPLES if len(shape) > 1 or s in ("norm", "full", "set", "bias")]
    made = tensors(draw(st.sampled_from(options)), shape, rank=draw(st.integers(1, 3)))
    slot = draw(st.sampled_from(sorted(made)))
    tensor = made.pop(slot)
    way = draw(st.sampled_from(["gone", "turned", "cut", "doubled", "flat", "one", "huge", "nan"]))
    changed = {
        "turned": lambda: tensor.transpose(0, -1) if tensor.dim() else tensor,
        "cut": lambda: tensor[..., :-1] if tensor.dim() else tensor,
        "doubled": lambda: torch.cat([tensor, tensor]) if tensor.dim() else tensor,
        "flat": tensor.flatten,
        "one": lambda: tensor.flatten()[:1],
        "huge": lambda: tensor * 1e200,
        "nan": lambda: tensor * float("nan"),
    }
    if way != "gone":
        made[slot] = changed[way]().contiguous()
    return made, layer


@given(broken())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_broken_modules_are_refused_or_run(case: tuple[Tensors, str]) -> None:
    made, layer = case
    with suppress(ModuleError):
        build(made, layer)

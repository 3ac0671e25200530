"""A delta knows whether it was made from the layer's own weights, and holds for others if not."""

from __future__ import annotations

import pytest
import torch
from live_lora.deltas import Delta

from algorithms.samples import PAIRS, algorithm, module, site_of, tensors

# What needs W on any layer, and what needs it only where nothing is cheaper than a dense ΔW.
ALWAYS = ("dora", "doha", "dokr", "set", "glora", "old glora", "tlora", "ia3 of outputs by PEFT")
DENSE_ON_KERNELS = ("oft by PEFT", "shared oft by OneTrainer", "boft by PEFT")
DENSE_IN_GROUPS = ("oft", "oft, bounded and rescaled", "old oft", "boft", *DENSE_ON_KERNELS)
OF_OUTPUTS = ("ia3 of inputs by PEFT", "conv of stride 2")  # it has as many inputs as outputs
KERNELS = ("conv 3x3", "conv of stride 2", "circular conv", "conv in groups")


def needs_base(sample: str, layer: str) -> bool:
    return (
        sample.startswith(ALWAYS)
        or (sample in DENSE_ON_KERNELS and layer in KERNELS)
        or (sample in DENSE_IN_GROUPS and layer == "conv in groups")
        or (sample, layer) == OF_OUTPUTS
    )


def delta(sample: str, layer: str, seed: int) -> Delta:
    """On a layer with the weights of this seed; the file is always the same."""
    host = module(layer, seed)
    made = tensors(sample, tuple(host.weight.shape))
    return algorithm(made).runtime(site_of(host).layer(), dtype=torch.float64)


@pytest.mark.parametrize(("sample", "layer"), PAIRS)
def test_only_what_reads_the_weights_is_from_them(sample: str, layer: str) -> None:
    one, other = delta(sample, layer, 0), delta(sample, layer, 1)
    assert one.from_base == needs_base(sample, layer)
    same = all(map(torch.equal, one.tensors(), other.tensors()))
    looked_for_a_bias = "by PEFT" in sample and "ia3" in sample and module(layer).bias is None
    assert same == (not one.from_base or looked_for_a_bias)


def test_the_mark_stays_when_a_delta_moves() -> None:
    assert delta("dora by rows", "linear", 0).to(torch.device("cpu"), torch.bfloat16).from_base
    assert not delta("lora", "linear", 0).to(torch.device("cpu"), torch.bfloat16).from_base

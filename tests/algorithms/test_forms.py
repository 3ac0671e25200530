"""Every form that runs beside the layer gives what the changed weight gives."""

from __future__ import annotations

import pytest
import torch

from algorithms.sample_tensors import SAMPLES
from algorithms.samples import PAIRS, add, algorithm, batch, merged, module, site_of, tensors


@pytest.mark.parametrize(("sample", "layer"), PAIRS)
def test_the_form_equals_the_merge(sample: str, layer: str) -> None:
    host, m = module(layer), -0.7
    seen = site_of(host).layer()
    made = algorithm(tensors(sample, tuple(host.weight.shape)))
    assert made.name == SAMPLES[sample][0]
    x = batch(host)
    got = host(x) + add(seen, made.runtime(seen, dtype=torch.float64), x, m)
    want = merged(host, made, seen, m)(x)
    change = (want - host(x)).abs().max()
    assert change > 1e-3
    assert (got - want).abs().max() <= 1e-10 * (1 + change)


@pytest.mark.parametrize(("sample", "layer"), PAIRS)
def test_its_answer_to_unit_inputs_is_the_change_of_the_weight(sample: str, layer: str) -> None:
    """What folding writes: the same ΔW as the algorithm's own formula gives."""
    host = module(layer)
    seen = site_of(host).layer()
    made = algorithm(tensors(sample, tuple(host.weight.shape)))
    want = made.delta(seen)
    got = made.runtime(seen, dtype=torch.float64).delta_weight(seen)
    assert got.shape == want.shape
    assert (got - want).abs().max() <= 1e-9 * (1 + want.abs().max())

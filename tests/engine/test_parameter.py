"""A bare parameter that a module multiplies with is reached, and left alone."""

from __future__ import annotations

import pytest
import torch
from delta_formulas import Scale, ScaleInput, deltas, expected
from engine_run import applied, layer_of, run
from live_lora.deltas import Delta
from live_lora.engine.layers import find_sites
from torch import Tensor, nn


class Projecting(nn.Module):
    """open_clip's way."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(6, 6)
        self.text_projection = nn.Parameter(torch.randn(6, 4))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.text_projection


def forms() -> dict[str, list[Delta]]:
    every = deltas(torch.zeros(4, 6))
    every.pop("low").bias = None
    sides: list[Delta] = [Scale(torch.randn(4)), ScaleInput(torch.randn(6))]
    return {name: [delta] for name, delta in every.items()} | {"both sides": sides}


@pytest.mark.parametrize("form", forms())
def test_a_bare_parameter_is_reached_and_left_alone(form: str) -> None:
    model, found, x = Projecting(), forms()[form], torch.randn(3, 6)
    before, parameter = model.text_projection.detach().clone(), model.text_projection
    table = [[0.0, 0.5, 1.0], [0.3, 0.0, 0.2]][: len(found)]
    with torch.no_grad(), applied(model, {"text_projection": found}, table):
        got = model(x)
        assert list(model.state_dict()) == ["text_projection", "inner.weight", "inner.bias"]
        assert torch.equal(before * model.text_projection, before * before)  # no product of W
    plain = nn.Linear(6, 4, bias=False)
    plain.weight.data = before.t()
    want = expected(plain, found, table, x)
    assert (got - want).abs().max() <= 2e-6 * want.abs().max()
    assert model.text_projection is parameter
    assert torch.equal(model.text_projection, before)
    assert torch.equal(run(model, {"text_projection": found}, 0.0, x), x @ before)


def test_its_module_is_looked_into_all_the_same() -> None:
    sites = find_sites(Projecting())
    assert [(site.path, site.kind, site.shape) for site in sites] == [
        ("text_projection", "linear", (4, 6)),
        ("inner", "linear", (6, 6)),
    ]


def test_its_weight_is_the_transpose() -> None:
    model = Projecting()
    layer, x = layer_of(model, "text_projection"), torch.randn(2, 6)
    assert torch.equal(layer.weight, model.text_projection.detach().t())
    assert torch.allclose(layer.base(x), x @ model.text_projection)


def test_what_else_may_have_that_name() -> None:
    model = nn.Module()
    model.text_projection = nn.Linear(4, 4)
    assert [site.path for site in find_sites(model)] == ["text_projection"]
    model.text_projection = None
    assert find_sites(model) == []
    scale = nn.Module()
    scale.text_projection = nn.Parameter(torch.randn(4))
    assert find_sites(scale) == []

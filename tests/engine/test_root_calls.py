"""What of a component was called, and what not."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
import torch
from live_lora.engine.root_calls import RootCalls
from live_lora.engine.weight_table import WeightTable
from torch import nn


def one_layer() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 2))


def test_what_acts_at_a_completed_call_is_remembered() -> None:
    model, weights = one_layer(), WeightTable([lambda row, progress: 0.5, lambda *_: 0.0])
    calls = RootCalls(model, [0, 1], weights)
    with ExitStack() as stack:
        calls.install(stack)
        assert not calls.acted
        with pytest.raises(RuntimeError):
            model(torch.zeros(3))  # the wrong width
        assert not calls.acted, "a call that failed reached only some of the layers"
        model(torch.zeros(2))
    assert calls.acted == {0}
    assert not model._forward_hooks


def test_a_call_after_the_hooks_are_off_does_not_count() -> None:
    model = one_layer()
    calls = RootCalls(model, [0], WeightTable([lambda row, progress: 1.0]))
    with ExitStack() as stack:
        calls.install(stack)
    model(torch.zeros(2))
    assert not calls.acted


def test_only_a_compiled_root_is_called_unheard() -> None:
    model, weights = one_layer(), WeightTable([lambda row, progress: 1.0])
    plain = RootCalls(model, [0], weights)
    plain.unseen()
    assert not plain.acted
    compiled = RootCalls(torch.compile(model, backend="eager"), [0], weights)
    compiled.unseen()
    assert compiled.acted == {0}


def test_why_a_layer_was_not_called() -> None:
    class Attention(nn.Module):
        def __init__(self, fused: bool) -> None:
            super().__init__()
            self.to_q = nn.Linear(2, 2)
            self.fused_projections = fused

    blocks = nn.ModuleDict({"a": Attention(False), "b": Attention(True), "c": Attention(False)})
    blocks["c"].compile(backend="eager")
    calls = RootCalls(blocks, [], WeightTable([]))
    reasons = {path: calls.why_not(f"{path}.to_q") for path in blocks}
    assert {path: code for path, (code, _) in reasons.items()} == {
        "a": "bypassed",
        "b": "bypassed",
        "c": "compiled",
    }
    assert "unfuse" in reasons["b"][1]
    assert "unfuse" not in reasons["a"][1]

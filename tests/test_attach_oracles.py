"""The way users go: a tag, a folder and modules in either layout give the peers' outputs."""

from __future__ import annotations

import json
from functools import cache

import live_lora
import pytest
import torch
from live_lora.algorithms.base import ALPHA_IS_RANK
from live_lora.algorithms.peft_oft import EXACT
from oracle_host import FOLDER, NAMES, WEIGHTS, host, layer_of, oracle
from safetensors import safe_open
from torch import nn

LAYOUTS = ("diffusers", "ldm")
# PEFT's files that lack their configuration
TAKEN = {"peft_lora_basemodel": [ALPHA_IS_RANK], "peft_oft_tier2": [EXACT]}


@cache
def placed(layout: str) -> tuple[dict[str, nn.Module], dict[str, nn.Module]]:
    """Module trees by component, and the layers in them by the oracles' names."""
    tensors, specs = host()
    with safe_open(FOLDER / "host.safetensors", "pt") as file:
        facts = json.loads(file.metadata()["modules"])
    roots: dict[str, nn.Module] = {}
    layers: dict[str, nn.Module] = {}
    for path, spec in specs.items():
        component, _, inner = path.partition(".")
        inner = facts[path]["a1111"] if layout == "ldm" else inner
        layer = layer_of(spec).requires_grad_(False)
        layer.weight.data = tensors[f"W.{path}"].clone()
        if layer.bias is not None:
            layer.bias.data = tensors[f"b.{path}"].clone()
        put(roots.setdefault(component, nn.Module()), inner, layer)
        layers[path] = layer
    return roots, layers


def put(root: nn.Module, path: str, layer: nn.Module) -> None:
    *parents, name = path.split(".")
    for part in parents:
        if part not in root._modules:
            root.add_module(part, nn.Module())
        root = root.get_submodule(part)
    root.add_module(name, layer)


@pytest.fixture(scope="module", params=LAYOUTS)
def live(request: pytest.FixtureRequest):
    roots, layers = placed(request.param)
    tensors, _ = host()
    base = {path: layer(tensors[f"x.{path}"]) for path, layer in layers.items()}
    with live_lora.attach(roots, library=FOLDER) as live:
        yield live, layers
    after = {path: layer(tensors[f"x.{path}"]) for path, layer in layers.items()}
    assert all(torch.equal(base[path], after[path]) for path in base)


@pytest.mark.parametrize("name", NAMES)
def test_a_tag_gives_the_peers_outputs(live, name: str) -> None:
    attached, layers = live
    tensors, _ = host()
    known = oracle(name).outputs
    for weight in WEIGHTS:
        want = {path: y for (path, m), y in known.items() if m == weight}
        with torch.no_grad(), attached.prompt(f"a fox <lora:{name}:{weight}>") as run:
            got = {path: layers[path](tensors[f"x.{path}"]) for path in want}
        for path, y in want.items():
            far = float((got[path] - y).norm() / y.norm())
            assert far <= 1e-4, (path, weight, far)
        if want:
            (network,) = run.report.networks
            assert network.ran_total == network.matched == len(want)
            assert run.report.warnings() == [f"{name}: {text}" for text in TAKEN.get(name, ())]

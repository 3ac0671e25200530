"""The small model that the oracle files were made on, as plain modules, and their numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from algorithms.samples import bias_change
from engine_run import run
from live_lora import network
from live_lora.deltas import Layer
from live_lora.engine.layers import Site, find_sites
from live_lora.model.layer_names import layer_key
from live_lora.records import Target
from safetensors import safe_open
from torch import Tensor, nn

FOLDER = Path(__file__).parent / "data" / "oracles"
NAMES = sorted(p.name.removesuffix(".expected.safetensors") for p in FOLDER.glob("*.expected.*"))
WEIGHTS = (1.0, 0.5, -0.7)


@dataclass(frozen=True, slots=True)
class Oracle:
    """One file and the outputs it must give: {(path, weight): y}."""

    file: Path
    outputs: dict[tuple[str, float], Tensor]


@cache
def host() -> tuple[dict[str, Tensor], dict[str, list[object]]]:
    """The tensors W., b., x. of every target, and what layer it is."""
    with safe_open(FOLDER / "host.safetensors", "pt") as file:
        modules = json.loads(file.metadata()["modules"])
        tensors = {key: file.get_tensor(key) for key in list(file.keys())}
    return tensors, {path: facts["spec"] for path, facts in modules.items()}


def oracle(name: str) -> Oracle:
    """The lerped outputs where the peer does not lerp itself."""
    outputs: dict[tuple[str, float], Tensor] = {}
    with safe_open(FOLDER / f"{name}.expected.safetensors", "pt") as file:
        for key in sorted(file.keys(), reverse=True):  # "y_lerp." before "y."
            path, weight = key.split(".", 1)[1].rsplit("@", 1)
            outputs.setdefault((path, float(weight)), file.get_tensor(key))
    return Oracle(FOLDER / f"{name}.safetensors", outputs)


def layer_of(spec: list[object]) -> nn.Module:
    """`["conv", in, out, kernel, stride, padding]` and so on."""
    kind, *sizes = spec
    if kind == "linear":
        return nn.Linear(sizes[0], sizes[1], bias=sizes[2])
    if kind == "conv":
        return nn.Conv2d(*sizes)
    return nn.GroupNorm(*sizes) if kind == "groupnorm" else nn.LayerNorm(sizes[0])


def trees(dtype: torch.dtype = torch.float32) -> dict[str, nn.Module]:
    """{component: module tree} with the host's weights."""
    tensors, specs = host()
    roots: dict[str, nn.Module] = {}
    for path, spec in specs.items():
        component, *parts = path.split(".")
        node = roots.setdefault(component, nn.Module())
        for part in parts[:-1]:
            if not hasattr(node, part):
                node.add_module(part, nn.Module())
            node = getattr(node, part)
        layer = layer_of(spec)
        layer.weight.data = tensors[f"W.{path}"].clone()
        if layer.bias is not None:
            layer.bias.data = tensors[f"b.{path}"].clone()
        node.add_module(parts[-1], layer)
    return {component: root.to(dtype).requires_grad_(False) for component, root in roots.items()}


def sites(roots: dict[str, nn.Module]) -> dict[tuple[str, str], tuple[str, Site]]:
    """{(component, key): (path with its component, site)}."""
    found = {}
    for component, root in roots.items():
        for site in find_sites(root):
            found[component, layer_key(component, site.path)] = (f"{component}.{site.path}", site)
    return found


def targets(places: dict[tuple[str, str], tuple[str, Site]]) -> dict[tuple[str, str], Target]:
    """The same as the targets a network is matched with."""
    return {
        place: Target(place[0], place[1], path, site.kind, site.shape)
        for place, (path, site) in places.items()
    }


def run_hooked(loaded: network.Network, roots: dict[str, nn.Module], m: float) -> dict[str, Tensor]:
    """y of every target the file changes, through the engine's hooks."""
    places = sites(roots)
    matched = loaded.match(targets(places))
    assert not matched.unmatched, matched.unmatched
    tensors, _ = host()
    outputs = {}
    with loaded.open() as read:
        for target, module in matched.matched:
            path, site = places[target.component, target.key]
            delta = module.build(read).runtime(site.layer(), dtype=torch.float32)
            outputs[path] = run(site.module, [delta], m, tensors[f"x.{path}"])
    return outputs


def run_merged(loaded: network.Network, m: float) -> Iterator[tuple[str, Tensor]]:
    """The same by W + m ΔW in float64."""
    places = sites(trees(torch.float64))
    tensors, _ = host()
    with loaded.open() as read:
        for target, module in loaded.match(targets(places)).matched:
            path, site = places[target.component, target.key]
            merge(module.build(read), site.layer(), site.module, m)
            yield path, site.module(tensors[f"x.{path}"].double())


def merge(algorithm: object, layer: Layer, module: nn.Module, m: float) -> None:
    """W + m ΔW and b + m Δb, into the module."""
    bias = bias_change(algorithm, layer)
    module.weight.data += m * algorithm.delta(layer)
    if bias is not None:
        start = torch.zeros_like(bias) if module.bias is None else module.bias.data
        module.bias = nn.Parameter(start + m * bias, requires_grad=False)

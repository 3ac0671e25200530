"""What the trainers write, on the real architectures: every module at its place, no key left."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from host_trees import HOSTS, KEYLISTS, host, read
from live_lora.library.header import Header, TensorInfo
from live_lora.network.adapter_config import Configs
from live_lora.network.base_model import find_base
from live_lora.network.grouping import Grouped, group
from live_lora.network.lora_module import Module
from live_lora.network.network import Network
from live_lora.network.tensor_file import Safetensors

LISTS = sorted(path.name.removesuffix(".json.gz") for path in KEYLISTS.glob("*.json.gz"))
MODELS = {"sd15": "SD1", "sd21": "SD2", "sdxl": "SDXL", "te_tf4": "SDXL"}


def header(shapes: dict[str, list[int]]) -> Header:
    """As if a file with these keys had been read."""
    tensors = {
        key: TensorInfo("I64" if key.endswith("on_input") else "F16", tuple(shape), 0, 0)
        for key, shape in shapes.items()
    }
    return Header(tensors)


def network(shapes: dict[str, list[int]]) -> tuple[Network, Grouped]:
    made = header(shapes)
    grouped = group(made, Configs())
    return Network(Safetensors(Path("x"), made), grouped.modules, grouped.unused), grouped


def model_of(name: str) -> str:
    return next(model for model in MODELS if model in name)


def hosts_of(name: str) -> list[str]:
    model = model_of(name).replace("te_tf4", "sdxl")
    return [host for host in HOSTS if host.startswith(model)]


@pytest.mark.parametrize("name", LISTS)
def test_every_module_finds_its_layer_and_every_key_is_used(name: str) -> None:
    lora, grouped = network(read(name))
    assert not grouped.unused
    assert sum(len(module.slots) for module in grouped.modules) == len(read(name))
    for where in hosts_of(name):
        match = lora.match(host(where))
        assert not match.unmatched, where
        assert len(match.matched) == len(grouped.modules)
        truth = truth_of(where)
        for target, module in match.matched:
            assert truth[spelling(module)] == (target.component, target.path), where


def spelling(module: Module) -> tuple[str, str]:
    """The file's own name without its prefix, in underscores: found without Live LoRA's rules."""
    path = module.prefix.replace(".", "_").replace("_processor_", "_")
    for prefix in ("base_model_model_", "oft_unet_", "lora_unet_", "unet_"):
        path = path.removeprefix(prefix)
    if module.component == "unet":
        return "unet", re.sub(r"(attn[12]_to_out)$", r"\1_0", path)
    match = re.fullmatch(r"(?:lora_te1?|lora_te2|text_encoder|text_encoder_2|clip_[lg])_(.+)", path)
    assert match, path
    return module.component, match[1].removeprefix("2_").removeprefix("text_model_")


OPEN_CLIP = {"self_attn": "attn", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj"}


def truth_of(where: str) -> dict[tuple[str, str], tuple[str, str]]:
    """(component, spelling) -> (component, path in this host), from the maps of names."""
    truth = {}
    model = where.split()[0].replace("refiner", "sdxl_refiner")
    for path, facts in read(f"maps/{model}_unet_diffusers_to_host").items():
        here = path if "diffusers" in where else facts["host"]
        for spelt in (path, facts["host"].removeprefix("diffusion_model.")):
            truth["unet", spelt.replace(".", "_")] = ("unet", here)
    for component, key in host(where):
        if component != "unet":
            truth[component, key] = (component, text_path(where, component, key))
    return truth


def text_path(where: str, component: str, key: str) -> str:
    """The path of a text encoder's layer, by how its names are documented."""
    open_clip = where.startswith("sd21") or ("diff" not in where and component == "text_encoder_2")
    found = re.fullmatch(r"encoder_layers_(\d+)_(self_attn|mlp)_(.+)", key)
    if found is None:
        return f"{'model.' if open_clip else ''}{key}"
    number, part, leaf = found.groups()
    if open_clip:
        leaf = f"{part}.{leaf}"
        for theirs, ours in OPEN_CLIP.items():
            leaf = leaf.replace(theirs, ours)
        return f"model.transformer.resblocks.{number}.{leaf}"
    flat = where.endswith("5") and component == "text_encoder"
    root = ("" if "diffusers" in where else "transformer.") + ("" if flat else "text_model.")
    return f"{root}encoder.layers.{number}.{part}.{leaf}"


@pytest.mark.parametrize("name", LISTS)
def test_the_base_model_is_known_by_its_shapes(name: str) -> None:
    found = find_base(network(read(name))[1].modules, {})
    expected = MODELS[model_of(name)]
    assert expected in found.fits
    assert found.name == expected or len(found.fits) > 1


@pytest.mark.parametrize("name", ["kohya_sd15_lora_dim4", "lycoris_sd15_lokr_full_f8"])
def test_another_base_model_has_no_place_for_it(name: str) -> None:
    lora, grouped = network(read(name))
    assert not lora.match(host("refiner sgm")).matched
    sdxl = lora.match(host("sdxl sgm"))
    assert {module.component for _, module in sdxl.matched} <= {"text_encoder", "unet"}
    assert len(sdxl.unmatched) > len(grouped.modules) // 2


def everything(model: str, prefix: str, ldm: bool) -> dict[str, list[int]]:
    """A full fine-tune: `diff` of every layer with a matrix or kernel, `w_norm` of every norm."""
    shapes = {}
    for path, facts in read(f"maps/{model}_unet_diffusers_to_host").items():
        named = facts["host"].removeprefix("diffusion_model.") if ldm else path
        module, weight = prefix + named.replace(".", "_"), facts["weight"]
        shapes[f"{module}.{'w_norm' if len(weight) == 1 else 'diff'}"] = weight
    return shapes


FULL = {
    "sd15 diffusers": ("sd15", "lycoris_", False),
    "sd15 inpainting ldm": ("sd15", "lora_unet_", False),
    "sd21 ldm": ("sd21", "lora_unet_", False),
    "sdxl sgm": ("sdxl", "lora_unet_", True),
    "sdxl diffusers": ("sdxl", "lora_unet_", True),
    "refiner sgm": ("sdxl_refiner", "lora_unet_", True),
    "refiner diffusers": ("sdxl_refiner", "lycoris_", False),
}


@pytest.mark.parametrize("where", FULL)
def test_every_layer_of_the_unet_can_be_changed(where: str) -> None:
    lora, grouped = network(everything(*FULL[where]))
    match = lora.match(host(where))
    assert not grouped.unused
    assert not match.unmatched
    changed = {(target.component, target.key) for target, _ in match.matched}
    assert changed == {place for place in host(where) if place[0] == "unet"}


@pytest.mark.parametrize(
    "prefix", ["base_model.model.", "", "lora_te_", "text_encoder.", "lycoris_"]
)
def test_the_large_text_encoder_is_known_by_its_width(prefix: str) -> None:
    shapes = {}
    for number in range(32):
        path = f"text_model.encoder.layers.{number}.self_attn.q_proj"
        module = prefix + (path.replace(".", "_") if prefix.endswith("_") else path)
        shapes[f"{module}.lora_A.weight"] = [4, 1280]
        shapes[f"{module}.lora_B.weight"] = [1280, 4]
    lora, _ = network(shapes)
    for where in ("sdxl diffusers", "sdxl sgm", "refiner sgm"):
        match = lora.match(host(where))
        assert {target.component for target, _ in match.matched} == {"text_encoder_2"}
        assert not match.unmatched

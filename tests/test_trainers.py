"""Files as trainers write them, in every format they have, give W' of the trainers' formulas."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from live_lora import network
from live_lora.algorithms.peft_oft import EXACT, SERIES
from oracle_host import FOLDER, host, run_hooked, trees
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from trainer_formulas import KERNELS, KOHYA, ONETRAINER, SCALE, Draw, Make

LAYERS = [
    "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q",
    "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k",
    "unet.down_blocks.0.attentions.0.transformer_blocks.0.ff.net.2",
    "unet.down_blocks.0.attentions.0.proj_in",
    "unet.down_blocks.1.resnets.0.conv1",
    "unet.down_blocks.0.downsamplers.0.conv",
]
TEXT = [
    "text_encoder.text_model.encoder.layers.0.self_attn.q_proj",
    "text_encoder.text_model.encoder.layers.0.mlp.fc1",
]
AB = {"lora_down.weight": "lora_A.weight", "lora_up.weight": "lora_B.weight"}
Tensors = dict[str, Tensor]


def original(path: str) -> str:
    """A UNet layer's path in LDM's layout."""
    with safe_open(FOLDER / "host.safetensors", "pt") as file:
        facts = json.loads(file.metadata()["modules"])
    return str(facts[path]["a1111"]).removeprefix("diffusion_model.")


def kohya(path: str, made: Tensors) -> Tensors:
    component, _, inner = path.partition(".")
    prefix = "lora_unet" if component == "unet" else "lora_te"
    return {f"{prefix}_{inner.replace('.', '_')}.{name}": t for name, t in made.items()}


def comfy(path: str, made: Tensors) -> Tensors:
    component, _, inner = path.partition(".")
    clip = f"text_encoders.clip_l.transformer.{inner}"
    prefix = f"diffusion_model.{original(path)}" if component == "unet" else clip
    return {f"{prefix}.{AB.get(name, name)}": tensor for name, tensor in made.items()}


def bare(path: str, made: Tensors) -> Tensors:
    """ORIGINAL_LORA: no prefix at all, and the UNet alone."""
    return {f"{original(path)}.{AB.get(name, name)}": tensor for name, tensor in made.items()}


def diffusers(path: str, made: Tensors) -> Tensors:
    """α is in lora_B; lengths of rows are PEFT's vector."""
    made = dict(made)
    if "lora_up.weight" in made:
        made["lora_up.weight"] = made["lora_up.weight"] * SCALE
        del made["alpha"]
    if "dora_scale" in made and made["dora_scale"].shape[0] > 1:
        lengths = made.pop("dora_scale")
        vector = lengths.flatten() if lengths.dim() == 2 else lengths.transpose(0, 1)
        made["lora_magnitude_vector.weight"] = vector
    return {f"{path}.{AB.get(name, name)}": tensor for name, tensor in made.items()}


def internal(path: str, made: Tensors) -> Tensors:
    return {f"{path}.{name}": tensor for name, tensor in made.items()}


def wide(tensor: Tensor) -> bool:
    return tensor.dtype == torch.float64


Format = Callable[[str, Tensors], Tensors]
FORMATS: dict[str, Format] = {
    format.__name__: format for format in (kohya, comfy, bare, diffusers, internal)
}
SAID = {"ot_branch": "master", "ot_revision": "23df3832"}


def write(
    file: Path,
    format: Format,
    make: Make,
    layers: list[str],
    metadata: dict[str, str] | None = None,
) -> dict[str, Tensor]:
    """The file, and W' of each layer."""
    tensors, _ = host()
    state, changed = {}, {}
    for number, path in enumerate(layers):
        made, changed[path] = make(Draw(number), tensors[f"W.{path}"].double())
        state |= format(path, made)
    state = {key: tensor.float() if wide(tensor) else tensor for key, tensor in state.items()}
    save_file({key: tensor.contiguous() for key, tensor in state.items()}, file, metadata)
    return changed


def compare(file: Path, changed: dict[str, Tensor], said: tuple[str, ...] = ()) -> None:
    """Every layer's change of its output, within 1e-5 of the formula's."""
    loaded = network.load(file)
    assert not loaded.unused
    assert loaded.problems == said
    got = run_hooked(loaded, trees(), 1.0)
    tensors, _ = host()
    assert got.keys() == changed.keys()
    for path, weight in changed.items():
        x = tensors[f"x.{path}"].double()
        component, _, inner = path.partition(".")
        layer = trees(torch.float64)[component].get_submodule(inner)
        before = layer(x)
        layer.weight.data = weight
        effect = layer(x) - before
        assert effect.norm() > 1e-2 * before.norm(), path
        off = got[path].double() - before - effect
        assert off.norm() <= 1e-5 * (effect.norm() + before.norm()), path


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", ONETRAINER)
def test_onetrainer(name: str, format: str, tmp_path: Path) -> None:
    file = tmp_path / "x.safetensors"
    layers = LAYERS if format == "bare" else LAYERS + TEXT
    compare(file, write(file, FORMATS[format], ONETRAINER[name], layers, SAID))


@pytest.mark.parametrize(("format", "said"), [(diffusers, EXACT), (bare, SERIES)])
def test_oft_of_a_writer_unknown_says_which_rotation_was_taken(
    format: Format, said: str, tmp_path: Path
) -> None:
    """PEFT's exact rotation turns the other way; an oracle has it in diffusers' dialect."""
    file = tmp_path / "x.safetensors"
    changed = write(file, format, ONETRAINER["oft"], LAYERS[:3])
    assert network.load(file).problems == (said,)
    if said is SERIES:
        compare(file, changed, (said,))
    write(file, format, ONETRAINER["scaled oft"], LAYERS[:3])
    assert not network.load(file).problems


@pytest.mark.parametrize("name", [*KOHYA, *KERNELS])
def test_sd_scripts_and_ai_toolkit(name: str, tmp_path: Path) -> None:
    file = tmp_path / "x.safetensors"
    make = KOHYA.get(name) or KERNELS[name]
    layers = LAYERS + TEXT if name in KOHYA else LAYERS[-2:]
    compare(file, write(file, kohya, make, layers))

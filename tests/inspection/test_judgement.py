"""What `inspect` says of a module's values is what a run says of them."""

from __future__ import annotations

import math
from pathlib import Path

import live_lora
import pytest
import torch
from algorithms.sample_tensors import SAMPLES, Draw
from live_lora import network
from live_lora.algorithms.suffixes import SUFFIXES
from live_lora.deltas import Layer
from live_lora.errors import ModuleError
from live_lora.inspection import describe
from safetensors.torch import save_file
from torch import Tensor

MODULE, SHAPE = "lora_unet_conv_in", (320, 4, 3, 3)
ENDLESS = torch.tensor(9999999999.0).half()
ELSEWHERE = ("norm", "boft by PEFT", "tlora", "tlora with a residual")  # not for such a layer
BOTH = [name for name in SAMPLES if name not in ELSEWHERE]


def made(sample: str, **changed: Tensor) -> dict[str, Tensor]:
    """A sample's tensors by slot, some of them others."""
    return SAMPLES[sample][1](Draw(SHAPE, 2, torch.Generator().manual_seed(0))) | changed


def spoilt(sample: str, slot: str, value: float) -> dict[str, Tensor]:
    """A sample with one value that no training gives."""
    tensors = made(sample)
    tensors[slot].view(-1)[0] = value
    return tensors


CASES: dict[str, tuple[dict[str, Tensor], str | None]] = {
    **{name: (made(name), None) for name in BOTH},
    "ai-toolkit's lokr": (made("lokr of whole halves", alpha=ENDLESS), None),
    "dora on it": (
        made("lokr of whole halves", alpha=ENDLESS, dora_scale=torch.ones(320, 1, 1, 1)),
        None,
    ),
    "lokr of factors with such an alpha": (made("lokr", alpha=ENDLESS), "alpha"),
    "lora with such an alpha": (made("lora", alpha=ENDLESS), "alpha"),
    "an alpha of 1e38": (made("lora", alpha=torch.tensor(1e38)), "too-large"),
    "an alpha of 0": (made("lora", alpha=torch.tensor(0.0)), "alpha"),
    "a rotation's alpha below 0": (made("oft", alpha=torch.tensor(-1.0)), "alpha"),
    "a rotation's alpha of NaN": (made("oft", alpha=torch.tensor(math.nan)), "alpha"),
    "NaN": (spoilt("lora", "down", math.nan), "nonfinite"),
    "infinite": (spoilt("loha", "hada_w2_a", math.inf), "nonfinite"),
    "a flipped bit": (spoilt("lora", "up", 1e37), "too-large"),
    "NaN in lengths": (spoilt("dora by rows", "dora_scale", math.nan), "nonfinite"),
    "NaN under lengths": (spoilt("doha by rows", "hada_w1_a", math.nan), "nonfinite"),
    "NaN in a rotation": (spoilt("oft", "oft_blocks", math.nan), "nonfinite"),
    "NaN through the weights": (spoilt("glora", "a1", math.nan), "nonfinite"),
    "NaN in a whole change": (spoilt("full", "diff", math.nan), "nonfinite"),
}


def write(folder: Path, tensors: dict[str, Tensor]) -> Path:
    """The tensors of one layer under the first name of each slot."""
    names = {slot: str(suffix) for suffix, slot in reversed(SUFFIXES.owners.items())}
    state = {f"{MODULE}.{names[slot]}": tensor.contiguous() for slot, tensor in tensors.items()}
    save_file(state, folder / "x.safetensors")
    return folder / "x.safetensors"


def code_of_run(file: Path) -> str | None:
    """The reason's kind why a run leaves the module out; None if it uses it."""
    found = network.load(file)
    assert not found.unused
    weight = torch.randn(SHAPE, generator=torch.Generator().manual_seed(1)) / 8
    layer = Layer.of("conv", weight, None, torch.nn.Identity(), padding=(1, 1))
    (module,) = found.modules
    with found.open() as read:
        try:
            module.build(read).runtime(layer, dtype=torch.float32)
        except ModuleError as error:
            return error.code
    return None


@pytest.mark.parametrize("name", CASES)
def test_inspect_and_a_run_say_the_same(name: str, tmp_path: Path) -> None:
    tensors, code = CASES[name]
    file = write(tmp_path, tensors)
    assert code_of_run(file) == code
    for base in ("sd15", None):
        facts = live_lora.inspect(file, base)
        assert [item["code"] for item in facts["unmatched"]] == ([code] if code else []), base
        assert facts["counts"]["nonfinite"] == (code == "nonfinite")


def test_a_file_that_fits_no_base_model_is_not_called_usable(tmp_path: Path) -> None:
    """Kolors has SDXL's UNet and reads other texts."""
    key = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k"
    tensors = {f"{key}.lora_down.weight": torch.ones(2, 4096) / 64}
    tensors[f"{key}.lora_up.weight"] = torch.ones(1280, 2) / 64
    save_file(tensors, tmp_path / "x.safetensors")
    facts = live_lora.inspect(tmp_path / "x.safetensors")
    assert (facts["usable"], facts["base"]) == ("unknown", "Kolors")
    assert "fits no base model known here" in describe(facts)[0]
    assert live_lora.inspect(tmp_path / "x.safetensors", "sdxl")["usable"] == "no"

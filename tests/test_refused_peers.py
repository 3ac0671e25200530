"""Files made here and now by peft that are not read: each is refused for what it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from live_lora import network
from live_lora.errors import NotALora
from oracle_host import trees
from test_peers import LINEAR, NORMS, run


@pytest.mark.parametrize("start", ["pissa", "olora"])
def test_peft_on_a_base_model_that_it_changed(start: str, tmp_path: Path) -> None:
    """Untrained, such an adapter changes nothing; added to the model as it was, a lot: refused."""
    config = peft.LoraConfig(r=4, init_lora_weights=start, target_modules=set(LINEAR))
    model = peft.get_peft_model(trees()["unet"], config)
    before = run(trees()["unet"], LINEAR)
    after = run(model.base_model.model.eval(), LINEAR)
    assert all(torch.allclose(before[p], after[p], atol=1e-4) for p in LINEAR)
    model.save_pretrained(tmp_path)
    found = network.load(tmp_path / "adapter_model.safetensors")
    assert not found.modules
    assert {item.code for item in found.unused} == {"changed-base"}


def others() -> dict[str, Callable[[], Any]]:
    """Tuners of PEFT that are not read here."""
    return {
        "VeRA": lambda: peft.VeraConfig(r=4, projection_prng_key=0),
        "HRA": lambda: peft.HRAConfig(r=4),
        "RandLoRA": lambda: peft.RandLoraConfig(r=4),
        "DeLoRA": lambda: peft.DeloraConfig(r=4),
        "MiSS": lambda: peft.MissConfig(r=4),
        "SHiRA": lambda: peft.ShiraConfig(r=4),
        "FourierFT": lambda: peft.FourierFTConfig(n_frequency=8),
        "WaveFT": lambda: peft.WaveFTConfig(n_frequency=8),
        "C3A": lambda: peft.C3AConfig(block_size=8),
        "GraLoRA": lambda: peft.GraloraConfig(r=4, gralora_k=2),
        "VB-LoRA": lambda: peft.VBLoRAConfig(r=4, vector_length=8, num_vectors=8, topk=2),
        "PSOFT": lambda: peft.PsoftConfig(r=4),
        "Lily": lambda: peft.LilyConfig(r=4, stride_A=1, num_B=2),
        "HiRA": lambda: peft.HiraConfig(r=4),
        "PEFT's GLoRA": lambda: peft.GloraConfig(r=4),
        "TinyLoRA": lambda: peft.TinyLoraConfig(r=2),
        "LN-tuning": lambda: peft.LNTuningConfig(),
    }


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("configured", [True, False])
@pytest.mark.parametrize("name", others())
def test_pefts_other_tuners_are_refused_by_name(
    name: str, configured: bool, tmp_path: Path
) -> None:
    config = others()[name]()
    config.target_modules = set(NORMS[1:] if name == "LN-tuning" else LINEAR[:2])
    peft.get_peft_model(trees()["unet"], config).save_pretrained(tmp_path)
    if not configured:
        (tmp_path / "adapter_config.json").unlink()
    with pytest.raises(NotALora) as caught:
        network.load(tmp_path / "adapter_model.safetensors")
    assert caught.value.what.startswith(f"an adapter for Stable Diffusion by {name} (")


def test_pefts_trained_biases_refuse_their_layers(tmp_path: Path) -> None:
    """`bias="lora_only"` writes whole biases, not changes of them."""
    config = peft.LoraConfig(r=4, bias="lora_only", target_modules=set(LINEAR))
    peft.get_peft_model(trees()["unet"], config).save_pretrained(tmp_path)
    found = network.load(tmp_path / "adapter_model.safetensors")
    assert {module.key for module in found.modules} == {
        path.replace(".", "_") for path in LINEAR if "attn" in path
    }
    assert all("a bias of the layer itself" in item.reason for item in found.unused)
    assert len(found.unused) == 3

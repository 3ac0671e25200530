"""Rank and alpha that PEFT and diffusers write beside the tensors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from live_lora import network
from live_lora.deltas import Layer
from safetensors.torch import save_file
from torch import nn

PROJ = "down_blocks.0.attentions.0.proj_in"
TO_Q = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q"


def write(path: Path, prefix: str = "unet.", metadata: dict[str, str] | None = None) -> Path:
    tensors = {}
    for layer in (PROJ, TO_Q):
        tensors[f"{prefix}{layer}.lora_A.weight"] = torch.ones(4, 8)
        tensors[f"{prefix}{layer}.lora_B.weight"] = torch.ones(8, 4)
    save_file(tensors, path, metadata)
    return path


def scales(path: Path) -> dict[str, float]:
    found = network.load(path)
    with found.open() as read:
        return {m.prefix.partition(".")[2]: m.build(read).scale for m in found.modules}


def diffusers(**config: Any) -> dict[str, str]:
    flat = {f"unet.{name}": value for name, value in config.items()}
    return {"lora_adapter_metadata": json.dumps(flat)}


CONFIGS: list[tuple[dict[str, Any], float, float]] = [  # config, scale of PROJ, of TO_Q
    ({"r": 4, "lora_alpha": 4}, 1, 1),
    ({"r": 4, "lora_alpha": 8}, 2, 2),
    ({"r": 4, "lora_alpha": 8, "use_rslora": True}, 4, 4),
    ({"r": 4, "lora_alpha": 8, "alpha_pattern": {PROJ: 2}}, 0.5, 2),
    ({"r": 4, "lora_alpha": 8, "alpha_pattern": {"to_q": 2}}, 2, 0.5),
    ({"r": 4, "lora_alpha": 8, "alpha_pattern": {"attn1.to_q": 2, "to_q": 1}}, 2, 0.5),
    ({"r": 4, "lora_alpha": 8, "alpha_pattern": {r"mid_block\..*\.to_q": 2}}, 2, 0.5),
    ({"r": 4, "lora_alpha": 8, "alpha_pattern": {f"^{PROJ}$": 2}}, 0.5, 2),
    ({"r": 4, "lora_alpha": 8, "alpha_pattern": {"o_q": 2, "(a+)+$": 2, "[": 1}}, 2, 2),
    ({"r": 4, "lora_alpha": 8, "alpha_pattern": None}, 2, 2),
    ({"r": 4}, 1, 1),
    ({"r": 4, "lora_alpha": "8"}, 1, 1),
    ({"r": 4, "lora_alpha": True}, 1, 1),
]


@pytest.mark.parametrize(("config", "first", "second"), CONFIGS)
def test_alpha_from_the_metadata(
    tmp_path: Path, config: dict[str, Any], first: float, second: float
) -> None:
    path = write(tmp_path / "x.safetensors", metadata=diffusers(**config))
    assert scales(path) == {PROJ: first, TO_Q: second}


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "[" * 100_000, '{"unet.r": '])
def test_metadata_that_are_no_json_are_told(tmp_path: Path, text: str) -> None:
    path = write(tmp_path / "x.safetensors", metadata={"lora_adapter_metadata": text})
    assert set(scales(path).values()) == {1.0}
    (problem,) = network.load(path).problems
    assert "lora_adapter_metadata" in problem


def test_alpha_from_peft_s_own_file(tmp_path: Path) -> None:
    path = write(tmp_path / "adapter_model.safetensors", "base_model.model.")
    (tmp_path / "adapter_config.json").write_text(json.dumps({"r": 4, "lora_alpha": 8}))
    assert set(scales(path).values()) == {2.0}


def test_that_file_is_for_a_renamed_adapter_alone_in_its_folder_and_for_no_other(
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "fox.safetensors")
    (tmp_path / "adapter_config.json").write_text(json.dumps({"r": 4, "lora_alpha": 8}))
    assert set(scales(path).values()) == {2.0}
    write(tmp_path / "wolf.safetensors")
    assert set(scales(path).values()) == {1.0}


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[1]"])
def test_a_broken_config_is_told(tmp_path: Path, content: bytes) -> None:
    path = write(tmp_path / "adapter_model.safetensors", "base_model.model.")
    (tmp_path / "adapter_config.json").write_bytes(content)
    assert set(scales(path).values()) == {1.0}
    broken, taken = network.load(path).problems
    assert "beside it" in broken
    assert "alpha = rank is taken" in taken


def test_the_tensor_counts_more_than_the_config(tmp_path: Path) -> None:
    tensors = {
        f"unet.{PROJ}.lora_A.weight": torch.ones(4, 8),
        f"unet.{PROJ}.lora_B.weight": torch.ones(8, 4),
        f"unet.{PROJ}.alpha": torch.tensor(1.0),
    }
    path = tmp_path / "x.safetensors"
    save_file(tensors, path, diffusers(r=4, lora_alpha=8, use_rslora=True))
    assert scales(path) == {PROJ: 0.25}


STARTS = {  # init_lora_weights: the name of a training that changes the base model
    "pissa": "PiSSA",
    "pissa_niter_16": "PiSSA",
    "olora": "OLoRA",
    "corda": "CorDA",
    "loftq": "LoftQ",
    "lora_ga": "LoRA-GA",
    **dict.fromkeys((True, False, "gaussian", "eva", "orthogonal", "mica")),
}


@pytest.mark.parametrize("start", STARTS)
def test_what_is_for_a_changed_base_model_is_refused(tmp_path: Path, start: str | bool) -> None:
    config = {"r": 4, "lora_alpha": 8, "init_lora_weights": start}
    found = network.load(write(tmp_path / "x.safetensors", metadata=diffusers(**config)))
    name = STARTS[start]
    assert bool(found.modules) == (name is None)
    assert {item.code for item in found.unused} == ({"changed-base"} if name else set())
    assert all(str(name) in item.reason for item in found.unused)


@pytest.mark.parametrize("setting", ["kasa_config", "use_qalora"])
def test_kinds_of_lora_that_only_the_configuration_tells(tmp_path: Path, setting: str) -> None:
    found = network.load(write(tmp_path / "x.safetensors", metadata=diffusers(r=4, **{setting: 1})))
    assert not found.modules
    assert {item.code for item in found.unused} == {"other-algorithm"}


def test_a_configuration_in_the_metadata_is_pefts(tmp_path: Path) -> None:
    found = network.load(write(tmp_path / "x.safetensors", metadata=diffusers(r=4)))
    assert {module.settings.writer for module in found.modules} == {"PEFT"}


def test_what_onetrainer_wrote_is_not_pefts(tmp_path: Path) -> None:
    path = write(tmp_path / "fox.safetensors", metadata={"ot_branch": "master"})
    (tmp_path / "adapter_config.json").write_text(json.dumps({"r": 4, "lora_alpha": 8}))
    assert set(scales(path).values()) == {1.0}
    assert {module.settings.writer for module in network.load(path).modules} == {"OneTrainer"}


def test_pefts_oft_before_it_had_the_series_is_exact(tmp_path: Path) -> None:
    """A configuration without the option, and the two that name it."""
    path = tmp_path / "adapter_model.safetensors"
    save_file({f"base_model.model.{TO_Q}.oft_R.weight": torch.full((2, 6), 0.2)}, path)
    layer = Layer.of("linear", torch.eye(8), None, nn.Identity())
    changes = []
    for option in ({}, {"use_cayley_neumann": False}, {"use_cayley_neumann": True}):
        config = {"peft_type": "OFT", **option}
        (tmp_path / "adapter_config.json").write_text(json.dumps(config))
        found = network.load(path)
        assert not found.problems
        with found.open() as read:
            changes.append(found.modules[0].build(read).delta(layer))
    assert torch.equal(changes[0], changes[1])
    assert (changes[0] - changes[2]).norm() > changes[0].norm()

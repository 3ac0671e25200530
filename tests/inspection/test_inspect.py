"""`inspect`: the facts about a file, their words and the exit status."""

from __future__ import annotations

import json
import math
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any

import live_lora
import pytest
import torch
from host_trees import read
from live_lora.inspection import describe, exit_status
from safetensors.torch import save_file
from torch import Tensor

KEYS = {
    "schema",
    "file",
    "path",
    "size",
    "usable",
    "error",
    "code",
    "problems",
    "kind",
    "base",
    "base_how",
    "against",
    "formats",
    "algorithms",
    "parts",
    "precision",
    "counts",
    "matched",
    "unmatched",
    "nonfinite",
    "embeddings",
    "hashes",
    "claims",
    "metadata",
}


def inspect(path: Path, base: str | None = None) -> dict[str, Any]:
    """The facts, with what is true of all of them."""
    facts = live_lora.inspect(path, base)
    assert set(facts) == KEYS
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    assert exit_status(facts) == {"yes": 0, "partly": 1, "unknown": 1, "no": 2}[facts["usable"]]
    lines = describe(facts)
    assert lines[0].startswith(path.name)
    assert all("\n" not in line for line in lines)
    return facts


def write(path: Path, name: str, metadata: dict[str, str] | None = None, **more: Tensor) -> Path:
    """A file of zeros with a list's keys and shapes."""
    tensors = {
        key: torch.ones(()) if not shape else torch.zeros(shape, dtype=torch.float16)
        for key, shape in read(name).items()
    }
    save_file(tensors | more, path, metadata)
    return path


@pytest.fixture(scope="module")
def sd15(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("loras")
    return write(folder / "fox.safetensors", "kohya_sd15_lora_dim4", {"ss_output_name": "fox"})


@pytest.mark.parametrize("base", [None, "sd15", "sd15-inpaint", "SD1.5"])
def test_a_good_file(sd15: Path, base: str | None) -> None:
    facts = inspect(sd15, base)
    assert facts["usable"] == "yes"
    assert facts["against"] == {"sd15-inpaint": base}.get(str(base), "sd15")
    assert (facts["base"], facts["formats"], facts["algorithms"]) == ("SD1", ["kohya"], ["lora"])
    assert facts["counts"] == {
        "keys": 792,
        "modules": 264,
        "matched": 264,
        "unmatched": 0,
        "nonfinite": 0,
        "embeddings": 0,
    }
    assert facts["precision"] == {"F16": 528, "F32": 264}
    assert facts["metadata"] == {"ss_output_name": "fox"}
    parts = {part["component"]: part for part in facts["parts"]}
    assert parts["text_encoder"]["modules"] == 72
    assert parts["unet"] == {
        "component": "unet",
        "format": "kohya",
        "algorithm": "lora",
        "modules": 192,
        "ranks": {"4": 192},
        "alphas": {"1": 192},
    }


def test_matched_modules_have_key_target_algorithm_and_rank(sd15: Path) -> None:
    matched = {item["key"]: item for item in inspect(sd15)["matched"]}
    key = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
    assert matched[key] == {
        "key": key,
        "target": "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k",
        "component": "unet",
        "algorithm": "lora",
        "rank": 4,
        "alpha": 1.0,
    }
    key = "lora_te_text_model_encoder_layers_0_mlp_fc1"
    assert matched[key]["target"] == "text_encoder.text_model.encoder.layers.0.mlp.fc1"
    assert len({item["target"] for item in matched.values()}) == 264


@pytest.mark.parametrize(
    ("base", "model"),
    [("sdxl", "SDXL"), ("sdxl-refiner", "SDXL refiner"), ("sd21-inpaint", "SD2")],
)
def test_a_file_for_another_base_model(sd15: Path, base: str, model: str) -> None:
    facts = inspect(sd15, base)
    assert facts["usable"] == "no"
    assert facts["error"].startswith(f"made for SD1, this is {model}: ")
    assert facts["error"].endswith(" of 264 modules have no place in this model")
    assert facts["unmatched"]
    assert all(item["key"] and item["reason"] for item in facts["unmatched"])
    assert facts["code"] == "other-base"
    assert {item["code"] for item in facts["unmatched"]} <= {"no-layer", "shape"}


def test_a_base_model_that_is_not_known(sd15: Path) -> None:
    with pytest.raises(ValueError, match="sd15"):
        live_lora.inspect(sd15, "flux")


def test_hashes_are_computed_and_the_file_s_own_are_claims(tmp_path: Path) -> None:
    metadata = {"sshs_model_hash": "ab" * 32, "sshs_legacy_hash": "0x" + "ab" * 32}
    path = write(tmp_path / "x.safetensors", "kohya_sd15_oft_dim4", metadata)
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    facts = inspect(path)
    assert facts["hashes"]["tensors"] == sha256(content[start:]).hexdigest()
    assert facts["hashes"]["file"] == sha256(content).hexdigest()
    assert facts["hashes"]["autov3"] == sha256(content[start:]).hexdigest()[:12]
    assert facts["claims"] == [
        {"name": "sshs_model_hash", "value": metadata["sshs_model_hash"], "true": False}
    ]
    assert any("sshs_model_hash" in line and "neither" in line for line in describe(facts))
    assert not any("0x" in line for line in describe(facts)), "LyCORIS' own, which claims nothing"


def test_what_is_partly_usable_says_why(tmp_path: Path) -> None:
    bad = "lora_unet_down_blocks_0_attentions_0_proj_in"
    path = write(
        tmp_path / "x.safetensors",
        "kohya_sd15_lora_dim4",
        **{
            f"{bad}.lora_up.weight": torch.full((320, 4, 1, 1), math.nan),
            "lora_unet_conv_out.lora_down.weight": torch.ones(2, 320, 3, 3),
            "notes": torch.ones(3),
        },
    )
    facts = inspect(path)
    assert facts["usable"] == "partly"
    assert facts["counts"]["matched"] == 263
    assert facts["nonfinite"] == [{"key": f"{bad}.lora_up.weight", "values": 1280}]
    reasons = {item["key"]: item["reason"] for item in facts["unmatched"]}
    codes = {item["key"]: item["code"] for item in facts["unmatched"]}
    assert codes == {
        bad: "nonfinite",
        "lora_unet_conv_out.lora_down.weight": "incomplete",
        "notes": "unknown-key",
    }
    assert facts["code"] is None
    assert "NaN" in reasons[bad]
    assert "up" in reasons["lora_unet_conv_out.lora_down.weight"]
    text = "\n".join(describe(facts))
    assert "partly usable" in text
    assert all(key in text for key in reasons)


def test_where_nothing_can_be_used_the_most_frequent_reason_counts(tmp_path: Path) -> None:
    halves = [f"lora_unet_down_blocks_{n}_attentions_0_proj_in.lora_down.weight" for n in "012"]
    tensors = {"notes": torch.ones(3), **{key: torch.ones(4, 8) for key in halves}}
    save_file(tensors, tmp_path / "x.safetensors")
    facts = inspect(tmp_path / "x.safetensors")
    assert (facts["usable"], facts["error"]) == ("no", "nothing in it can be used")
    assert facts["code"] == "incomplete"


def test_a_mixed_file_is_told_by_its_parts(tmp_path: Path) -> None:
    path = write(tmp_path / "x.safetensors", "diffusers_te_tf4")
    facts = inspect(path)
    assert Counter({part["component"]: part["modules"] for part in facts["parts"]}) == {
        "text_encoder": 72,
        "text_encoder_2": 192,
    }
    assert facts["against"] == "sdxl"


@pytest.mark.parametrize(
    ("name", "content", "words", "code"),
    [
        ("page.safetensors", b"<!DOCTYPE html><html></html>", "web page", "other-file"),
        ("cut.safetensors", b"\xff\0\0\0\0\0\0\0{", "cut short", "damaged"),
        ("empty.safetensors", b"", "did not finish", "damaged"),
        ("x.pt", b"whatever", "pickle", "pickle"),
        ("x.safetensors", None, "gone", "gone"),
    ],
)
def test_what_cannot_be_read(
    tmp_path: Path, name: str, content: bytes | None, words: str, code: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    facts = inspect(path, "sd15")
    assert facts["usable"] == "no"
    assert words in facts["error"]
    assert facts["code"] == code
    assert facts["against"] == "sd15"


def test_what_is_no_lora(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_file({"emb_params": torch.ones(2, 768)}, path)
    facts = inspect(path)
    assert facts["kind"] == "a textual inversion"
    assert facts["usable"] == "no"
    assert facts["size"] == path.stat().st_size
    assert facts["hashes"]


def test_a_lora_for_another_model_is_told_by_name(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_file({"lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight": torch.ones(2, 8)}, path)
    facts = inspect(path, "sdxl")
    assert (facts["base"], facts["usable"]) == ("Flux", "no")
    assert "Flux" in facts["error"]


def test_an_embedding_in_a_lora(tmp_path: Path) -> None:
    more = {"bundle_emb.fox.emb_params": torch.ones(2, 768)}
    facts = inspect(write(tmp_path / "x.safetensors", "kohya_sd15_oft_dim4", **more))
    assert facts["embeddings"] == [{"name": "fox", "parts": {"emb_params": [2, 768]}}]
    assert any("'fox'" in line for line in describe(facts))


def test_a_model_of_unknown_size_matches_by_name_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    name = "lora_unet_mid_block_attentions_0_proj_in"
    save_file(
        {f"{name}.lora_up.weight": torch.ones(8, 2), f"{name}.lora_down.weight": torch.ones(2, 8)},
        path,
    )
    facts = inspect(path)
    assert (facts["base"], facts["against"], facts["usable"]) == (
        "Unknown",
        None,
        "unknown",
    )
    assert "fits no base model known here" in describe(facts)[0]
    assert facts["matched"][0]["target"] == "unet.mid_block_attentions_0_proj_in"
    assert inspect(path, "sd15")["usable"] == "no"


def test_the_name_stays_a_function() -> None:
    first, second = live_lora.inspect, live_lora.inspect
    assert first is second
    assert callable(second)

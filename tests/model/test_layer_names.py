"""Every layer of every Stable Diffusion model has one name, however its host spells it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from live_lora.model.layer_names import text_key, unet_key

KEYLISTS = Path(__file__).parents[1] / "data" / "keylists"


def read(name: str) -> dict[str, Any]:
    return json.loads(gzip.decompress((KEYLISTS / f"{name}.json.gz").read_bytes()))


@pytest.mark.parametrize("model", ["sd15", "sd21", "sdxl", "sdxl_refiner"])
def test_every_layer_of_a_unet_in_every_spelling(model: str) -> None:
    truth = read(f"maps/{model}_unet_diffusers_to_host")
    for dotted, host in truth.items():
        key = dotted.replace(".", "_")
        ldm = host["host"]
        spellings = (dotted, key, ldm, f"model.{ldm}", ldm.removeprefix("diffusion_model."))
        assert {unet_key(s) for s in (*spellings, *(s.replace(".", "_") for s in spellings))} == {
            key
        }


@pytest.mark.parametrize("version", ["tf4", "tf5"])
def test_every_layer_of_a_text_encoder(version: str) -> None:
    other = [text_key(path[4:]) for path in read("host/clip_te_transformers_tf4")]
    keys = [text_key(path[4:]) for path in read(f"host/clip_te_transformers_{version}")]
    assert None not in keys
    assert keys == other


TEXT = {
    "encoder_layers_3_self_attn_q_proj": [
        "text_model.encoder.layers.3.self_attn.q_proj",
        "encoder.layers.3.self_attn.q_proj",
        "text_model_encoder_layers_3_self_attn_q_proj",
        "transformer.text_model.encoder.layers.3.self_attn.q_proj",
        "cond_stage_model.transformer.text_model.encoder.layers.3.self_attn.q_proj",
        "transformer.resblocks.3.attn.q_proj",
        "conditioner.embedders.1.model.transformer.resblocks.3.attn.q_proj",
    ],
    "encoder_layers_22_self_attn_out_proj": ["model.transformer.resblocks.22.attn.out_proj"],
    "encoder_layers_0_mlp_fc1": ["transformer.resblocks.0.mlp.c_fc", "encoder_layers_0_mlp_fc1"],
    "encoder_layers_0_mlp_fc2": ["transformer.resblocks.0.mlp.c_proj"],
    "encoder_layers_11_layer_norm1": ["transformer.resblocks.11.ln_1"],
    "encoder_layers_11_layer_norm2": ["transformer.resblocks.11.ln_2"],
    "final_layer_norm": ["ln_final", "text_model.final_layer_norm", "model.ln_final"],
    "text_projection": ["text_projection", "model.text_projection"],
    "embeddings_token_embedding": ["token_embedding", "text_model.embeddings.token_embedding"],
}


@pytest.mark.parametrize("key", TEXT)
def test_text_encoder_spellings(key: str) -> None:
    assert {text_key(path) for path in TEXT[key]} == {key}


@pytest.mark.parametrize(
    "path",
    [
        "",
        ".",
        "double_blocks.0.img_attn.qkv",
        "transformer_blocks.0.attn.to_q",
        "down_blocks.0.motion_modules.0.temporal_transformer.proj_in",
        "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.base_layer",
        "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_out.1",
        "input_blocks.3.1.proj_in",
        "input_blocks.0.1.proj_in",
        "input_blocks.1.2.conv",
        "output_blocks.1.1.conv",
        "middle_block.3.proj_in",
        "down_blocks.٣.resnets.0.conv1",
        "down_blocks.0.resnets." + "9" * 5000 + ".conv1",
    ],
)
def test_other_paths_have_no_key(path: str) -> None:
    assert unet_key(path) is None
    assert text_key(path) is None

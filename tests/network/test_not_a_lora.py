"""What is no LoRA for Stable Diffusion is refused by what it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from host_trees import read
from live_lora import network
from live_lora.errors import NotALora
from safetensors.torch import save_file

TEXT = "lora_te1_text_model_encoder_layers_0_mlp_fc1.lora_down.weight"
FLUX = "lora_unet_double_blocks_0_img_attn_proj.lora_down.weight"
UNET = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight"

# Keys of a file (each of shape 2x2 unless said otherwise): what it is.
KINDS: dict[str, list[str]] = {
    "a ControlNet-LLLite": ["lllite_unet_input_blocks_1_1.down.0.weight"],
    "a ControlNet-LoRA": [
        "lora_controlnet",
        "input_blocks.1.1.transformer_blocks.0.attn1.to_q.down",
        "unet.mid_block.attentions.0.proj_in.lora_A.weight",
        "unet.mid_block.attentions.0.proj_in.lora_B.weight",
    ],
    "an AnimateDiff motion module": [
        "down_blocks.0.motion_modules.0.temporal_transformer.proj_in.weight"
    ],
    "an AnimateDiff motion LoRA": [
        "down_blocks.0.motion_modules.0.temporal_transformer.transformer_blocks.0"
        ".attention_blocks.0.processor.to_q_lora.down.weight"
    ],
    "a PhotoMaker adapter": ["id_encoder.visual_projection.weight", f"lora_weights.{UNET}"],
    "an IP-Adapter": ["image_proj.proj.weight", "ip_adapter.1.to_k_ip.weight"],
    "a ControlNet": ["control_model.input_blocks.0.0.weight"],
    "a T2I-Adapter": ["body.0.block1.weight"],
    "a hypernetwork": ["768.0.linear.0.weight"],
    "a textual inversion": ["emb_params"],
    "a full checkpoint": [
        "model.diffusion_model.input_blocks.0.0.weight",
        "first_stage_model.decoder.conv_in.weight",
        "cond_stage_model.transformer.text_model.final_layer_norm.weight",
    ],
    "a VAE": ["decoder.conv_in.weight", "encoder.down.0.block.0.conv1.weight"],
    "the weights of a UNet": [UNET, "conv_in.bias"],
    "the weights of a text encoder": ["text_model.encoder.layers.0.mlp.fc1.weight"],
    "some other file": ["something.weight"],
    "a LoRA for Stable Cascade": ["lora_prior_unet_clip_mapper.lora_down.weight"],
    "a LoRA for Flux": [FLUX, TEXT, TEXT.replace("down", "up")],
    "a LoRA for Stable Diffusion 3": ["transformer.joint_blocks.0.x_block.lora_A.weight"],
    "a LoRA for Qwen-Image": ["transformer_blocks.0.img_mlp.net.0.proj.lora_A.weight"],
    "a LoRA for Wan": ["diffusion_model.blocks.0.self_attn.q.lora_A.weight"],
    "a LoRA for HunyuanVideo": [
        FLUX,
        "lora_unet_txt_in_individual_token_refiner_blocks_0_mlp_fc1.lora_down.weight",
    ],
    "a LoRA for HiDream": ["diffusion_model.double_stream_blocks.0.block.x.lora_A.weight"],
    "a LoRA for Chroma": [FLUX, "diffusion_model.distilled_guidance_layer.x.lora_A.weight"],
    "a LoRA for Anima or Cosmos": ["lora_unet_blocks_0_cross_attn_k_proj.lora_down.weight"],
    "a LoRA for Krea 2": ["lora_unet_blocks_0_attn_wk.lora_down.weight"],
    "a LoRA for Z-Image or Lumina": ["diffusion_model.layers.0.attention.to_q.lora_A.weight"],
    "a LoRA for LTX-Video": ["transformer.patchify_proj.lora_A.weight"],
    "a LoRA for a language model": ["base_model.model.model.layers.0.mlp.up_proj.lora_A.weight"],
    "a LoRA for a model not known": ["lora_unet_wormhole.lora_down.weight"],
    "a LoRA for Stable Video Diffusion": [
        UNET.replace("weight", "lora_A.weight"),
        UNET.replace("weight", "lora_B.weight"),
        "unet.mid_block.attentions.0.temporal_transformer_blocks.0.attn1.to_q.lora_A.weight",
    ],
    "a LoRA for HunyuanImage": ["lora_unet_double_blocks_0_img_attn_q.lora_down.weight"],
    "a LoRA for HunyuanVideo or FramePack": [
        "lora_unet_transformer_blocks_19_attn_to_q.lora_down.weight",
        "lora_unet_single_transformer_blocks_0_attn_to_q.lora_down.weight",
    ],
    "a LoRA for OmniGen2": ["transformer.ref_image_refiner.0.attn.to_q.lora_A.weight"],
    "a LoRA for OmniGen2, Z-Image or Lumina": ["transformer.layers.0.attn.to_q.lora_A.weight"],
    "a LoRA for a model with the text encoder T5": [
        TEXT,
        TEXT.replace("down", "up"),
        "lora_te3_encoder_block_0_layer_0_SelfAttention_q.lora_down.weight",
    ],
    "a file without tensors": [],
}
AGAIN: list[tuple[str, str]] = [  # further keys of the same models
    ("Wan", "diffusion_model.blocks.0.ffn.0.lora_A.weight"),
    ("Wan", "lora_unet_blocks_0_ffn_2.lora_down.weight"),
    ("Z-Image or Lumina", "lora_unet_layers_0_feed_forward_w1.lora_down.weight"),
    ("HunyuanVideo", "diffusion_model.double_blocks.0.img_mlp.fc1.lora_A.weight"),
    ("Flux", "transformer.single_transformer_blocks.37.attn.to_q.lora_A.weight"),
    ("Flux", "lora_unet_double_blocks_18_img_mlp_0.lora_down.weight"),
]


def write(folder: Path, keys: list[str], metadata: dict[str, str] | None = None) -> Path:
    path = folder / "x.safetensors"
    save_file({key: torch.ones(2, 2) for key in keys}, path, metadata)
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_refused_by_what_it_is(tmp_path: Path, kind: str) -> None:
    with pytest.raises(NotALora, match="not a LoRA for Stable Diffusion") as caught:
        network.load(write(tmp_path, KINDS[kind]))
    assert caught.value.what.startswith(kind)
    model = kind.startswith("a LoRA for")
    assert caught.value.code == ("other-model" if model else "other-file")
    if model:
        assert caught.value.what == f"a LoRA for {caught.value.model}"


@pytest.mark.parametrize(("model", "key"), AGAIN)
def test_models_have_several_kinds_of_layers(tmp_path: Path, model: str, key: str) -> None:
    with pytest.raises(NotALora) as caught:
        network.load(write(tmp_path, [key]))
    assert caught.value.model == model


ADAPTERS = {  # a tensor's name behind a layer of Stable Diffusion: whose it is
    "vera_lambda_b": "VeRA (vera_lambda_b)",
    "hra_u": "HRA (hra_u)",
    "delora_A": "DeLoRA (delora_A)",
    "miss_block": "MiSS (miss_block)",
    "psoft_R.vector_a": "PSOFT (psoft_R)",
    "lily_A.weight": "Lily (lily_A)",
    "glora_A.Xd": "PEFT's GLoRA (glora_A)",
    "poly_lora_A": "Poly (poly_lora_A)",
    "lora_embedding_A": "LoRA of token embeddings (lora_embedding_A)",
    "wormhole.weight": "an algorithm not known here (wormhole)",
}


@pytest.mark.parametrize("tensor", ADAPTERS)
@pytest.mark.parametrize("prefix", ["base_model.model.", "unet.", ""])
def test_adapters_by_algorithms_not_read_here_are_named(
    tmp_path: Path, prefix: str, tensor: str
) -> None:
    key = f"{prefix}{UNET.removesuffix('.weight')}.{tensor}"
    with pytest.raises(NotALora) as caught:
        network.load(write(tmp_path, [key]))
    assert caught.value.what == f"an adapter for Stable Diffusion by {ADAPTERS[tensor]}"
    assert caught.value.code == "other-algorithm"
    assert str(caught.value).endswith(", which is not read here")


def test_the_configuration_names_what_the_keys_do_not(tmp_path: Path) -> None:
    path = write(tmp_path, [UNET.replace("weight", "wormhole.weight")])
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "Wormhole"}')
    with pytest.raises(NotALora, match=r"by WORMHOLE \(wormhole\)"):
        network.load(path)


def test_a_tensor_of_another_algorithm_in_a_lora_is_named(tmp_path: Path) -> None:
    layer = UNET.removesuffix(".weight")
    lora = [f"{layer.replace('to_q', 'to_k')}.lora_{half}.weight" for half in "AB"]
    found = network.load(write(tmp_path, [*lora, f"{layer}.hra_u"]))
    assert [(item.code, item.reason) for item in found.unused] == [
        ("other-algorithm", "is a tensor of HRA (hra_u), which is not read here")
    ]


def test_a_file_of_too_many_tensors_is_refused_unseen(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    entry = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    head = json.dumps({f"lora_unet_{n}.lora_up.weight": entry for n in range(20_001)}).encode()
    path.write_bytes(len(head).to_bytes(8, "little") + head)
    with pytest.raises(NotALora, match="a file of 20,001 tensors"):
        network.load(path)


def test_attention_alone_is_told_apart_by_its_width(tmp_path: Path) -> None:
    key = "transformer.transformer_blocks.0.attn.to_q.lora_A.weight"
    for width, what in ((1536, "Stable Diffusion 3"), (3072, "Qwen-Image")):
        path = tmp_path / f"{width}.safetensors"
        save_file({key: torch.ones(2, width)}, path)
        with pytest.raises(NotALora, match=what):
            network.load(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [("ss_base_model_version", "flux1"), ("modelspec.architecture", "flux-1-dev/lora")],
)
def test_a_text_encoder_alone_is_refused_by_its_metadata(
    tmp_path: Path, name: str, value: str
) -> None:
    keys = [TEXT, TEXT.replace("down", "up")]
    assert network.load(write(tmp_path, keys)).modules
    with pytest.raises(NotALora, match="Flux"):
        network.load(write(tmp_path, keys, {name: value}))


def test_wrong_metadata_do_not_refuse_what_the_keys_prove(tmp_path: Path) -> None:
    shapes = read("diffusers_peft_sd15_attn")
    tensors = {key: torch.zeros(shape, dtype=torch.float16) for key, shape in shapes.items()}
    save_file(tensors, tmp_path / "x.safetensors", {"ss_base_model_version": "flux1"})
    found = network.load(tmp_path / "x.safetensors")
    assert found.base.name == "SD1"
    assert "Flux" in found.base.how


def test_a_broken_lora_is_still_a_lora(tmp_path: Path) -> None:
    keys = [UNET.replace("weight", "lora_A.weight"), "lora_unet_conv_in.lora_down.weight"]
    found = network.load(write(tmp_path, keys))
    assert not found.modules
    assert {item.key for item in found.unused} == set(keys)

"""The dialects: one layer under all its names, and no layer where there is none."""

from __future__ import annotations

import pytest
from host_trees import read
from live_lora import formats
from live_lora.formats import cloneofsimo
from live_lora.formats.base import FORMATS

TO_Q = "down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q"
TO_OUT = "mid_block_attentions_0_transformer_blocks_0_attn2_to_out_0"
UPSAMPLER = "up_blocks_0_upsamplers_0_conv"
Q_PROJ = "encoder_layers_3_self_attn_q_proj"

# (component, key): names of the module, and the dialect each is told as.
NAMES = {
    ("unet", TO_Q): {
        f"lora_unet_{TO_Q}": "kohya",
        "lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q": "kohya",
        "lora_unet_down_blocks_1_attentions_0_transformer_blocks.0.attn1.to_q": "kohya",
        f"lora_unet__orig_mod_{TO_Q}": "kohya",
        "lora_unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q": "OneTrainer",
        f"oft_unet_{TO_Q}": "kohya OFT",
        "oft_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q": "kohya OFT",
        f"lycoris_{TO_Q}": "LyCORIS",
        f"lycoris_unet_{TO_Q}": "LyCORIS",
        "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q": "diffusers",
        "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.processor.to_q": "diffusers",
        "module.unet._orig_mod.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q": (
            "wrapped"
        ),
        "_orig_mod.module.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q": "wrapped",
        "unet.unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q": "diffusers",
        "unet.input_blocks.4.1.transformer_blocks.0.attn1.to_q": "OMI",
        "diffusion_model.input_blocks.4.1.transformer_blocks.0.attn1.to_q": "ComfyUI",
        "model.diffusion_model.input_blocks.4.1.transformer_blocks.0.attn1.to_q": "LDM",
        "base_model.model.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q": "PEFT",
        "base_model.model.unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q": "PEFT",
        "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q": "bare",
        "down_blocks.1.attentions.0.transformer_blocks.0.attn1.processor.to_q": "bare",
        "input_blocks.4.1.transformer_blocks.0.attn1.to_q": "bare",
        TO_Q: "bare",
        "lora:down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q": "HCP",
        "base:denoiser.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q": "HCP",
    },
    ("unet", TO_OUT): {
        f"lora_unet_{TO_OUT}": "kohya",
        "lora_unet_middle_block_1_transformer_blocks_0_attn2_to_out_0": "kohya",
        "unet.mid_block.attentions.0.transformer_blocks.0.attn2.processor.to_out": "diffusers",
        "mid_block.attentions.0.transformer_blocks.0.attn2.processor.to_out": "bare",
        "unet.middle_block.1.transformer_blocks.0.attn2.to_out.0": "OMI",
    },
    ("unet", UPSAMPLER): {
        f"lora_unet_{UPSAMPLER}": "kohya",
        "lora_unet_output_blocks_2_1_conv": "kohya",  # SD 1 and SD 2
        "lora_unet_output_blocks_2_2_conv": "kohya",  # SDXL
        "diffusion_model.output_blocks.2.2.conv": "ComfyUI",
    },
    ("unet", "add_embedding_linear_2"): {
        "lora_unet_label_emb_0_2": "kohya",
        "lora_unet_add_embedding_linear_2": "kohya",
        "unet.label_emb.0.2": "OMI",
        "unet.add_embedding.linear_2": "diffusers",
        "add_embedding.linear_2": "bare",
        "class_embedding.linear_2": "bare",
    },
    ("unet", "conv_out"): {
        "lora_unet_out_2": "kohya",
        "lora_unet_conv_out": "kohya",
        "unet.out.2": "OMI",
        "out.2": "bare",
    },
    ("text_encoder", Q_PROJ): {
        "lora_te_text_model_encoder_layers_3_self_attn_q_proj": "kohya",
        "lora_te1_text_model_encoder_layers_3_self_attn_q_proj": "kohya",
        "lora_te1_encoder_layers_3_self_attn_q_proj": "kohya",
        "lora_te.text_model.encoder.layers.3.self_attn.q_proj": "OneTrainer",
        "lora_te1.text_model.encoder.layers.3.self_attn.q_proj": "OneTrainer",
        "text_encoder.text_model.encoder.layers.3.self_attn.q_proj": "diffusers",
        "text_encoder.encoder.layers.3.self_attn.q_proj": "diffusers",
        "text_encoder.text_model.encoder.layers.3.self_attn.to_q": "diffusers",
        "text_encoders.clip_l.transformer.text_model.encoder.layers.3.self_attn.q_proj": "ComfyUI",
        "clip_l.text_model.encoder.layers.3.self_attn.q_proj": "OMI",
        "base_model.model.text_model.encoder.layers.3.self_attn.q_proj": "PEFT",
        "text_model.encoder.layers.3.self_attn.q_proj": "bare",
        "lycoris_text_model_encoder_layers_3_self_attn_q_proj": "LyCORIS",
        "lycoris_te_text_model_encoder_layers_3_self_attn_q_proj": "LyCORIS",
        "cond_stage_model.transformer.text_model.encoder.layers.3.self_attn.q_proj": "LDM",
        "cond_stage_model.model.transformer.resblocks.3.attn.q_proj": "LDM",
        "lora:text_model.encoder.layers.3.self_attn.q_proj": "HCP",
    },
    ("text_encoder_2", Q_PROJ): {
        "lora_te2_text_model_encoder_layers_3_self_attn_q_proj": "kohya",
        "lora_te2_encoder_layers_3_self_attn_q_proj": "kohya",
        "lora_te2.text_model.encoder.layers.3.self_attn.q_proj": "OneTrainer",
        "text_encoder_2.text_model.encoder.layers.3.self_attn.q_proj": "diffusers",
        "text_encoders.clip_g.transformer.text_model.encoder.layers.3.self_attn.q_proj": "ComfyUI",
        "clip_g.text_model.encoder.layers.3.self_attn.q_proj": "OMI",
        "conditioner.embedders.1.model.transformer.resblocks.3.attn.q_proj": "LDM",
        "base:TE.clip_bigG.text_model.encoder.layers.3.self_attn.q_proj": "HCP",
    },
    ("text_encoder_2", "text_projection"): {
        "lora_te2_text_projection": "kohya",
        "text_encoder_2.text_projection": "diffusers",
        "clip_g.text_projection": "OMI",
    },
}
CASES = [
    (place, name, dialect) for place, names in NAMES.items() for name, dialect in names.items()
]


@pytest.mark.parametrize(("place", "name", "dialect"), CASES, ids=[case[1] for case in CASES])
def test_one_layer_under_all_its_names(place: tuple[str, str], name: str, dialect: str) -> None:
    found = formats.place(name)
    assert found is not None
    assert (found.component, found.key) == place
    assert found.format == dialect


@pytest.mark.parametrize(
    "name",
    [
        "",
        "lora_unet_",
        "lora_unet_double_blocks_0_img_attn_qkv",
        "lora_te3_encoder_block_0_layer_0_SelfAttention_q",
        "lora_prior_unet_down_blocks_0",
        "lllite_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q",
        "unet.down_blocks.0.motion_modules.0.temporal_transformer.proj_in",
        "transformer.single_transformer_blocks.0.attn.to_q",
        "base_model.model.",
        "base_model.model." * 100_000,
        "lora:base:" * 100_000 + "conv_in",
        "lora_te_text_model_encoder_layers_3_self_attn",
        "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1",
    ],
)
def test_other_names_are_no_layer(name: str) -> None:
    assert formats.place(name) is None


@pytest.fixture
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("owners", "members"):
        monkeypatch.setattr(FORMATS, name, getattr(FORMATS, name).copy())


@pytest.mark.usefixtures("own_registry")
def test_a_new_dialect_is_one_class() -> None:
    class Shouting(formats.Format):
        name = "shouting"
        prefixes = {"UNET!": "unet"}  # noqa: RUF012

        def path(self, module: str, prefix: str) -> str:
            return super().path(module, prefix).lower()

    found = formats.place("UNET!CONV_IN")
    assert found == formats.LayerRef("unet", "conv_in", "shouting")
    assert "shouting" in formats.names()


@pytest.mark.usefixtures("own_registry")
def test_two_dialects_cannot_claim_one_prefix() -> None:
    with pytest.raises(TypeError, match="'lora_unet_'"):

        class Second(formats.Format):
            name = "second"
            prefixes = {"lora_unet_": "unet"}  # noqa: RUF012


def test_every_file_of_the_folder_is_found() -> None:
    assert {"kohya", "diffusers", "PEFT", "bare", "OMI", "cloneofsimo"} <= set(formats.names())
    assert len(formats.names()) == len(set(formats.names()))


def test_positional_files_of_sd15_in_their_documented_order() -> None:
    order = read("maps/cloneofsimo_order_sd15")
    for part in ("unet", "text_encoder"):
        shapes = {}
        for number, (_, shape) in enumerate(order[part]):
            shapes[f"{part}:{number}:up"] = (shape[0], 4)
            shapes[f"{part}:{number}:down"] = (4, shape[1])
        respelt = formats.spell(shapes, {})
        for number, (path, _) in enumerate(order[part]):
            expected = f"cloneofsimo:{part}.{path}.lora_down.weight"
            assert respelt[f"{part}:{number}:down"] == expected
        as_list = {str(place): shape for place, shape in enumerate(shapes.values())}
        assert list(formats.spell(as_list, {}).values()) == list(respelt.values())


def test_positional_files_with_resnets() -> None:
    names = [f"unet:{n}:{way}" for n in range(224) for way in ("up", "down")]
    plain = dict.fromkeys(names, (1, 1))
    respelt = formats.spell(plain, {"unet": '["ResnetBlock2D", "CrossAttention"]'})
    assert respelt == formats.spell(plain, {})
    places = [formats.place(name.rpartition(".lora_")[0]) for name in respelt.values()]
    assert None not in places
    keys = {place.key for place in places if place}
    assert len(keys) == 224
    assert sum(key.endswith("conv_shortcut") for key in keys) == 14


@pytest.mark.parametrize("classes", ["", "[", "{}", "7", "null", '["' + "[" * 3000])
def test_positional_files_with_odd_metadata(classes: str) -> None:
    respelt = formats.spell({"unet:0:up": (1, 1)}, {"unet": classes})
    assert list(respelt) == ["unet:0:up"]
    assert formats.spell({"unet:9999:up": (1, 1)}, {"unet": classes}) == {}


def test_the_text_encoders_of_the_positional_format_end_somewhere() -> None:
    assert len(list(cloneofsimo._text_layers())) == 128

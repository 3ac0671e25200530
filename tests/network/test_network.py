"""A file becomes a network: what is used, what is not and why; what is invalid costs its module."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from live_lora import network
from live_lora.deltas import Layer
from live_lora.errors import FileError, ModuleError
from live_lora.records import Target
from safetensors.torch import save_file
from torch import Tensor, nn

CONV = "lora_unet_down_blocks_0_resnets_0_conv1"
GOOD = "lora_unet_mid_block_attentions_0_proj_in"
BAD = "lora_unet_down_blocks_0_attentions_0_proj_in"
ATTN = "down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
SHAPES = {
    "mid_block_attentions_0_proj_in": (16, 16),
    "down_blocks_0_attentions_0_proj_in": (16, 8),
    "down_blocks_0_resnets_0_conv1": (16, 8, 3, 3),
    ATTN: (16, 16),
    "conv_in": (16, 9, 3, 3),
    "down_blocks_0_attentions_0_norm": (16,),
}
KINDS = {1: "norm", 2: "linear", 4: "conv"}
TARGETS = {
    ("unet", key): Target("unet", key, key, KINDS[len(shape)], shape)  # type: ignore[arg-type]
    for key, shape in SHAPES.items()
}


def lora(
    module: str, o: int = 16, i: int = 16, rank: int = 4, **extra: Tensor
) -> dict[str, Tensor]:
    """One LoRA module of random tensors."""
    torch.manual_seed(0)
    made = {"lora_up.weight": torch.randn(o, rank), "lora_down.weight": torch.randn(rank, i)}
    return {f"{module}.{name}": tensor for name, tensor in (made | extra).items()}


def write(folder: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> Path:
    path = folder / "x.safetensors"
    save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, path, metadata)
    return path


def use(path: Path, **options: Any) -> tuple[set[str], dict[str, str]]:
    """The modules whose delta can be built on TARGETS, and the reasons of everything else."""
    found = network.load(path, **options)
    match = found.match(TARGETS)
    reasons = {item.key: item.reason for item in (*found.unused, *match.unmatched)}
    used = set()
    with found.open() as read:
        for target, module in match.matched:
            try:
                built = module.build(read).runtime(layer_of(target), dtype=torch.float32)
                assert all(bool(t.isfinite().all()) for t in built.tensors())
                used.add(module.prefix)
            except ModuleError as error:
                reasons[module.prefix] = str(error)
    return used, reasons


def layer_of(target: Target) -> Layer:
    torch.manual_seed(1)
    weight = torch.randn(target.shape)
    if target.kind == "conv":
        return Layer.of("conv", weight, None, nn.Identity(), padding=(1, 1))
    return Layer.of(target.kind, weight, None, nn.Identity())


def rank_matrix(value: float) -> Tensor:
    return torch.full((4, 8), value)


BLOCKS = torch.zeros(4, 4, 4)
INVALID: dict[str, tuple[dict[str, Tensor], str]] = {
    "rank 0": (lora(BAD, 16, 8, 0), "empty|rank"),
    "alpha NaN": (lora(BAD, 16, 8, alpha=torch.tensor(math.nan)), "alpha"),
    "alpha infinite": (lora(BAD, 16, 8, alpha=torch.tensor(math.inf)), "alpha"),
    "alpha of two numbers": (lora(BAD, 16, 8, alpha=torch.ones(2)), "alpha"),
    "up without down": ({f"{BAD}.lora_up.weight": torch.ones(16, 4)}, "down"),
    "down without up": ({f"{BAD}.lora_down.weight": torch.ones(4, 8)}, "up"),
    "alpha only": ({f"{BAD}.alpha": torch.ones(())}, "has only alpha"),
    "ranks differ": (lora(BAD, 16, 8, **{"lora_down.weight": torch.ones(3, 8)}), "rank"),
    "inputs differ": (lora(BAD, 16, 12), "inputs"),
    "outputs differ": (lora(BAD, 20, 8), "outputs"),
    "vectors": (lora(BAD, 16, 8, **{"lora_down.weight": torch.ones(4)}), "down"),
    "many dimensions": (lora(BAD, 16, 8, **{"lora_down.weight": torch.ones([1] * 40)}), "shape"),
    "kernel on a linear layer": (
        lora(BAD, **{"lora_down.weight": torch.ones(4, 8, 3, 3)}),
        "kernel",
    ),
    "kernels differ": (
        lora(
            "lora_unet_down_blocks_0_resnets_0_conv1",
            **{"lora_down.weight": torch.ones(4, 8, 5, 5)},
        ),
        "kernel",
    ),
    "Kronecker product of another size": (
        {f"{BAD}.lokr_w1": torch.ones(4, 4), f"{BAD}.lokr_w2": torch.ones(3, 3)},
        "outputs|inputs|shape",
    ),
    "blocks of another size": ({f"{BAD}.oft_blocks": torch.zeros(5, 4, 4)}, "outputs|blocks"),
    "blocks with NaN": ({f"{BAD}.oft_blocks": BLOCKS * math.nan}, "NaN"),
    "infinite weights": (lora(BAD, **{"lora_down.weight": rank_matrix(math.inf)}), "NaN or inf"),
    "product too large": (
        lora(BAD, 16, 8, alpha=torch.tensor(3e38), **{"lora_up.weight": torch.full((16, 4), 3e38)}),
        "large|alpha",
    ),
    "integers": (lora(BAD, **{"lora_down.weight": rank_matrix(1).to(torch.int8)}), "I8"),
    "booleans": (lora(BAD, **{"lora_down.weight": rank_matrix(1).bool()}), "BOOL"),
    "complex numbers": (lora(BAD, **{"lora_down.weight": rank_matrix(1).cfloat()}), "C64"),
    "two dialects in one module": (
        lora(BAD, 16, 8, **{"lora_A.weight": torch.ones(4, 8)}),
        "the same tensor",
    ),
    "two algorithms in one module": (lora(BAD, 16, 8, hada_w1_a=torch.ones(16, 4)), "besides"),
    "not a layer": (lora("lora_unet_mid_block_attentions_7_fantasy"), "not name a known layer"),
    "unknown suffix": ({f"{BAD}.lora_sideways": torch.ones(2)}, "not a tensor of any"),
    "an unknown tensor beside a known pair": (
        lora(BAD, 16, 8, lora_C=torch.ones(4, 4)),
        "has lora_C, which is not read",
    ),
    "8-bit weights with a scale": (
        lora(BAD, 16, 8, **{"lora_up.weight_scale": torch.ones(())}),
        "8-bit weights with a scale of their own (lora_up.weight_scale)",
    ),
    "LoRA-XS": (
        lora(BAD, 16, 8, **{"default_lora_latent_mapping.weight": torch.ones(4, 4)}),
        "LoRA-XS",
    ),
    "a bias of the layer itself": (
        lora(BAD, 16, 8, **{"base_layer.bias": torch.ones(16)}),
        "a bias of the layer itself",
    ),
    "a whole weight": ({f"{BAD}.weight": torch.ones(16, 8)}, "the layer's own weight"),
    "a table of tokens": (
        lora("lora_te_text_model_embeddings_token_embedding", 8, 8),
        "is for a table of embeddings",
    ),
    "a whole weight by its name": (
        {f"{BAD}.modules_to_save.default.weight": torch.ones(16, 8)},
        "modules_to_save",
    ),
    "dora on glora": (
        {
            f"{BAD}.a1.weight": torch.ones(8, 2),
            f"{BAD}.a2.weight": torch.ones(2, 8),
            f"{BAD}.b1.weight": torch.ones(16, 2),
            f"{BAD}.b2.weight": torch.ones(2, 8),
            f"{BAD}.dora_scale": torch.ones(16, 1),
        },
        "is DoRA on glora",
    ),
    "no such layer here": (lora("lora_unet_conv_out"), "has no unet layer conv_out"),
    "a norm's on a linear layer": ({f"{BAD}.w_norm": torch.ones(16)}, "norm"),
}


@pytest.mark.parametrize("name", INVALID)
def test_what_is_invalid_costs_its_module_with_a_reason(tmp_path: Path, name: str) -> None:
    tensors, reason = INVALID[name]
    used, reasons = use(write(tmp_path, tensors | lora(GOOD)))
    assert used == {GOOD}
    assert reasons
    assert all(key in tensors or any(k.startswith(key) for k in tensors) for key in reasons)
    assert any(_fits(reason, text) for text in reasons.values()), reasons


def _fits(words: str, text: str) -> bool:
    return any(word in text for word in words.split("|"))


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_alpha_that_trainers_never_write(tmp_path: Path, value: float) -> None:
    used, reasons = use(write(tmp_path, lora(BAD, 16, 8, alpha=torch.tensor(value)) | lora(GOOD)))
    assert GOOD in used
    assert BAD in used or "alpha" in reasons[BAD]


VALID: dict[str, dict[str, Tensor]] = {
    "8 bits": lora(BAD, **{"lora_down.weight": rank_matrix(1).to(torch.float8_e4m3fn)}),
    "8 bits, wide": lora(BAD, **{"lora_down.weight": rank_matrix(1).to(torch.float8_e5m2)}),
    "64 bits": lora(BAD, **{"lora_down.weight": rank_matrix(1).double()}),
    "bfloat16": lora(BAD, **{"lora_down.weight": rank_matrix(1).bfloat16()}),
    "alpha with a dimension": lora(BAD, 16, 8, alpha=torch.ones(1)),
    "alpha of an integer": lora(BAD, 16, 8, alpha=torch.tensor(4)),
    "alpha in half precision": lora(BAD, 16, 8, alpha=torch.tensor(4.0).half()),
    "1x1 convolution on a linear layer": lora(
        BAD,
        **{
            "lora_down.weight": torch.ones(4, 8, 1, 1),
            "lora_up.weight": torch.ones(16, 4, 1, 1),
        },
    ),
    "4 channels on an inpainting model's 9": lora(
        "lora_unet_conv_in", **{"lora_down.weight": torch.ones(4, 4, 3, 3)}
    ),
    "an 8th of a kernel: the centre tap": lora(CONV, 16, 8),
    "rank above the layer's size": lora(BAD, 16, 8, 64),
    "a note of the trainer": lora(BAD, 16, 8, initial_norm=torch.ones(16, 1)),
}


@pytest.mark.parametrize("name", VALID)
def test_odd_but_good(tmp_path: Path, name: str) -> None:
    used, reasons = use(write(tmp_path, VALID[name]))
    assert len(used) == 1
    assert not reasons


def test_two_names_of_one_layer_are_not_applied_twice(tmp_path: Path) -> None:
    other = "lora_unet_middle_block_1_proj_in"
    used, reasons = use(write(tmp_path, lora(GOOD) | lora(other)))
    assert len(used) == 1
    first = used.pop()
    assert {first, other if first == GOOD else GOOD} == {GOOD, other}
    assert len(reasons) == 2
    assert all(f"same layer as {first}" in reason for reason in reasons.values())


def test_dialects_may_be_mixed(tmp_path: Path) -> None:
    tensors = {
        **lora(GOOD),
        "unet.down_blocks.0.attentions.0.proj_in.lora_A.weight": torch.ones(2, 8),
        "unet.down_blocks.0.attentions.0.proj_in.lora_B.weight": torch.ones(16, 2),
        f"lora_unet_{ATTN}_lora.up.weight": torch.ones(16, 2),
        f"lora_unet_{ATTN}_lora.down.weight": torch.ones(2, 16),
        "base_model.model.down_blocks.0.attentions.0.norm.w_norm": torch.ones(16),
    }
    found = network.load(write(tmp_path, tensors))
    assert not found.unused
    assert not found.match(TARGETS).unmatched
    assert found.formats[0] == "kohya"
    assert set(found.formats) == {"kohya", "diffusers", "PEFT"}
    assert found.algorithms == ("lora", "norm")


def test_an_empty_shape_of_astronomic_size(tmp_path: Path) -> None:
    entry = {"dtype": "F32", "shape": [1 << 62, 0], "data_offsets": [0, 0]}
    key = f"{BAD}.lora_up.weight"
    head = json.dumps({key: entry, f"{BAD}.lora_down.weight": entry}).encode()
    path = tmp_path / "x.safetensors"
    path.write_bytes(len(head).to_bytes(8, "little") + head)
    found = network.load(path)
    assert not found.modules
    assert key in {item.key for item in found.unused}


@pytest.mark.parametrize("dtype", ["F4", "F8_E8M0", "F6_E2M3"])
def test_dtypes_that_torch_has_not(tmp_path: Path, dtype: str) -> None:
    entry = {"dtype": dtype, "shape": [8, 8], "data_offsets": [0, 0]}
    entry["data_offsets"][1] = {"F4": 32, "F8_E8M0": 64, "F6_E2M3": 48}[dtype]  # type: ignore[index]
    head = json.dumps({f"{BAD}.lora_up.weight": entry}).encode()
    path = tmp_path / "x.safetensors"
    path.write_bytes(len(head).to_bytes(8, "little") + head + bytes(64)[: entry["data_offsets"][1]])  # type: ignore[index]
    (unused,) = network.load(path).unused
    assert dtype in unused.reason


def test_a_file_cut_short_while_it_is_open(tmp_path: Path) -> None:
    path = write(tmp_path, lora(GOOD))
    found = network.load(path)
    ((_, module),) = found.match(TARGETS).matched
    with found.open() as read:
        path.write_bytes(path.read_bytes()[:-8])
        with pytest.raises(FileError, match="cut short"):
            module.build(read)
    with pytest.raises(FileError, match="changed while it was read"), found.open():
        pass


def test_a_file_removed_after_it_was_read(tmp_path: Path) -> None:
    found = network.load(write(tmp_path, lora(GOOD)))
    found.path.unlink()
    with pytest.raises(FileError, match="gone"), found.open():
        pass


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<!DOCTYPE html><html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "LFS"),
        (b"", "empty"),
        (b"12345", "bytes"),
    ],
)
def test_other_things_named_safetensors(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(FileError, match=words):
        network.load(path)


@pytest.mark.parametrize("name", ["mlp_fc1", "mlp_fc2", "self_attn_out_proj"])
def test_one_word_for_all_encoders_is_the_second_where_its_width_is(
    tmp_path: Path, name: str
) -> None:
    shapes = {"mlp_fc1": (5120, 1280), "mlp_fc2": (1280, 5120), "self_attn_out_proj": (1280, 1280)}
    wide = lora(f"lora_te_text_model_encoder_layers_0_{name}", *shapes[name], 2)
    (module,) = network.load(write(tmp_path, wide)).modules
    assert module.component == "text_encoder_2"
    narrow = lora(f"lora_te_text_model_encoder_layers_0_{name}", 768, 768, 2)
    (module,) = network.load(write(tmp_path, narrow)).modules
    assert module.component == "text_encoder"


@pytest.mark.parametrize(
    ("size", "length", "said"),
    [((16, 16), (16,), True), ((16, 16), (16, 1), False), ((16, 8), (16,), False)],
)
def test_lengths_that_could_be_rows_or_columns_are_said_to_be_rows(
    tmp_path: Path, size: tuple[int, int], length: tuple[int, ...], said: bool
) -> None:
    found = network.load(write(tmp_path, lora(GOOD, *size, dora_scale=torch.ones(length))))
    assert bool(found.problems) == said
    assert all("lengths of their rows" in problem for problem in found.problems)


def test_what_fits_every_encoder_stays_with_the_first(tmp_path: Path) -> None:
    """One block for all inputs has no width of its own."""
    key = "lora_te_text_model_encoder_layers_0_mlp_fc1.oft_R.weight"
    (module,) = network.load(write(tmp_path, {key: torch.zeros(1, 28)})).modules
    assert module.component == "text_encoder"


def test_a_layer_that_no_unet_has_does_not_make_it_another_model(tmp_path: Path) -> None:
    layer = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_nothing"
    text = lora("lora_te_text_model_encoder_layers_0_mlp_fc1", 3072, 768)
    found = network.load(write(tmp_path, lora(layer) | text))
    assert [module.component for module in found.modules] == ["text_encoder"]
    assert {item.code for item in found.unused} == {"unknown-layer"}

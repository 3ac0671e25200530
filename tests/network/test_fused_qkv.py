"""A LoRA of open_clip's fused projection is one of q, of k and of v."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from host_trees import host
from live_lora import network
from live_lora.deltas import Layer, LowRank
from live_lora.network.fused_qkv import unfused
from safetensors.torch import save_file
from torch import Tensor, nn

PREFIX = "lora_te2_transformer_resblocks_0_attn_in_proj"
WIDTH = 1280
FACTORS = {
    "lora": {"lora_up.weight": (3 * WIDTH, 2), "lora_down.weight": (2, WIDTH), "alpha": ()},
    "full": {"diff": (3 * WIDTH, WIDTH), "diff_b": (3 * WIDTH,)},
    "loha": {
        "hada_w1_a": (3 * WIDTH, 2),
        "hada_w1_b": (2, WIDTH),
        "hada_w2_a": (3 * WIDTH, 2),
        "hada_w2_b": (2, WIDTH),
    },
}


def write(path: Path, shapes: dict[str, tuple[int, ...]]) -> dict[str, Tensor]:
    torch.manual_seed(0)
    tensors = {f"{PREFIX}.{name}": 0.1 * torch.randn(shape).abs() for name, shape in shapes.items()}
    save_file(tensors, path)
    return tensors


@pytest.mark.parametrize("algorithm", FACTORS)
def test_the_three_together_are_the_whole(tmp_path: Path, algorithm: str) -> None:
    write(tmp_path / "x.safetensors", FACTORS[algorithm])
    found = network.load(tmp_path / "x.safetensors")
    match = found.match(host("sdxl sgm"))
    assert not found.unused
    assert [target.key[-6:] for target, _ in match.matched] == ["q_proj", "k_proj", "v_proj"]
    layer = Layer.of("linear", torch.zeros(WIDTH, WIDTH), None, nn.Identity())
    whole = Layer.of("linear", torch.zeros(3 * WIDTH, WIDTH), None, nn.Identity())
    with found.open() as read:
        thirds = [module.build(read).delta(layer) for _, module in match.matched]
        _, module = match.matched[0]
        tensors = {slot: read(key) for slot, key in module.slots.items()}
    expected = module.algorithm(tensors, settings=module.settings).delta(whole)
    assert torch.equal(torch.cat(thirds), expected)


def block_diagonal(path: Path) -> None:
    """As sd-scripts saves `split_qkv`: three LoRAs of rank 2 as one of rank 6."""
    torch.manual_seed(0)
    ups, down = [torch.randn(WIDTH, 2) for _ in range(3)], torch.randn(6, WIDTH)
    up = torch.block_diag(*ups)
    alpha = torch.tensor(3.0)
    tensors = {"lora_up.weight": up, "lora_down.weight": down, "alpha": alpha}
    save_file({f"{PREFIX}.{name}": tensor for name, tensor in tensors.items()}, path)


def test_three_that_were_saved_as_one_are_three_again(tmp_path: Path) -> None:
    """Each with the ranks of its own, and the weight that the file as a whole has."""
    block_diagonal(tmp_path / "x.safetensors")
    layer = Layer.of("linear", torch.zeros(WIDTH, WIDTH), None, nn.Identity())
    found = network.load(tmp_path / "x.safetensors")
    with found.open() as read:
        for _, module in found.match(host("sdxl sgm")).matched:
            made = module.build(read)
            delta = unfused(made.runtime(layer, dtype=torch.float32), "one")
            assert isinstance(delta, LowRank)
            assert delta.down.shape[0] == delta.up.shape[1] == 2
            assert delta.common is None
            assert torch.allclose(delta.delta_weight(layer), made.delta(layer), atol=1e-5)


def test_else_the_three_have_one_a(tmp_path: Path) -> None:
    write(tmp_path / "x.safetensors", FACTORS["lora"])
    layer = Layer.of("linear", torch.zeros(WIDTH, WIDTH), None, nn.Identity())
    found = network.load(tmp_path / "x.safetensors")
    with found.open() as read:
        made = [
            unfused(module.build(read).runtime(layer, dtype=torch.float32), "one")
            for _, module in found.match(host("sdxl sgm")).matched
        ]
    assert all(isinstance(one, LowRank) and one.common == "one" for one in made)
    assert all(torch.equal(one.down, made[0].down) for one in made)
    moved = made[0].to(torch.device("cpu"), torch.float64)
    assert moved.common == "one"


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        ({"lokr_w1": (3, 1), "lokr_w2": (WIDTH, WIDTH)}, "lokr_w1, lokr_w2 cannot be split"),
        (
            {"lora_up.weight": (WIDTH, 2), "lora_down.weight": (2, WIDTH)},
            "split in three",
        ),
    ],
)
def test_what_cannot_be_cut_is_told(
    tmp_path: Path, shapes: dict[str, tuple[int, ...]], words: str
) -> None:
    write(tmp_path / "x.safetensors", shapes)
    found = network.load(tmp_path / "x.safetensors")
    assert not found.modules
    assert all(words in item.reason for item in found.unused)

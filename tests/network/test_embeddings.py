"""Textual inversions inside a LoRA file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from live_lora import network
from safetensors.torch import save_file
from torch import Tensor

LORA = {
    "lora_unet_conv_in.lora_up.weight": torch.ones(8, 2),
    "lora_unet_conv_in.lora_down.weight": torch.ones(2, 4),
}


def load(
    folder: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None
) -> network.Network:
    save_file(tensors | LORA, folder / "x.safetensors", metadata)
    return network.load(folder / "x.safetensors")


def test_embeddings_are_handed_on_by_name(tmp_path: Path) -> None:
    vectors = torch.randn(3, 8)
    found = load(
        tmp_path,
        {
            "bundle_emb.fox.string_to_param.*": vectors,
            "bundle_emb.red.fox.emb_params": torch.ones(1, 8),
            "bundle_emb.<xl>.clip_l": torch.ones(2, 8),
            "bundle_emb.<xl>.clip_g": torch.ones(2, 16),
        },
    )
    parts = {embedding.name: set(embedding.keys) for embedding in found.embeddings}
    assert parts == {
        "fox": {"string_to_param.*"},
        "red.fox": {"emb_params"},
        "<xl>": {"clip_l", "clip_g"},
    }
    assert not found.unused
    fox = next(embedding for embedding in found.embeddings if embedding.name == "fox")
    with found.open() as read:
        assert torch.equal(fox.vectors(read)["string_to_param.*"], vectors)


def test_cloneofsimo_s_tokens(tmp_path: Path) -> None:
    found = load(tmp_path, {"<s1>": torch.ones(768)}, {"<s1>": "<embed>"})
    (embedding,) = found.embeddings
    assert embedding.name == "<s1>"


UNFIT = {
    "bundle_emb.../../etc/passwd.emb_params": (1, 8),
    "bundle_emb.C:\\fox.emb_params": (1, 8),
    "bundle_emb.fo\nx.emb_params": (1, 8),
    "bundle_emb....emb_params": (1, 8),
    f"bundle_emb.{'fox' * 100}.emb_params": (1, 8),
    "bundle_emb.fox.emb_params": (0, 8),
    "bundle_emb.foxes.emb_params": (1, 2, 8),
    "bundle_emb.fox.unheard_of": (1, 8),
    "bundle_emb.fox": (1, 8),
    "bundle_emb.": (1, 8),
}


@pytest.mark.parametrize("key", UNFIT, ids=range(len(UNFIT)))
def test_names_and_shapes_that_cannot_be_used(tmp_path: Path, key: str) -> None:
    found = load(tmp_path, {key: torch.ones(UNFIT[key])})
    assert not found.embeddings
    assert [item.key for item in found.unused] == [key]
    assert "embedding" in found.unused[0].reason
    assert found.modules


def test_output_embeddings_are_called_what_they_are(tmp_path: Path) -> None:
    found = load(tmp_path, {"bundle_emb.fox.clip_l_out": torch.ones(2, 768)})
    (unused,) = found.unused
    assert unused.code == "embedding"
    assert "output embedding" in unused.reason

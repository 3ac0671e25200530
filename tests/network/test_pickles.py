"""Pickles are read as weights only, and only where that is allowed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from live_lora import network
from live_lora.errors import FileError, NotALora
from live_lora.library.lora_file import PICKLES

TENSORS = {
    "down_blocks.0.attentions.0.transformer_blocks.0.attn1.processor.to_q_lora.down.weight": (
        torch.randn(4, 16)
    ),
    "down_blocks.0.attentions.0.transformer_blocks.0.attn1.processor.to_q_lora.up.weight": (
        torch.randn(16, 4)
    ),
}


@pytest.mark.parametrize("suffix", [*PICKLES, ".PT"])
@pytest.mark.parametrize("wrapper", ["", "state_dict", "lora"])
def test_the_state_dict_inside(tmp_path: Path, suffix: str, wrapper: str) -> None:
    path = tmp_path / f"x{suffix}"
    torch.save({wrapper: TENSORS, "epoch": 3} if wrapper else TENSORS, path)
    found = network.load(path, allow_pickle=True)
    (module,) = found.modules
    assert module.key == "down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
    with found.open() as read:
        assert module.build(read).rank == 4


def test_a_list_is_cloneofsimo_s(tmp_path: Path) -> None:
    tensors = [torch.ones(16, 2) if n % 2 == 0 else torch.ones(2, 16) for n in range(288)]
    torch.save([torch.nn.Parameter(tensor) for tensor in tensors], tmp_path / "x.pt")
    found = network.load(tmp_path / "x.pt", allow_pickle=True)
    assert found.formats == ("cloneofsimo",)
    assert len(found.modules) == 144


def test_refused_where_not_allowed(tmp_path: Path) -> None:
    torch.save(TENSORS, tmp_path / "x.pt")
    with pytest.raises(FileError, match="allow pickles"):
        network.load(tmp_path / "x.pt")


class Program:
    """Unpickled, it would run a command."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch /tmp/live-lora-was-here",)


def test_a_program_is_not_run(tmp_path: Path) -> None:
    torch.save({"state_dict": TENSORS, "x": Program()}, tmp_path / "x.pt")
    with pytest.raises(FileError, match="more than tensors"):
        network.load(tmp_path / "x.pt", allow_pickle=True)


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04", b"\x80\x02", b"<!doctype html>", bytes(100), b"\x80\x05K\x01."]
)
def test_broken_pickles(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.pt"
    path.write_bytes(content)
    with pytest.raises(FileError):
        network.load(path, allow_pickle=True)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ({"string_to_param": {"*": torch.ones(1, 768)}, "name": "x"}, "textual inversion"),
        ({768: ({"linear.0.weight": torch.ones(2, 2)},), "layer_structure": [1]}, "hypernetwork"),
        ({"<fox>": torch.ones(768)}, "textual inversion"),
        ({}, "without tensors"),
    ],
)
def test_other_pickles_are_refused_by_what_they_are(
    tmp_path: Path, content: Any, what: str
) -> None:
    torch.save(content, tmp_path / "x.pt")
    with pytest.raises(NotALora, match=what):
        network.load(tmp_path / "x.pt", allow_pickle=True)


def test_a_list_that_holds_itself(tmp_path: Path) -> None:
    content: list[Any] = [TENSORS]
    content.append(content)
    torch.save(content, tmp_path / "x.pt")
    with pytest.raises(NotALora):
        network.load(tmp_path / "x.pt", allow_pickle=True)


def test_a_pickle_that_changed_or_went_while_in_use(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    torch.save(TENSORS, path)
    found = network.load(path, allow_pickle=True)
    torch.save({"other": torch.ones(2)}, path)
    with pytest.raises(FileError, match="changed"), found.open() as read:
        found.modules[0].build(read)
    path.unlink()
    with pytest.raises(FileError, match="gone"), found.open():
        pass

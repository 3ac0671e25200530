"""What goes wrong with one file costs that file's tags: all others act."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import live_lora
import pytest
import torch
from live_lora.network import Module, Network
from live_lora.session.report import StrictError
from safetensors.torch import save_file
from torch import nn

LAYERS = {"good": "conv_in", "bad": "conv_out"}


@pytest.fixture
def unet() -> nn.Module:
    model = nn.Module()
    model.conv_in, model.conv_out = nn.Conv2d(4, 8, 1), nn.Conv2d(4, 8, 1)
    return model


@pytest.fixture
def library(tmp_path: Path) -> Path:
    for name, layer in LAYERS.items():
        tensors = {f"lora_unet_{layer}.lora_up.weight": torch.randn(8, 2, 1, 1)}
        tensors[f"lora_unet_{layer}.lora_down.weight"] = torch.randn(2, 4, 1, 1)
        save_file(tensors, tmp_path / f"{name}.safetensors")
    return tmp_path


@pytest.mark.parametrize(
    ("owner", "method"), [(Network, "match"), (Network, "open"), (Module, "build")]
)
def test_an_error_nobody_foresaw_is_its_tags_refusal(
    unet: Any,
    library: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    owner: type,
    method: str,
) -> None:
    """An AttributeError of ours once ended every generation of a webui with torch 2.0."""
    works = getattr(owner, method)

    def fails(self: Any, *args: Any, **kwargs: Any) -> Any:
        modules = [self] if isinstance(self, Module) else self.modules
        if modules[0].key == LAYERS["bad"]:
            raise AttributeError("no attribute 'nbytes'")
        return works(self, *args, **kwargs)

    monkeypatch.setattr(owner, method, fails)
    with (
        caplog.at_level(logging.ERROR),
        live_lora.attach({"unet": unet}, library=library) as live,
        live.prompt("<lora:good:1> <lora:bad:1>") as run,
    ):
        unet.conv_in(torch.zeros(1, 4, 2, 2))
    assert not run.report.ok
    assert [one.name for one in run.report.networks if one.ran_total] == ["good"]
    (problem,) = run.report.problems
    assert problem.source[slice(*problem.problem.span)] == "<lora:bad:1>"
    assert "no attribute 'nbytes'" in problem.problem.message
    assert problem.cause.code == "internal"
    assert "Traceback" in caplog.text


def test_strict_raises_it(unet: Any, library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise AttributeError("nbytes")

    monkeypatch.setattr(Network, "match", fails)
    with (
        live_lora.attach({"unet": unet}, library=library, strict=True) as live,
        pytest.raises(StrictError, match="an error in Live LoRA itself"),
    ):
        live.prompt("<lora:good:1>")


def test_a_report_gives_the_code_of_a_prompts_problem_and_of_a_files(
    unet: Any, library: Path
) -> None:
    live = live_lora.attach({"unet": unet}, library=library)
    with live.prompt("a <lora:nope:1> <lora:good:x> <lora:good:1>") as run:
        problems = run.report.as_dict()["problems"]
    assert sorted(one["code"] for one in problems) == ["unknown-name", "unreadable-value"]

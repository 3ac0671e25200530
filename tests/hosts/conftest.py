"""What hosts hold: a stand-in of the webui, and small pipelines of diffusers.

The stand-in's packages are importable as `modules` for all tests of this folder.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import live_lora
import pytest

if TYPE_CHECKING:
    from standin_host import StandIn

STANDIN = str(Path(__file__).parent / "standin")
if STANDIN not in sys.path:
    sys.path.insert(0, STANDIN)


@pytest.fixture(scope="module")
def webui_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LoRA files for the stand-in's checkpoint."""
    from standin_host import make_library

    return make_library(tmp_path_factory.mktemp("Lora"))


@pytest.fixture
def fresh_webui(
    webui_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """Its library, in a webui that has generated nothing yet; ours is stopped afterwards."""
    from live_lora.hosts import webui
    from modules import processing

    monkeypatch.setattr("modules.paths.data_path", str(tmp_path))
    for name in ("cached_c", "cached_uc", "cached_hr_c", "cached_hr_uc"):
        monkeypatch.setattr(processing.Processing, name, [None, None])
    yield webui_library
    webui.stop()


@pytest.fixture
def checkpoint() -> Any:
    """The class of the webui's checkpoint: A1111's; a file may have its own."""
    from model import Checkpoint

    return Checkpoint


@pytest.fixture
def host(fresh_webui: Path, checkpoint: Any) -> StandIn:
    """The webui to generate with; a file may have its own."""
    from standin_host import StandIn

    return StandIn(fresh_webui, checkpoint)


@pytest.fixture(scope="session", params=["sd15", "sdxl"])
def pipe(request: pytest.FixtureRequest) -> Any:
    """In float64: what differs then differs for a reason, and is not the noise of a random UNet.

    A file may have its own; so for `library` and `live`.
    """
    import tiny_models as tiny
    import torch

    return getattr(tiny, request.param)().to(torch.float64)


@pytest.fixture(scope="session")
def library(pipe: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two files by diffusers' own `save_lora_weights`, with α ≠ r."""
    import tiny_models as tiny

    folder = tmp_path_factory.mktemp("Lora")
    for seed, name in enumerate(["fox", "owl"]):
        layers = {"unet_lora_layers": tiny.random_lora(pipe.unet, tiny.EVERYTHING, seed=seed)}
        for part in ("text_encoder", "text_encoder_2"):
            if getattr(pipe, part, None) is not None:
                state = tiny.random_lora(getattr(pipe, part), tiny.TEXT, seed=seed + 5)
                layers[f"{part}_lora_layers"] = state
        pipe.save_lora_weights(folder, weight_name=f"{name}.safetensors", **layers)
    return folder


@pytest.fixture
def live(pipe: Any, library: Path) -> Iterator[live_lora.Live]:
    with live_lora.attach(pipe, library=library) as live:
        yield live

"""The stand-in of the webui's packages, importable as `modules` for all tests of this folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

"""A real stable-diffusion-webui v1.10.1, started with the builtin Lora on, and with it off.

Runs where WEBUI_ROOT names a checkout that works; WEBUI_PYTHON its interpreter (default: its own
venv). Nothing in it is changed: data and models are in a temporary folder, with a small random
checkpoint. The tokenizer of CLIP has to be in its Hugging Face cache already.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from .server import Webui, make_models

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("WEBUI_ROOT"):
        return
    skip = pytest.mark.skip(reason="needs a real webui: set WEBUI_ROOT")
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two random checkpoints of one layout, and LoRA files that fit them."""
    return make_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def reference(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Webui]:
    """The webui without our extension: the builtin Lora's pictures."""
    with Webui(models, tmp_path_factory.mktemp("reference"), builtin=True, ours=False) as webui:
        yield webui


@pytest.fixture(scope="session", params=["builtin on", "builtin off"])
def webui(
    request: pytest.FixtureRequest, models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Webui]:
    """The webui with our extension dropped in."""
    data = tmp_path_factory.mktemp(request.param.replace(" ", "-"))
    with Webui(models, data, builtin=request.param == "builtin on") as webui:
        yield webui

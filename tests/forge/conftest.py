"""The real Forge, reForge and Forge Neo, each started with our extension and without it.

They run where FORGE_ROOT, REFORGE_ROOT and NEO_ROOT name checkouts that work, on the CPU and
offline; …_PYTHON their interpreters (default: their own venv). Nothing in them is changed: data and
models are in a temporary folder, with two random checkpoints of 640 MB.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

# The folder above is on the path, since each of these folders is a package by itself.
from webui.loras import make_loras
from webui.programs import FORKS, Program
from webui.server import Webui

from .make_checkpoints import make_checkpoints

HERE = Path(__file__).parent


@pytest.fixture(scope="session", params=FORKS)
def program(request: pytest.FixtureRequest) -> Program:
    """Each of the three that the environment names."""
    found = FORKS[request.param]
    if found.root is None:
        pytest.skip(f"needs a real {request.param}: set {found.variable}")
    return found


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two random checkpoints of one layout, and LoRA files that fit them."""
    folder = tmp_path_factory.mktemp("models")
    make_checkpoints(folder / "Stable-diffusion")
    make_loras(folder / "Stable-diffusion", folder / "Lora", others={})
    return folder


@pytest.fixture(scope="session")
def reference(
    program: Program, models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Webui]:
    """The program without our extension: its own LoRA's pictures."""
    data = tmp_path_factory.mktemp("reference")
    with Webui(models, data, builtin=True, ours=False, program=program) as webui:
        yield webui


@pytest.fixture(scope="session")
def webui(
    program: Program, models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Webui]:
    """The program with our extension dropped in."""
    data = tmp_path_factory.mktemp("ours")
    with Webui(models, data, builtin=True, program=program) as webui:
        yield webui

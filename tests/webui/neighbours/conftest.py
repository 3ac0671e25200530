"""Other extensions beside ours on a real webui: one by one, and all together.

Runs where WEBUI_NEIGHBOURS names a folder with their checkouts, each under the name of its
repository, and what they import is in the webui's environment. Each module says whom it is about.
"""

from __future__ import annotations

import base64
import io
import os
import subprocess
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ..programs import A1111
from ..server import Picture, Webui

ALL = (
    "sd-webui-regional-prompter",
    "multidiffusion-upscaler-for-automatic1111",
    "sd-webui-controlnet",
    "adetailer",
    "sd-dynamic-prompts",
    "sd-webui-lora-block-weight",
    "a1111-sd-webui-tagcomplete",
)
# Dynamic prompts does not always register its settings; these are its own defaults.
OPTIONS: dict[str, Any] = {
    "dp_ignore_whitespace": False,
    "dp_write_raw_template": False,
    "dp_write_prompts_to_file": False,
    "dp_parser_variant_start": "{",
    "dp_parser_variant_end": "}",
    "dp_parser_wildcard_wrap": "__",
    "dp_limit_jinja_prompts": False,
    "dp_auto_purge_cache": False,
    "dp_wildcard_manager_no_dedupe": False,
    "dp_wildcard_manager_no_sort": False,
    "dp_wildcard_manager_shuffle": False,
    "dp_magicprompt_default_model": "Gustavosta/MagicPrompt-Stable-Diffusion",
    "dp_magicprompt_batch_size": 1,
}


def checkouts(names: Sequence[str]) -> list[Path]:
    """The folders of these extensions; skips where one is missing."""
    folder = os.environ.get("WEBUI_NEIGHBOURS")
    if folder is None:
        pytest.skip("needs checkouts of other extensions: set WEBUI_NEIGHBOURS")
    missing = [name for name in names if not Path(folder, name).is_dir()]
    if missing:
        pytest.skip(f"not in WEBUI_NEIGHBOURS: {', '.join(missing)}")
    return [Path(folder, name) for name in names]


@pytest.fixture(scope="module")
def builtin(
    request: pytest.FixtureRequest, models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Webui]:
    """The module's neighbours with the builtin Lora, without ours."""
    folders = checkouts(request.module.NEIGHBOURS)
    data = tmp_path_factory.mktemp("builtin")
    with Webui(models, data, builtin=True, ours=False, neighbours=folders, options=OPTIONS) as made:
        yield made


@pytest.fixture(scope="module", params=["alone", "together"])
def ours(
    request: pytest.FixtureRequest, models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Webui]:
    """Ours with the module's neighbours, and with all there are."""
    folders = checkouts(request.module.NEIGHBOURS if request.param == "alone" else ALL)
    data = tmp_path_factory.mktemp(request.param)
    with Webui(models, data, builtin=True, neighbours=folders, options=OPTIONS) as made:
        yield made


def halves(one: Picture, other: Picture) -> tuple[float, float]:
    """The mean difference on the left and on the right, of 255."""
    change = np.abs(one.pictures[0] - other.pictures[0])
    middle = change.shape[1] // 2
    return float(change[:, :middle].mean()), float(change[:, middle:].mean())


def first(one: Picture, other: Picture) -> int:
    """The largest difference of the first pictures, of 255; some extensions add others."""
    return int(np.abs(one.pictures[0] - other.pictures[0]).max())


@cache
def portrait() -> np.ndarray:
    """A face, 256²: of scikit-image's data, which every webui has."""
    program = "import sys; from skimage import data; sys.stdout.buffer.write(data.astronaut())"
    found = subprocess.run([A1111.python, "-c", program], check=True, capture_output=True).stdout
    return np.frombuffer(found, np.uint8).reshape(512, 512, 3)[:256, 100:356].astype(int)


def png(picture: np.ndarray) -> str:
    """As the API takes pictures."""
    stream = io.BytesIO()
    Image.fromarray(picture.astype(np.uint8)).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()

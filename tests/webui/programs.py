"""The webui and its forks: how each is started for a test, and where its ways differ."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

COMMON = "--skip-python-version-check --skip-torch-cuda-test --skip-install --api"
# A text encoder in 16 bits is rounded by these programs' own merge, which is what ours is held to.
FORGE_ONLY = (
    "--skip-prepare-environment --skip-version-check --always-cpu --attention-pytorch "
    "--clip-in-fp32"
)
LATENT = {"hr_upscaler": "Latent"}
# What the API of Forge and Forge Neo wants to know of hires fix.
SAME_MODULES = {"hr_additional_modules": ["Use same choices"], "hr_cfg": 5}


@dataclass(frozen=True)
class Program:
    """One of them.

    `variable` names its folder in the environment; `…_PYTHON` there its interpreter (default: its
    own venv). `lora` is the folder of its builtin Lora, `hires` what its API needs, `refine` the
    settings by which a refiner comes in by steps, `gguf` the folder of its package of that name,
    where it has one; with `even_parts` it cuts the AND parts of all pictures of a batch to the
    fewest.
    """

    variable: str
    flags: str
    models_flag: str = "--models-dir"
    lora: str = "Lora"
    settings: Mapping[str, Any] = field(default_factory=dict)
    hires: Mapping[str, Any] = field(default_factory=lambda: LATENT)
    refine: Mapping[str, Any] = field(default_factory=dict)
    gguf: str | None = None
    even_parts: bool = True

    @property
    def root(self) -> str | None:
        """None where the environment does not name it: then its tests are skipped."""
        return os.environ.get(self.variable)

    @property
    def python(self) -> str:
        """Its interpreter."""
        own = Path(str(self.root), "venv", "bin", "python")
        return os.environ.get(self.variable.replace("ROOT", "PYTHON")) or str(own)


A1111 = Program(
    "WEBUI_ROOT",
    f"{COMMON} --skip-prepare-environment --skip-version-check --use-cpu all --no-half "
    "--precision full --opt-sdp-attention --no-download-sd-model --do-not-download-clip "
    "--disable-console-progressbars",
    even_parts=False,
)
FORGE = Program(
    "FORGE_ROOT",
    f"{COMMON} {FORGE_ONLY} --all-in-fp32 --gradio-allowed-path .",
    lora="sd_forge_lora",
    hires=LATENT | SAME_MODULES,
    gguf="packages_3rdparty",
)
REFORGE = Program("REFORGE_ROOT", f"{COMMON} {FORGE_ONLY} --use-cpu all --no-half --precision full")
NEO = Program(
    "NEO_ROOT",
    # Without the path it would serve none of its scripts.
    f"{COMMON} --cpu --fp32-text-enc --gradio-allowed-path .",
    models_flag="--model-ref",
    lora="sd_forge_lora",
    settings={
        "VERSION_UID": "PY313",  # else it waits for Enter where its Python is another
        "show_refiner": True,  # else nothing puts the weights back after its quick refiner
        # What tests override, as in server.py
        "refiner_use_steps": False,
        "refiner_fast_sd": False,
        "refiner_lora_replacement": "high_noise=low_noise",
    },
    hires=SAME_MODULES | {"hr_upscaler": "None"},
    refine={"refiner_use_steps": True},
    gguf="modules_forge/packages",
)
FORKS = {"Forge": FORGE, "reForge": REFORGE, "Forge Neo": NEO}

"""A model whose UNet is a .gguf file, and its other parts beside it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from webui.server import Webui

HERE = Path(__file__).parent
PARTS = {"vae": "first_stage_model.", "clip_l": "cond_stage_model.transformer."}


def make(webui: Webui) -> dict[str, Any]:
    """Writes small-a's parts as files of their own; the options that load them."""
    models, program = webui.models, webui.program
    checkpoint = models / "Stable-diffusion" / "small-a.safetensors"
    target, parts = models / "Stable-diffusion" / "quantised.gguf", []
    if not target.exists():
        packages = Path(str(program.root), str(program.gguf))
        script = HERE / "write_gguf.py"
        command = [program.python, str(script), str(packages), str(checkpoint), str(target)]
        subprocess.run(command, check=True, capture_output=True)
    for name, prefix in PARTS.items():
        parts.append(models / f"{name}.safetensors")
        if not parts[-1].exists():
            whole = load_file(checkpoint)
            found = {k.removeprefix(prefix): v for k, v in whole.items() if k.startswith(prefix)}
            save_file(found, parts[-1])
    webui.post("/sdapi/v1/refresh-checkpoints")
    return {
        "sd_model_checkpoint": target.name,
        "forge_additional_modules": [str(part) for part in parts],
    }

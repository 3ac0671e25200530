"""Says how much is downloaded with PyTorch's usual build, where that is gigabytes of CUDA.

python -m tools.torch_download torch==2.13.0
"""

from __future__ import annotations

import re
import subprocess
import sys

# The sum for torch 2.13.0 on Linux, x86_64, for where there is no uv to ask.
USUALLY = 2.7e9


def main(torch: str) -> None:
    """Before the download, so that it can be stopped."""
    size = download_size(torch)
    if size:
        print(
            "There is no NVIDIA GPU here, and PyTorch's CPU build could not be had from "
            "download.pytorch.org.\nThe usual build comes instead: "
            f"about {size / 1e9:.1f} GB to download, most of it for NVIDIA GPUs.\n"
            f"To avoid that, press Ctrl+C, install a CPU build of {torch} for {sys.executable}\n"
            "(https://pytorch.org/get-started/locally: Linux, Pip, CPU) and start again.",
            flush=True,
        )


def download_size(torch: str) -> float:
    """Bytes, of torch and all that it needs; 0 where nothing of CUDA is in it."""
    compile_ = (sys.executable, "-m", "uv", "pip", "compile", "--format", "pylock.toml", "-")
    done = subprocess.run(compile_, input=torch, capture_output=True, text=True)
    if done.returncode:
        return USUALLY
    if 'name = "nvidia-' not in done.stdout:
        return 0
    return sum(map(int, re.findall(r"^wheels = .*?\bsize = (\d+)", done.stdout, re.M | re.S)))


if __name__ == "__main__":
    main(sys.argv[1])

"""Writes requirements/test.txt, app.txt and cluster.txt, by uv: `python install.py lock`.

One resolution of pyproject.toml for every Python and system that is supported. Without options
only what no longer fits is changed; `--upgrade` takes the newest of everything, and
`--upgrade-package gradio` of one. The app's packages are the tests' in the same versions, and so
are those that a cluster has besides Ray.
"""

from __future__ import annotations

import subprocess
import sys

COMPILE = (
    *("uv", "pip", "compile", "pyproject.toml", "--quiet", "--universal", "--python-version"),
    *("3.10", "--generate-hashes", "--custom-compile-command", "python install.py lock"),
    *("--constraints", "requirements/torch.txt", "--no-emit-package", "torch"),
    *("--excludes", "requirements/cuda.txt", "--no-emit-package", "live-lora"),
)
LIKE_TEST = ("--constraints", "requirements/test.txt", "--no-annotate")


def main(options: list[str]) -> int:
    """The exit status of the first of uv's runs that failed."""
    for extra, limits in (("test", ()), ("app", LIKE_TEST), ("cluster", LIKE_TEST)):
        written = ("--extra", extra, "--output-file", f"requirements/{extra}.txt")
        command = (sys.executable, "-m", *COMPILE, *written, *limits, *options)
        status = subprocess.run(command).returncode
        if status:
            return status
    print("requirements/test.txt, app.txt and cluster.txt are written")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

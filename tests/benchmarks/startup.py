"""The CPU time that the extension takes at a start of the webui and of each fork, by part.

    NEO_ROOT=… FORGE_ROOT=… REFORGE_ROOT=… WEBUI_ROOT=… python tests/benchmarks/startup.py

Summed over our script (all imports of ours) and our callbacks: CPU time of the whole process while
they run. The first start after an install or an update is told apart, since Python compiles all of
our files then and keeps the result; the bound is that of every other start.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import conftest  # noqa: F401  (mounts live_lora)
from webui.programs import A1111, FORKS, Program
from webui.server import Webui

CLOCK = Path(__file__).resolve().parent / "clock"
LIMIT = 0.3  # seconds


def spent(program: Program) -> list[dict[str, float]]:
    """Seconds by part, of the first start and of the one after it, without any model."""
    with TemporaryDirectory() as name:
        models, data = Path(name, "models"), Path(name, "data")
        for folder in (models / "Stable-diffusion", models / "Lora", data):
            folder.mkdir(parents=True)
        flags = ["--skip-load-model-at-start"] if program is A1111 else []
        webui = Webui(models, data, builtin=True, flags=flags, program=program, neighbours=[CLOCK])
        clock = data / "clock.json"
        with webui:
            first = json.loads(clock.read_text())
            webui.stop()
            clock.unlink()
            webui.start()
            return [first, json.loads(clock.read_text())]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # or each would be a first start
    for name, program in {"A1111": A1111, **FORKS}.items():
        for _ in range(options.rounds if program.root else 0):
            first, later = spent(program)
            total = sum(later.values())
            verdict = "" if total <= LIMIT else f": more than {LIMIT} s"
            print(
                f"{name}: {total:.3f} s of CPU{verdict}; the first start {sum(first.values()):.3f}"
            )
            for part, seconds in sorted(later.items(), key=lambda item: -item[1]):
                print(f"    {part:20} {seconds:.3f} s; the first {first.get(part, 0.0):.3f} s")


if __name__ == "__main__":
    main()

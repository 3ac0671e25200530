"""The CPU time that the extension takes at a start of the webui and of each fork, by part.

    NEO_ROOT=… FORGE_ROOT=… REFORGE_ROOT=… WEBUI_ROOT=… python tests/benchmarks/startup.py

Summed over our script (all imports of ours) and our callbacks, in the thread that runs them; what
the library's index reads later, in a thread of its own, is not in it. Each is the first start of a
fresh copy, so that Python compiles all of our files; a later start finds them compiled.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import conftest  # noqa: F401  (mounts live_lora)
from webui.programs import A1111, FORKS, Program
from webui.server import Webui

CLOCK = Path(__file__).resolve().parent / "clock"
LIMIT = 0.3  # seconds


def spent(program: Program) -> dict[str, float]:
    """Seconds by part, of one start without any model."""
    with TemporaryDirectory() as name:
        models, data = Path(name, "models"), Path(name, "data")
        for folder in (models / "Stable-diffusion", models / "Lora", data):
            folder.mkdir(parents=True)
        flags = ["--skip-load-model-at-start"] if program is A1111 else []
        webui = Webui(models, data, builtin=True, flags=flags, program=program, neighbours=[CLOCK])
        with webui:
            found: dict[str, float] = json.loads((data / "clock.json").read_text())
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    for name, program in {"A1111": A1111, **FORKS}.items():
        for _ in range(options.rounds if program.root else 0):
            parts = spent(program)
            total = sum(parts.values())
            verdict = "" if total <= LIMIT else f"  more than {LIMIT} s"
            print(f"{name}: {total:.3f} s of CPU{verdict}")
            for part, seconds in sorted(parts.items(), key=lambda item: -item[1]):
                print(f"    {part:20} {seconds:.3f} s")


if __name__ == "__main__":
    main()

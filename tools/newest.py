"""What the newest versions change, and what they break: `python install.py test --newest`.

A warning for whoever looks after the project, before users meet the same. Continuous integration
does not run it: it would turn red without a commit.
"""

from __future__ import annotations

import re
import sys

from tools import checks
from tools.locked import ROOT, installed, locked

# The environment's own tools, ourselves, and what torch brings for NVIDIA GPUs.
NOT_LOCKED = re.compile(r"pip|uv|live-lora|nvidia-.*|cuda-.*|triton")


def main(options: list[str]) -> int:
    """Runs the checks, then says what differs; the exit status is the checks'."""
    status = checks.main(options)
    print(*table({**locked(), **torch_locked()}, installed()), sep="\n")
    print("All checks pass with these." if status == 0 else "With these, not all checks pass.")
    return status


def torch_locked() -> dict[str, str]:
    """torch, whose version has a file of its own."""
    name, _, version = (ROOT / "requirements/torch.txt").read_text(encoding="utf-8").partition("==")
    return {name: version.strip()}


def table(old: dict[str, str], new: dict[str, str]) -> list[str]:
    """A line for each package whose version differs."""
    new = {name: version.split("+")[0] for name, version in new.items()}  # torch: without +cpu
    names = sorted(name for name in old.keys() | new.keys() if not NOT_LOCKED.fullmatch(name))
    rows = [(name, old.get(name, "none"), new.get(name, "none")) for name in names]
    rows = [row for row in rows if row[1] != row[2]]
    if not rows:
        return ["Nothing is newer than the lock."]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return [
        f"What differs from requirements ({len(rows)}):",
        *(f"  {name:{widths[0]}}  {was:>{widths[1]}} -> {now}" for name, was, now in rows),
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

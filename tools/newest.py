"""What the newest versions change, and what they break: `python install.py test --newest`.

A warning for whoever looks after the project, before users meet the same. Continuous integration
does not run it: it would turn red without a commit.
"""

from __future__ import annotations

import sys

from tools import checks
from tools.locked import installed, locked

# The environment's own tools, and ourselves.
NOT_LOCKED = {"pip", "uv", "live-lora"}


def main(options: list[str]) -> int:
    """Runs the checks, then says what differs; the exit status is the checks'."""
    status = checks.main(options)
    print(*table(locked(), installed()), sep="\n")
    print("All checks pass with these." if status == 0 else "With these, not all checks pass.")
    return status


def table(old: dict[str, str], new: dict[str, str]) -> list[str]:
    """A line for each package whose version differs."""
    names = sorted(old.keys() | new.keys() - NOT_LOCKED)
    rows = [(name, old.get(name, "none"), new.get(name, "none")) for name in names]
    rows = [row for row in rows if row[1] != row[2]]
    if not rows:
        return ["Nothing is newer than the lock."]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return [
        f"{len(rows)} packages differ from requirements/test.txt:",
        *(f"  {name:{widths[0]}}  {was:>{widths[1]}} → {now}" for name, was, now in rows),
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

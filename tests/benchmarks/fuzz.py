"""20,000 damaged LoRA files, each refused with a reason or used correctly.

    python tests/benchmarks/fuzz.py [COUNT] [SEED]

Prints what became of them, the time, and the growth of the process' memory; stops at the first
file that is neither, and leaves it in the folder it names.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import conftest  # noqa: F401  mounts the package
import fuzzing

ROUND = 500


def main(count: int = 20_000, seed: int = 1) -> None:
    """Runs the campaign in rounds of 500."""
    folder = Path(tempfile.mkdtemp(prefix="live-lora-fuzz-"))
    print(f"files that fail are left in {folder}")
    results: Counter[str] = Counter()
    started = time.perf_counter()
    before = 0
    for number in range(0, count, ROUND):
        results += fuzzing.campaign(min(ROUND, count - number), seed * 1_000_000 + number, folder)
        before = before or peak()
    elapsed = time.perf_counter() - started
    print(", ".join(f"{name}: {number:,}" for name, number in results.most_common()))
    print(f"{elapsed:.0f} s, {elapsed / count * 1e3:.1f} ms a file")
    print(f"peak memory after the first {ROUND}: {before} MB, at the end: {peak()} MB")


def peak() -> int:
    """The most memory the process ever had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

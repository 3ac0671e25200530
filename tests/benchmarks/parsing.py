"""The processor time parsing takes, and that it is linear: `python tests/benchmarks/parsing.py`.

Prints one line per text: 100 kB, 1 MB, and how many times longer the latter takes (12 at most).
"""

from __future__ import annotations

import gc
import sys
from importlib.metadata import version
from pathlib import Path
from statistics import median
from time import process_time

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import conftest  # noqa: F401  (mounts the package)
from live_lora import parse

KILO, MEGA = 100_000, 1_000_000

PROMPT = (
    "masterpiece, best quality, (a fox:1.2) in [deep:thin:0.4] snow, <lora:fox style:0.8>, "
    "[<lora:winter:0.7>:<lora:spring:0.7>:0.5], soft light, volumetric fog, (detailed fur:1.1), "
    "<lora:film grain:0@0;0.6@0.5:lbw=OUTD>, 35mm photo, bokeh, [morning|evening] sun, "
)

HOSTILE = {
    "<": "<",
    "[": "[",
    "(": "(",
    "\\": "\\",
    "<lora:": "<lora:",
    '<lora:"': '<lora:"',
    '<lora:a="': '<lora:a="',
    "<lora:a:x> (broken)": "<lora:a:x>",
    "<lora:a:1> (sound)": "<lora:a:1>",
    "[<lora:a:1>": "[<lora:a:1>",
    "[<lora:a:1>:3]": "[<lora:a:1>:3]",
    "nested": "",
    "different broken tags": "",
}


def text(name: str, size: int) -> str:
    """About `size` characters of hostile text; a tag at the end makes all of it count."""
    if name == "nested":
        depth = size // 4
        return "[" * depth + "<lora:a:1>" + ":3]" * depth
    if name == "different broken tags":
        return "".join(f"<lora:a:x{index}>" for index in range(size // 15))
    unit = HOSTILE[name]
    return unit * (size // len(unit)) + " <lora:a:1>"


def seconds(prompt: str, repeat: int = 1) -> float:
    """The fastest of some runs."""
    best = float("inf")
    for _ in range(repeat):
        gc.collect()  # what the run before has left is not this one's work
        start = process_time()
        parse(prompt)
        best = min(best, process_time() - start)
    return best


def main() -> None:
    """Prints the table."""
    print(f"lark {version('lark')}")
    # Tags are kept by their text: each time other ones, as of a user who is writing.
    prompts = [(PROMPT * 3)[:670].replace("lora:", f"lora:{index:02}") for index in range(50)]
    first, *others = (seconds(prompt) for prompt in prompts)
    print(
        f"670 characters: {1000 * median(others):.2f} ms ({1000 * seconds(prompts[0]):.2f} again)"
    )
    print(f"the first time, with the parsers to build: {1000 * first:.0f} ms")
    print(f"1 MB without tags: {seconds('a fox, [in|on] (snow:1.2) ' * 40_000, 3):.3f} s")
    for name in HOSTILE:
        small, large = seconds(text(name, KILO), 3), seconds(text(name, MEGA), 3)
        print(f"{name:<24} {small:8.3f} s {large:8.3f} s  x {large / small:5.1f}")


if __name__ == "__main__":
    main()

"""The server's time for a large library: AUTOMATIC1111's own cards, and ours, in the same webui.

    WEBUI_ROOT=… python tests/benchmarks/builtin_cards.py [--files 10000]

CPU of the whole process. The builtin reads all files when it starts, and keeps their metadata in a
cache of its own; it makes the HTML of all cards for each of two tabs. Ours reads in the background.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent))
import conftest  # noqa: F401  (mounts live_lora)
from library import fill, opened, timed
from live_lora.browser.listing import Listing
from webui.server import Webui

CARDS = Path(__file__).resolve().parent / "cards"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    options = parser.parse_args()
    with TemporaryDirectory() as name:
        models, data = Path(name, "models"), Path(name, "data")
        for folder in (models / "Stable-diffusion", data):
            folder.mkdir(parents=True)
        fill(models / "Lora", options.files)
        found = builtin(models, data)
        print(f"{options.files:,} files; AUTOMATIC1111's own cards:")
        print(f"    {1000 * found['listed']:8.0f} ms of CPU to list them once more")
        print(f"    {1000 * found['again']:8.0f} ms of CPU again")
        print(f"    {1000 * found['made']:8.0f} ms of CPU for the cards of one tab of two:")
        print(f"    {found['size'] / 1e6:8.1f} MB of HTML, {found['nodes']:,} elements")
        print("ours:")
        catalog = opened(models / "Lora", data / "cache of ours")
        timed("a scan", catalog.scan)
        timed("a first look at all", catalog.read_all)
        timed("a scan again", catalog.scan)
        listing = Listing(catalog, "SDXL")
        answer, _ = timed("the page's index, once", listing.answer)
        print(f"    {len(answer) / 1e6:8.1f} MB of JSON")
        timed("the page's index again", listing.answer)


def builtin(models: Path, data: Path) -> dict[str, Any]:
    """What it measured of itself."""
    flags = ["--skip-load-model-at-start"]
    began = time.monotonic()
    options = {"lora_show_all": True}  # it would look for a model to compare with
    with Webui(
        *(models, data),
        builtin=True,
        ours=False,
        flags=flags,
        neighbours=[CARDS],
        options=options,
    ) as webui:
        print(f"its start took {time.monotonic() - began:.0f} s")
        found: dict[str, Any] = webui.get("/cards")
        return found


if __name__ == "__main__":
    main()

"""How long a large library takes: scan, names, the index of a page, with and without the cache.

    python tests/benchmarks/library.py [--files 10000]

The files are links to a few that have the headers of SD 1.5 (792 tensors) and SDXL (2,958)
LoRAs, in 50 folders, each with a sidecar; the disk's cache is warm.
"""

from __future__ import annotations

import argparse
import json
import os
import struct
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import conftest  # noqa: F401  (mounts live_lora)
from live_lora import network
from live_lora.browser import cards
from live_lora.errors import UnknownName
from live_lora.library import header
from live_lora.library.catalog import Catalog
from live_lora.library.hashes import hash_file
from live_lora.library.header import Header

MODULES = (264, 264, 986)  # of two SD 1.5 LoRAs and an SDXL one; three tensors each
T = TypeVar("T")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    with TemporaryDirectory() as name:
        run(Path(name), parser.parse_args().files)


def run(folder: Path, files: int) -> None:
    root, cache = folder / "Lora", folder / "cache"
    masters = [master(folder / f"{at}.safetensors", n) for at, n in enumerate(MODULES)]
    for number in range(files):
        fill(root / f"folder {number % 50}", number, masters[number % len(masters)])
    catalog = Catalog([root], cache=cache, guess=guess)
    print(f"{files:,} files")
    timed("first scan", catalog.scan)
    timed("scan again", catalog.scan)
    timed("a name", lambda: catalog.find("lora 77"))
    timed("the next name", lambda: catalog.find("folder 1/lora 1"))
    timed("first look at every header", lambda: catalog.look(1e9))
    timed("an unknown name", lambda: miss(catalog, "lroa 12"))
    timed("the next unknown name", lambda: miss(catalog, "lroa 13"))
    timed("the page's index", lambda: page(catalog))
    print(f"    {len(timed('the same again', lambda: page(catalog))) / 1e6:.1f} MB of JSON")
    started = Catalog([root], cache=cache, guess=guess)
    timed("a new start: the page's index", lambda: page(started))
    one_file(folder, masters)


def one_file(folder: Path, masters: list[Path]) -> None:
    for path, modules in zip(masters[1:], MODULES[1:], strict=True):
        timed(f"one header of {3 * modules:,} tensors", lambda path=path: header.read(path))
        timed("    its metadata alone", lambda path=path: header.read_metadata(path))
    large = folder / "large.pt"
    large.write_bytes(bytes(200_000_000))
    timed("hashes of 200 MB", lambda: hash_file(large))


def timed(what: str, work: Callable[[], T]) -> T:
    began = time.perf_counter()
    result = work()
    print(f"{what:36} {1000 * (time.perf_counter() - began):10.1f} ms", flush=True)
    return result


def page(catalog: Catalog) -> str:
    return json.dumps(cards.library(catalog, "SDXL"))


def miss(catalog: Catalog, name: str) -> None:
    with suppress(UnknownName):
        catalog.find(name)


def guess(path: Path, header: Header) -> str:
    """The base model, from the shapes of all layers."""
    return network.load(path, header=header).base.name


def master(path: Path, modules: int) -> Path:
    """A sparse file with kohya's keys, rank 16, fp16."""
    content: dict[str, object] = {"__metadata__": {"ss_output_name": path.stem}}
    at = 0
    for number in range(modules):
        module = f"lora_unet_input_blocks_{number}_1_transformer_blocks_0_attn1_to_q"
        for tail, shape in (
            ("lora_up.weight", [640, 16]),
            ("lora_down.weight", [16, 640]),
            ("alpha", []),
        ):
            size = 2 * (640 * 16 if shape else 1)
            content[f"{module}.{tail}"] = {
                "dtype": "F16",
                "shape": shape,
                "data_offsets": [at, at + size],
            }
            at += size
    raw = json.dumps(content, separators=(",", ":")).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(raw)) + raw)
        file.truncate(8 + len(raw) + at)
    return path


def fill(folder: Path, number: int, source: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    os.link(source, folder / f"lora {number}.safetensors")
    notes = {"activation text": f"style {number}", "preferred weight": 0.8, "notes": "n" * 200}
    (folder / f"lora {number}.json").write_text(json.dumps(notes))


if __name__ == "__main__":
    main()

"""How long a large library takes: scan, first look, the page's index, with and without the cache.

    python tests/benchmarks/library.py [--files 10000]

The headers are those of the real key lists (tests/data/keylists), each in four variants with other
metadata; one file in 20 is damaged, one in three has sidecars and a preview. The files are sparse:
what is measured is headers, not tensors. The disk's cache is warm. CPU is this process's.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import conftest  # noqa: F401  (mounts live_lora)
from host_trees import KEYLISTS
from live_lora.browser.listing import Listing
from live_lora.errors import UnknownName
from live_lora.library import header
from live_lora.library.catalog import Catalog
from live_lora.library.hashes import hash_file
from live_lora.library.store import Store
from live_lora.network.glance import glance
from live_lora.session.session import base_name

T = TypeVar("T")
VARIANTS = 4
FOLDERS = 50
PREVIEW = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8cfc0"
    "000003010100c9fe92ef0000000049454e44ae426082"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--make", type=Path, help="only make the library, in this folder")
    parser.add_argument("--warm", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.warm:
        warm(options.warm)
        return
    if options.make:
        fill(options.make, options.files)
        return
    with TemporaryDirectory() as name:
        run(Path(name), options.files)


def run(folder: Path, files: int) -> None:
    root, cache = folder / "Lora", folder / "cache"
    distinct = fill(root, files)
    print(f"{files:,} files, {distinct} distinct headers")
    before = memory()
    catalog = opened(root, cache)
    listing = Listing(catalog, "SDXL")
    timed("first scan", catalog.scan)
    timed("the page's index before anything is read", listing.answer)
    _, used = timed("first look at every file", catalog.read_all)
    print(f"{'':36} {1000 * used / files:10.2f} ms of CPU a file")
    answer, _ = timed("the page's index", Listing(catalog, "SDXL").answer)
    print(
        f"    {len(answer) / 1e6:.1f} MB of JSON, {len(gzip.compress(answer.encode(), 3)):,} packed"
    )
    timed("    packed", lambda: gzip.compress(answer.encode(), 3))
    since = json.loads(listing.answer())["since"]
    timed("what changed since, where nothing did", lambda: listing.answer(since))
    timed("scan again", catalog.scan)
    timed("60 files in sight", lambda: catalog.notice(list(catalog.snapshot.by_id)[:60]))
    timed("a name", lambda: catalog.find("lora 77"))
    timed("an unknown name", lambda: miss(catalog, "lroa 12"))
    print(f"{'memory after the first reading':42} {memory() - before:10.0f} MB more")
    hashed(catalog, cache)
    again = [sys.executable, __file__, "--warm", str(folder)]
    subprocess.run(again, check=True)
    one_file(folder, root)


def hashed(catalog: Catalog, cache: Path) -> None:
    """As if the background had been through all files: hashes, which no sparse file is worth."""
    store = Store(cache / "library.sqlite")
    for number, entry in enumerate(catalog.entries):
        digits = f"{number:064x}", f"{number + 1:064x}", f"{number + 2:064x}"
        store.put("hashes", entry.identity, digits)
    store.flush()


def warm(folder: Path) -> None:
    """A server that starts with all that was learned before, and what it holds from then on."""
    before = memory()
    catalog = opened(folder / "Lora", folder / "cache")
    listing = Listing(catalog, "SDXL")
    _, used = timed("a warm start: scan", catalog.scan)
    _, more = timed("    the page's index", listing.answer)
    print(f"{'    in all':42} {1000 * (used + more):24.1f} ms of CPU")
    for _ in range(3):
        _, used = timed("a round without news", catalog.scan)
    timed("a name", lambda: catalog.find("lora 77"))
    timed("a hash", lambda: catalog.by_hash(f"{77:064x}"))
    since = json.loads(listing.answer())["since"]
    timed("what changed since", lambda: listing.answer(since))
    print(f"{'memory of the server, all known':42} {memory() - before:10.0f} MB more")


def opened(root: Path, cache: Path) -> Catalog:
    return Catalog([root], cache=cache, guess=base_name, glance=glance)


def one_file(folder: Path, root: Path) -> None:
    largest = max(root.rglob("*.safetensors"), key=lambda path: header_size(path))
    timed("the longest header, parsed and checked", lambda: header.read(largest))
    timed("    matched with every base", lambda: base_name(largest, header.read(largest)))
    large = folder / "large.pt"
    large.write_bytes(bytes(200_000_000))
    timed("hashes of 200 MB", lambda: hash_file(large))


def header_size(path: Path) -> int:
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
    return length if length < path.stat().st_size else 0


def memory() -> float:
    """What this process holds, in MB; 0 where the system does not tell."""
    with suppress(OSError):
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    return 0.0


def timed(what: str, work: Callable[[], T]) -> tuple[T, float]:
    """The result and the seconds of CPU."""
    began, cpu = time.perf_counter(), time.process_time()
    result = work()
    used = time.process_time() - cpu
    wall = 1000 * (time.perf_counter() - began)
    print(f"{what:42} {wall:10.1f} ms {1000 * used:10.1f} ms of CPU", flush=True)
    return result, used


def miss(catalog: Catalog, name: str) -> None:
    with suppress(UnknownName):
        catalog.find(name)


def fill(root: Path, files: int) -> int:
    """Makes the library; the number of distinct headers."""
    masters = [
        master(root.parent / "masters" / f"{path.name}-{variant}.safetensors", path, variant)
        for path in sorted(KEYLISTS.glob("*.json.gz"))
        for variant in range(VARIANTS)
    ]
    for number in range(files):
        place(root / f"folder {number % FOLDERS}", number, masters[number % len(masters)])
    return len(masters)


def master(path: Path, keylist: Path, variant: int) -> Path:
    """A sparse file with the keys of a list."""
    with gzip.open(keylist) as file:
        shapes = json.load(file)
    tags = {f"tag {n}": n for n in range(100 * variant)}
    content: dict[str, object] = {
        "__metadata__": {
            "ss_output_name": f"{path.stem} {variant}",
            "ss_tag_frequency": json.dumps({"set": tags}),
        }
    }
    at = 0
    for key, shape in shapes.items():
        size = 2
        for length in shape:
            size *= length
        content[key] = {"dtype": "F16", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    raw = json.dumps(content, separators=(",", ":")).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(raw)) + raw)
        file.truncate(8 + len(raw) + at)
    return path


def place(folder: Path, number: int, source: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"lora {number}.safetensors"
    if number % 20 == 7:
        file.write_bytes(source.read_bytes()[:5000])
    else:
        os.link(source, file)
    if number % 3 == 0:
        notes = {"activation text": f"style {number}", "preferred weight": 0.8, "notes": "n" * 200}
        file.with_suffix(".json").write_text(json.dumps(notes))
        civitai = {
            "trainedWords": [f"w{number}, x"],
            "model": {"tags": ["style", f"t{number % 40}"]},
        }
        file.with_suffix(".civitai.info").write_text(json.dumps(civitai))
        file.with_suffix(".png").write_bytes(PREVIEW)


if __name__ == "__main__":
    main()

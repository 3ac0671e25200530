"""Ends a move before every one of its system calls, as kill -9 does, and looks what is there.

A program of its own, since it forks: `python stops.py SCENARIO FOLDER`. Prints the number of stops.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
import conftest  # noqa: F401
from live_lora.library.bulk import bin as bins
from live_lora.library.bulk.moves import move, recover
from live_lora.library.walk import BIN

from library.files import lora

CHANGING = {"open", "os.mkdir", "os.link", "os.symlink", "os.rename", "os.remove", "os.rmdir"}
CHANGING |= {"os.chmod", "os.utime", "os.truncate", "os.listxattr", "os.setxattr"}
ENDINGS = (
    *(".json", ".civitai.info", ".preview.png", ".preview.mp4", ".example-1.jpg"),
    ".metadata.json",
)
KILLED = 9


def stopping_at(number: int) -> None:
    """This process ends before its call of this number."""
    left = [number]

    def count(event: str, arguments: object = ()) -> None:
        if event in CHANGING:
            left[0] -= 1
            if left[0] < 0:
                os._exit(KILLED)

    sys.addaudithook(count)
    os.fsync = lambda handle: count("open")  # is not told to hooks


def no_links(*_: object, **__: object) -> None:
    raise OSError(errno.EPERM, "Operation not permitted")


def make(root: Path, place: str) -> Path:
    """A LoRA with its sidecars at this place, and a neighbour in `a` that nobody may touch."""
    path = lora(root / place, data=b"tensors of x")
    for ending in ENDINGS:
        path.with_suffix(ending).write_text(f"{ending} of x")
    lora(root / "a/x.metadata.safetensors").with_suffix(".txt").write_text("a neighbour's")
    return path


def is_whole(path: Path, model: bytes) -> bool:
    """Whether the LoRA and all that belongs to it stand at this path."""
    beside = all(
        path.with_suffix(ending).is_file()
        and path.with_suffix(ending).read_text() == f"{ending} of x"
        for ending in ENDINGS[:-1]
    )
    return beside and path.is_file() and path.read_bytes() == model


def rests(path: Path) -> list[str]:
    """What of it stands at this path."""
    return [e for e in (".safetensors", *ENDINGS[:-1]) if path.with_suffix(e).exists()]


ID = "20260101-000000-00000000"
HOME, BINNED = "a/x.safetensors", f"{BIN}/{ID}/a/x.safetensors"
# From where, to where, and how.
SCENARIOS: dict[str, tuple[str, str, Callable[[Path, Path], object]]] = {
    "move": (
        *(HOME, "b/c/x.safetensors"),
        lambda path, root: move(path, root / "b/c" / path.name, root),
    ),
    "rename": (
        *(HOME, "a/y.safetensors"),
        lambda path, root: move(path, root / "a/y.safetensors", root),
    ),
    "delete": (HOME, BINNED, lambda path, root: bins.delete(path, root, ID)),
    "restore": (BINNED, HOME, lambda path, root: bins.restore(root, ID)),
}


def attempt(root: Path, number: int, scenario: str, links: bool) -> bool:
    """One run that is stopped; whether it came to its end before."""
    start, place, work = SCENARIOS[scenario]
    path = make(root, start)
    model = path.read_bytes()
    child = os.fork()
    if child == 0:
        if not links:
            os.link = no_links
        stopping_at(number)
        work(path, root)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, KILLED), status
    here, there = path, root / place
    assert is_whole(here, model) or is_whole(there, model), f"apart after {number} calls"
    recover(root)
    assert is_whole(here, model) != is_whole(there, model), f"double after {number} calls"
    assert not rests(here) or not rests(there), f"scattered after {number} calls"
    spares = [one for one in root.rglob(".live-lora-*") if one.name != BIN]
    assert not spares, spares
    assert not list((root / BIN).glob(".moves/*.json"))
    assert (root / "a/x.metadata.txt").read_text() == "a neighbour's"
    if status == 0:
        assert is_whole(there, model)
    return status == 0


def main(scenario: str, links: str, folder: str) -> None:
    os.fsync = lambda handle: None  # would take most of the time
    number, ended = 0, False
    while not ended:
        root = Path(folder, str(number))
        ended = attempt(root, number, scenario, links == "links")
        shutil.rmtree(root)
        number += 1
    print(number)


if __name__ == "__main__":
    main(*sys.argv[1:])

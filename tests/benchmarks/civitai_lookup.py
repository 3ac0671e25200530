"""Ten thousand files are looked up on a site of bad weather, by a program that is killed again and
again: none may be lost, none asked for twice.

    python tests/benchmarks/civitai_lookup.py [files] [kills]
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import conftest  # noqa: F401  (mounts live_lora)
from library.civitai.site import Handler, Site, loras, running
from library.civitai.test_lookup import Weather
from live_lora.library.civitai.storing import info_of

TESTS = str(Path(__file__).resolve().parent.parent)
PROGRAM = """
import sys
sys.path[:0] = [{tests!r}]
import conftest
from pathlib import Path
from library.civitai.site import Site
from library.civitai.test_lookup import lookup
site = Site()
site.url = {url!r}
looked = lookup(site, Path({folder!r}))
print(looked.found + looked.missing, looked.found, looked.missing, looked.ended)
"""


def run(site: Site, folder: Path, seconds: float | None) -> str:
    """One run, killed after this time; what it said at its end."""
    program = PROGRAM.format(tests=TESTS, url=site.url, folder=str(folder))
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    try:
        return child.communicate(timeout=seconds)[0]
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        return ""


class Counting:
    """Bad weather that counts its faults, and each picture that was asked for.

    `needless` is how many of those were beside their file already.
    """

    def __init__(self, paths: list[Path], unknown: int) -> None:
        self.faults = self.needless = 0
        self.pictures = Counter[str]()
        self._paths, self._unknown, self._weather = paths, unknown, Weather(1)

    def __call__(self, handler: Handler) -> bool:
        went_wrong = self._weather(handler)
        self.faults += went_wrong
        if not went_wrong and handler.path.startswith("/img"):
            self.pictures[handler.path] += 1
            number = int(Path(handler.path).stem) - 1 + self._unknown
            self.needless += self._paths[number].with_suffix(".preview.png").exists()
        return went_wrong


def look_up(site: Site, folder: Path, kills: int) -> tuple[int, str]:
    """So many runs that are killed, then all that it takes: how many those were, the last words."""
    pauses = random.Random(2)
    for _ in range(kills):
        run(site, folder, pauses.uniform(2, 6))
    runs, asked, said = 0, -1, ""
    while asked != len(site.asked):  # until there is nothing left to ask
        asked = len(site.asked)
        runs, said = runs + 1, run(site, folder, None)
    return runs, said.strip()


def main(count: int = 10_000, kills: int = 20) -> None:
    """Prints what it took."""
    unknown = count // 50
    with TemporaryDirectory() as place, running() as site:
        folder = Path(place, "Lora")
        paths = loras(folder, count)
        for n, path in enumerate(paths[unknown:]):
            site.add(path, n + 1)
        counting = Counting(paths, unknown)
        site.faults.append(counting)
        began = time.monotonic()
        runs, said = look_up(site, folder, kills)
        seconds = time.monotonic() - began
        print(f"{count} files, {kills} kills, {runs} further runs, {counting.faults} faults")
        print(f"{seconds:.0f} s, {len(site.asked)} requests; said: {said}")
        tell_files(paths, unknown)
        twice = sum(times > 1 for times in counting.pictures.values())
        print(f"{counting.needless} pictures were asked for that were here")
        print(f"{twice} came twice: the program was killed while they were on their way")


def tell_files(paths: list[Path], unknown: int) -> None:
    """What is in the folder now; the first `unknown` files are none of the site's."""
    ids = [info_of(path).get("id") for path in paths]
    right = ids == [None] * unknown + list(range(1, len(paths) - unknown + 1))
    pictures = sum(path.with_suffix(".preview.png").exists() for path in paths)
    rests = [one.name for one in paths[0].parent.iterdir() if one.name.startswith(".live-lora-")]
    print(f"every file has its own facts: {right}; {pictures} pictures; rests: {rests}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

"""Asks for many files at once: a hundred by their SHA-256, the rest one by one.

What is found is on the disk at once, file by file, so that a run that ends in any way goes on where
it stood; what no site knows is noted in a file of ours.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ...errors import FileError, LiveLoraError, OnlineError
from ..catalog import Catalog
from ..hashes import Hashes
from ..lora_file import LoraFile
from ..rests import clear
from . import archive
from .client import MOST_HASHES, CivitaiClient
from .reply import NOTHING, files_with, positive
from .storing import NO_PICTURE, PictureOutcome, is_done, store, store_picture
from .transport import Stopping

SIZES_AGREE = 500_000  # bytes: twelve digits of a hash are a hint, metadata may differ
KEPT = 30 * 86400  # seconds for which "no site knows this file" is believed
MOST_FAULTS = 5  # one after the other, then the run ends: the site is not well
MOST_PROBLEMS = 100
LEVEL = 4  # NSFW level of pictures: PG to R


@dataclass(frozen=True, slots=True)
class Looked:
    """How far a lookup is: files, and what became of them. `ended` says why it ended early."""

    total: int = 0
    done: int = 0
    found: int = 0
    missing: int = 0
    now: str = ""
    problems: tuple[str, ...] = ()
    ended: str = ""

    def with_problem(self, problem: str) -> Looked:
        """The same with one more sentence."""
        return replace(self, problems=(*self.problems, problem)[-MOST_PROBLEMS:])


class Missing:
    """The SHA-256 of files that no site knows, with the time when it was asked. One line each."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._times = dict(self._read())

    def __contains__(self, sha256: str) -> bool:
        return time.time() - self._times.get(sha256, 0) < KEPT

    def add(self, sha256: str) -> None:
        """Noted at once; a line that was cut by a power failure is read as none."""
        self._times[sha256] = time.time()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="ascii") as file:
            file.write(f"\n{json.dumps([sha256, self._times[sha256]])}\n")

    def _read(self) -> Iterator[tuple[str, float]]:
        try:
            lines = self._path.read_text(encoding="ascii", errors="replace").splitlines()
        except OSError:
            return
        for line in filter(None, lines):
            try:
                sha256, at = json.loads(line)
                yield str(sha256), float(at)
            except (ValueError, TypeError):
                continue


@dataclass(slots=True)
class Lookup:
    """One run over files; `tell` hears of every step.

    Args:
        catalog: the library, which knows hashes; links lead only into its folders.
        again: also files of which the sites were asked before.
        level: NSFW level up to which example pictures are kept as previews; 0 for none.
    """

    client: CivitaiClient
    missing: Missing
    catalog: Catalog
    again: bool = False
    level: int = LEVEL
    tell: Callable[[Looked], None] = lambda looked: None
    state: Looked = field(default_factory=Looked)
    _faults: int = 0

    def run(self, entries: Sequence[LoraFile]) -> Looked:
        """Asks for all of them. Ends early when it is stopped, or when the site is not well."""
        clear({entry.folder.path for entry in entries})
        waiting = [entry for entry in entries if self.again or not is_done(entry.path)]
        known = len(entries) - len(waiting)
        self._say(total=len(entries), done=known, found=known)
        try:
            for start in range(0, len(waiting), MOST_HASHES):
                self._look(waiting[start : start + MOST_HASHES])
        except Stopping:
            self._say(ended="stopped; what was found is kept")
        except OnlineError as error:
            self._say(ended=f"{error}; what was found is kept, start again to go on")
        self._say(now="")
        return self.state

    def _look(self, entries: Sequence[LoraFile]) -> None:
        hashed = [(entry, hashes) for entry in entries if (hashes := self._hashes(entry))]
        wanted = sorted({hashes.file for _, hashes in hashed})
        versions = self.client.by_sha256(wanted) if wanted else []
        found = []
        for entry, hashes in hashed:
            version, source = _having(versions, hashes.file), "civitai"
            try:
                if version is None:
                    version, source = self._by_other_ways(entry, hashes)
                self._faults = 0
            except OnlineError as error:
                self._fault(entry, error)
            else:
                found.append((entry, hashes, version, source))
        self._store(found)

    def _store(self, found: Sequence[tuple[LoraFile, Hashes, dict[str, Any] | None, str]]) -> None:
        ids = {id for _, _, version, source in found if (id := model_id(version, source))}
        models = self.client.models(ids) if ids else {}
        for entry, hashes, version, source in found:
            if version is None:
                self.missing.add(hashes.file)
                self._say(done=self.state.done + 1, missing=self.state.missing + 1)
                continue
            picture = self._picture(entry, version) if self.level else NO_PICTURE
            try:
                model = models.get(model_id(version, source) or 0)
                store(entry.path, version, model, self.catalog.folders, source, picture)
                self._say(found=self.state.found + 1)
            except FileError as error:
                self._problem(entry, error)
            self._say(done=self.state.done + 1)

    def _picture(self, entry: LoraFile, version: dict[str, Any]) -> PictureOutcome:
        """Before the facts, so that a run that ends in between goes on with it."""
        try:
            return PictureOutcome(store_picture(entry, version, self.client, self.level))
        except LiveLoraError as error:
            self._problem(entry, error)
            return PictureOutcome(failed=isinstance(error, OnlineError))

    def _hashes(self, entry: LoraFile) -> Hashes | None:
        """None for a file that cannot be read, or that no site knew a short time ago."""
        self._say(now=entry.name)
        try:
            hashes = self.catalog.facts.hashes(entry, self.client.stopped)
        except FileError as error:
            if self.client.stopped():
                raise Stopping from error
            self._problem(entry, error)
            self._say(done=self.state.done + 1)
            return None
        if not self.again and hashes.file in self.missing:
            self._say(done=self.state.done + 1, missing=self.state.missing + 1)
            return None
        return hashes

    def _by_other_ways(self, entry: LoraFile, hashes: Hashes) -> tuple[dict[str, Any] | None, str]:
        """By the hash of its tensors, which edited metadata do not change; then the archive."""
        short = hashes.tensors[:12]
        if not entry.is_pickle and short != NOTHING:
            version = self.client.by_hash(short)
            if version and _agrees(version, short, entry.size):
                return version, "civitai"
        return archive.by_sha256(self.client, hashes.file), archive.NAME

    def _fault(self, entry: LoraFile, error: OnlineError) -> None:
        self._faults += 1
        if self._faults >= MOST_FAULTS or error.code in ("offline", "refused"):
            raise error
        self._problem(entry, error)
        self._say(done=self.state.done + 1)

    def _problem(self, entry: LoraFile, error: LiveLoraError) -> None:
        self.state = self.state.with_problem(f"{entry.name}: {error}")

    def _say(self, **changes: Any) -> None:
        self.state = replace(self.state, **changes)
        self.tell(self.state)


def model_id(version: dict[str, Any] | None, source: str) -> int | None:
    """The model to ask Civitai about."""
    return positive(version.get("modelId")) if version and source != archive.NAME else None


def _having(versions: Sequence[dict[str, Any]], sha256: str) -> dict[str, Any] | None:
    """The version with this very file; answers may hold others, or one twice."""
    return next((one for one in versions if any(files_with(one, sha256))), None)


def _agrees(version: dict[str, Any], short: str, size: int) -> bool:
    """Whether a version has a file of this tensor hash and about this size."""
    return any(
        file.size is not None and abs(file.size - size) <= SIZES_AGREE
        for file in files_with(version, short)
    )

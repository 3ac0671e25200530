"""Reads the LoRAs of jobs that wait, so that no batch has to wait for a disk."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import RLock
from typing import Any

from .. import prompt as language
from ..errors import LiveLoraError
from ..library.lora_file import LoraFile
from .jobs import DrawingJob

LOG = logging.getLogger(__name__)
LOADERS = 4  # files that are read at once: one on a slow disk leaves three to others

LoadKey = tuple[str, int, int, int | None]
# Told (name of the LoRA, seconds it took to read); None: it was in memory.
LoadCallback = Callable[[str, float | None], None]


@dataclass(slots=True)
class _Load:
    file: LoraFile
    rank: int | None
    jobs: list[DrawingJob] = field(default_factory=list)


class LoraLoading:
    """`ready` is called for each wanted job once its LoRAs are in memory, or cannot be read.

    What jobs want stays in memory until `release`. New files are read while those that are
    wanted take less than the cache's limit; then the queue has to move on first.
    """

    def __init__(
        self,
        core: Any,
        ready: Callable[[DrawingJob], None],
        told: LoadCallback = lambda name, seconds: None,
    ) -> None:
        self.core = core
        self.ready = ready
        self.told = told
        self._lock = RLock()
        self._loads: dict[LoadKey, _Load] = {}
        self._pending: deque[LoadKey] = deque()
        self._running = 0
        self._missing: dict[str, int] = {}  # files, by the job's id
        self._pins: dict[str, list[Any]] = {}
        self._threads = ThreadPoolExecutor(LOADERS, "lora")

    def want(self, job: DrawingJob, texts: Iterable[str]) -> None:
        """Reads what the prompts name and is not there yet."""
        files = self._files(texts)
        with self._lock:
            self._pins[job.id] = []
            here = [self._is_here(job, file, rank) for file, rank in files]
            self._missing[job.id] = here.count(False)
            at_once = all(here)
        if at_once:
            self.ready(job)
        self._pump()

    def release(self, job: DrawingJob) -> None:
        """The job is over: what it wanted may go."""
        with self._lock:
            for bound in self._pins.pop(job.id, ()):
                self.core.cache.let_go(bound)
            self._missing.pop(job.id, None)
            for key, load in list(self._loads.items()):
                if job in load.jobs:
                    load.jobs.remove(job)
                    if not load.jobs and key in self._pending:
                        self._pending.remove(key)
                        del self._loads[key]
        self._pump()

    def close(self) -> None:
        """Reads nothing more."""
        with self._lock:
            self._pending.clear()
        self._threads.shutdown(wait=True, cancel_futures=True)

    @property
    def resident(self) -> list[str]:
        """The names of the LoRAs in memory."""
        return sorted({bound.file.name for bound in self.core.cache})

    @property
    def held(self) -> list[LoraFile]:
        """The files in memory, and those that are being read."""
        with self._lock:
            coming = [load.file for load in self._loads.values()]
        return [bound.file for bound in self.core.cache] + coming

    def _files(self, texts: Iterable[str]) -> Sequence[tuple[LoraFile, int | None]]:
        """Those that can be found; what cannot is said by the picture's report."""
        found: dict[LoadKey, tuple[LoraFile, int | None]] = {}
        for text in texts:
            for tag in language.parse(text).tags:
                if tag.kind != "lora" or not tag.on:
                    continue
                try:
                    file = self.core.catalog.find(tag.name, hash=tag.hash)
                except LiveLoraError:
                    continue
                key: LoadKey = (*file.identity, tag.rank)
                found[key] = (file, tag.rank)
        return list(found.values())

    def _is_here(self, job: DrawingJob, file: LoraFile, rank: int | None) -> bool:
        key = (*file.identity, rank)
        if key in self._loads:
            self._loads[key].jobs.append(job)
            return False
        bound = self.core.cache.known(file, rank)
        if bound is None:
            self._loads[key] = _Load(file, rank, [job])
            self._pending.append(key)
            return False
        self._pin(job, bound)
        self.told(file.name, None)
        return True

    def _pin(self, job: DrawingJob, bound: Any) -> None:
        self.core.cache.pin(bound)
        self._pins[job.id].append(bound)

    def _pump(self) -> None:
        """Begins to read, as far as there is room."""
        with self._lock:
            while self._pending and (self._running == 0 or self._has_room()):
                self._running += 1
                self._threads.submit(self._load, self._pending.popleft())

    def _has_room(self) -> bool:
        cache = self.core.cache
        if self._running >= LOADERS:
            return False
        return bool(sum(bound.size for bound in list(cache.pinned)) < cache.limit)

    def _load(self, key: LoadKey) -> None:
        load, begin, bound = self._loads[key], time.monotonic(), None
        try:
            bound = self._read(load)
            self.told(load.file.name, time.monotonic() - begin)
        except Exception as error:  # the picture's report will say it
            level = logging.INFO if isinstance(error, LiveLoraError) else logging.ERROR
            LOG.log(level, "%s was not read: %s", load.file.name, error)
        with self._lock:
            self._running -= 1
            self._loads.pop(key, None)
            whole = [job for job in load.jobs if self._arrived(job, bound)]
        for job in whole:
            self.ready(job)
        self._pump()

    def _read(self, load: _Load) -> Any:
        core = self.core
        allow = core.options.allow_pickle
        bound = core.cache.get(load.file, load.rank, allow_pickle=allow)
        wanted = {target.id for target, _ in bound.match.matched}
        bound.build(core.model.sites, wanted, core.options.watch, beside_a_run=True)
        core.cache.trim(keep=[bound])
        # Known from these very bytes before another file can have taken their place.
        _ = load.file.hash
        return bound

    def _arrived(self, job: DrawingJob, bound: Any) -> bool:
        """Whether that was the last thing that the job was waiting for."""
        if job.id not in self._missing:  # it is over
            return False
        if bound is not None:
            self._pin(job, bound)
        self._missing[job.id] -= 1
        return self._missing[job.id] == 0

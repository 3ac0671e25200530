"""Brings LoRA files from where they lie to this machine, before they are read into memory."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import RLock

from .. import prompt as language
from ..errors import LiveLoraError
from .jobs import DrawingJob
from .lora_source import DistantFile, LoraSource

LOG = logging.getLogger(__name__)
AT_ONCE = 8  # files


class LoraFetching:
    """`here` is called for each wanted job once its files are here, or cannot be had."""

    def __init__(
        self, source: LoraSource, here: Callable[[DrawingJob, Collection[str]], None]
    ) -> None:
        self.source = source
        self.here = here
        self._lock = RLock()
        self._texts: dict[str, tuple[DrawingJob, Sequence[str]]] = {}
        self._missing: dict[str, set[str]] = {}  # places, by the job's id
        self._coming: set[str] = set()
        self._threads = ThreadPoolExecutor(AT_ONCE, "fetch")

    def want(self, job: DrawingJob, texts: Iterable[str]) -> None:
        """Fetches what the prompts name and is not here; a file that several want comes once."""
        texts = list(texts)
        files = list(self._files(texts))
        for file in files:
            self.source.hold(job.id, file)
        missing = [file for file in files if not self.source.is_here(file)]
        with self._lock:
            self._texts[job.id] = job, texts
            self._missing[job.id] = {file.place for file in missing}
            fresh = [file for file in missing if file.place not in self._coming]
            self._coming.update(file.place for file in fresh)
        for file in fresh:
            self._threads.submit(self._fetch, file)
        if not missing:
            self._go_on(job.id)

    def release(self, job: DrawingJob) -> None:
        """The job is over."""
        with self._lock:
            self._texts.pop(job.id, None)
            self._missing.pop(job.id, None)
        self.source.release(job.id)

    def close(self) -> None:
        """Fetches nothing more."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self.source.close()

    def _files(self, texts: Sequence[str]) -> Iterable[DistantFile]:
        names = {tag.name for text in texts for tag in language.parse(text).loras}
        try:
            return list(filter(None, map(self.source.find, sorted(names))))
        except LiveLoraError as error:  # what is here already can be drawn with
            LOG.error("%s", error)
            return []

    def _fetch(self, file: DistantFile) -> None:
        try:
            self.source.fetch(file)
        except Exception as error:  # the picture's report will say that there is no such LoRA
            LOG.error("%s could not be fetched: %s", file.name, error)
        with self._lock:
            self._coming.discard(file.place)
            waiting = [job for job, places in self._missing.items() if file.place in places]
            for job in waiting:
                self._missing[job].discard(file.place)
            whole = [job for job in waiting if not self._missing[job]]
        for job in whole:
            self._go_on(job)

    def _go_on(self, id: str) -> None:
        with self._lock:
            self._missing.pop(id, None)
            job, texts = self._texts.pop(id, (None, ()))
        if job is not None:
            self.here(job, texts)

"""What lives as long as the process: the library, the core on the loaded checkpoint, the report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from modules import paths, shared

from ... import prompt
from ...browser.measured_shelf import MeasuredShelf
from ...browser.shelf import Shelves, open_shelves
from ...library.background import Background
from ...library.bulk.moves import recover
from ...library.catalog import Catalog
from ...library.errands import Errands
from ...network.glance import glance
from ...prompt import Prompt, Tag
from ...session.host_model import HostModel
from ...session.moving_jobs import MovingJobs
from ...session.report import Report
from ...session.session import Core, base_name
from . import models, options

# gradio 3 gives away every file in the webui's folder but those of folders with a dot.
DATA = ".live-lora"


class LiveLora:
    """Made once; `Reload UI` keeps it, since it keeps imported packages."""

    def __init__(self) -> None:
        self.language = prompt.DEFAULT
        self.report: Report | None = None
        self.errands = Errands()
        self.moving = MovingJobs()
        self.measured = MeasuredShelf()
        self._catalog: Catalog | None = None
        self._core: Core | None = None
        self._background: Background | None = None
        self._wanted: Any = None  # folders and settings of the catalog
        self._shelves: tuple[Any, Shelves] = (None, {})
        self.bound: Any = None  # which weights the core's modules hold
        self._weights = 0
        self._base: tuple[Any, str | None] = (None, None)

    def parse(self, text: str, *, negative: bool = False) -> Prompt:
        """A prompt of this webui: with the user's presets, by the timelines that are set."""
        old = bool(options.get("use_old_scheduling"))
        return prompt.parse(text, negative=negative, old_schedules=old, language=self.language)

    def catalog(self) -> Catalog:
        """The files of the webui's LoRA folders and of those in our setting."""
        wanted = (tuple(options.folders()), options.allow_pickle())
        if self._catalog is None or wanted != self._wanted:
            cache = Path(paths.data_path, "cache", "live-lora")
            for folder in wanted[0]:
                recover(Path(folder))
            self._catalog = Catalog(
                wanted[0],
                allow_pickle=wanted[1],
                cache=cache,
                guess=base_name,
                glance=glance,
                data=Path(paths.data_path, DATA),
            )
            self._core, self._wanted = None, wanted
            if self._background is not None:
                self.stop_indexing()
                self.start_indexing()
        return self._catalog

    def shelves(self) -> Shelves:
        """What the settings show beside the LoRAs."""
        wanted = options.shown_folders()
        if self._shelves[0] != wanted:
            cache = Path(paths.data_path, "cache", "live-lora")
            self._shelves = wanted, open_shelves(wanted, cache)
        return self._shelves[1]

    def start_indexing(self) -> None:
        """Looks at headers and hashes of the library, in a thread, while nothing is generated."""
        if self._background is None:
            self._background = Background(self.catalog(), busy=lambda: bool(shared.state.job))
            self._background.start()

    def stop_indexing(self) -> None:
        """Ends that."""
        background, self._background = self._background, None
        if background is not None:
            background.stop()

    def weights_changed(self, *_: Any) -> None:
        """The webui has loaded a checkpoint, perhaps into the modules that we know."""
        self._weights += 1

    def base(self) -> str | None:
        """What the loaded checkpoint is, as LoRA files name it; None where that is unknown.

        Looks without binding the core to it: the page may ask while a picture is being sampled.
        """
        found = models.ours()
        if found is None:
            return None
        backend, sd_model = found
        identity = backend.identity(sd_model)
        if self._base[0] != identity:
            self._base = identity, HostModel(backend.components(sd_model)).base
        return self._base[1]

    def core(self) -> Core | None:
        """The core on the checkpoint in memory, or None where none of ours is loaded.

        Compared at every use: a checkpoint that is kept in memory is switched to silently.
        """
        catalog, found = self.catalog(), models.ours()
        if found is None:
            return None
        backend, sd_model = found
        bound = (backend.identity(sd_model), self._weights)
        if self._core is None:
            self._core = Core(backend.components(sd_model), catalog)
        elif bound != self.bound:
            self._core.rebind(backend.components(sd_model))
        elif self._core.released:
            self._core.rebind(backend.components(sd_model), same_weights=True)
        self.bound = bound
        self._core.options = replace(
            self._core.options,
            executor=backend.executor or options.executor(),
            strict=options.strict(),
            allow_pickle=options.allow_pickle(),
            watch=_show,
            masks=options.mask_folders(),
            cap=options.cap(),
        )
        return self._core

    def prefetch(self, tags: Iterable[Tag]) -> None:
        """Reads their files for the model that was drawn with last; waits for nothing."""
        if self._core is not None and not self._core.released:
            self._core.prefetch(tags)

    def release(self) -> None:
        """After a job: lets go of modules that the program replaces with the next checkpoint."""
        found = models.ours()
        if self._core is not None and (found is None or not found[0].modules_stay):
            self._core.release()


def _show(name: str, done: int, total: int) -> None:
    """Beside the progress bar while the deltas of a file are made."""
    shared.state.textinfo = f"LoRA {name}: {done} of {total}" if done < total else ""


LIVE = LiveLora()

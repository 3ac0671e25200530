"""One LoRA file of the library: its names, and what is read of it when asked for."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from .hashes import Hashes
from .header import Header
from .sidecar import Sidecar, SidecarSummary
from .usage import Use
from .walk import Folder, Stat

MODELS = (".safetensors",)
PICKLES = (".pt", ".pth", ".ckpt", ".bin")  # read only where that is allowed
UNKNOWN = "Unknown"  # the base model of a file that does not say


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What the first look at a file tells: its base model ("SD1", "Unknown", …) and algorithm."""

    base: str = UNKNOWN
    algorithm: str = ""


@dataclass(frozen=True, slots=True)
class Summary:
    """What is kept of all files at once; `cover`: whether its metadata hold a picture.

    `checked`: whether every key was looked at, not only the telling ones. `code` is the error's.
    """

    alias: str | None = None
    base: str = UNKNOWN
    cover: bool = False
    error: str | None = None
    code: str | None = None
    algorithm: str = ""
    checked: bool = False


def summary_from_json(value: dict[str, Any]) -> Summary:
    """From JSON, the few words that most files share once in memory. TypeError where it is none."""
    for key in ("base", "algorithm", "code", "error"):
        if said := value.get(key):
            value[key] = sys.intern(said)
    return Summary(**value)


class FileFacts(Protocol):
    """What is known of the files of a catalog, read when first asked for (`summaries.py`)."""

    def header(self, file: LoraFile) -> Header:
        """The checked header; FileError."""

    def metadata(self, file: LoraFile) -> Mapping[str, str]:
        """The file's own metadata; FileError."""

    def alias(self, file: LoraFile) -> str | None:
        """The name given at training."""

    def summary(self, file: LoraFile) -> Summary:
        """Alias, base model and what speaks against the file; never raises."""

    def known_summary(self, file: LoraFile) -> Summary | None:
        """The summary, if the file was looked at before."""

    def known_sidecar_summary(self, file: LoraFile) -> SidecarSummary | None:
        """What a list shows of its sidecars, if they were read as they are now."""

    def hashes(self, file: LoraFile) -> Hashes:
        """Computed from the bytes the first time; FileError."""

    def known_hashes(self, file: LoraFile) -> Hashes | None:
        """The hashes, if they were computed before."""

    def use(self, file: LoraFile) -> Use | None:
        """How often it was drawn with."""

    def sidecar(self, file: LoraFile) -> Sidecar:
        """What stands beside the file."""

    def sidecar_summary(self, file: LoraFile) -> SidecarSummary:
        """What a list of all files shows of it."""


@dataclass(frozen=True, slots=True, eq=False)
class LoraFile:
    """A file as the last scan saw it.

    `name` is what to write in a tag: the stem, or as much of the path as tells it from all others.
    `id` (16 hex digits) is made from its place and stays the same while the file stays there.
    `file` is its name in its folder; paths are made of it when asked for: fifty thousand of them
    take 25 MB.
    """

    id: str
    name: str
    file: str
    stat: Stat
    folder: Folder = field(repr=False)
    facts: FileFacts = field(repr=False)

    @property
    def relative(self) -> str:
        """The path inside its library folder, posix, with suffix."""
        return self.folder.within(self.file)

    @property
    def path(self) -> Path:
        """The whole path."""
        return self.folder.path / self.file

    @property
    def stem(self) -> str:
        """The file's name without its suffix."""
        return self.file.rpartition("/")[2].rpartition(".")[0]  # Path.stem is 5 times as slow

    @property
    def size(self) -> int:
        """Bytes."""
        return self.stat.size

    @property
    def mtime(self) -> float:
        """Time of the last change, seconds since 1970."""
        return self.stat.mtime_ns / 1e9

    @property
    def identity(self) -> tuple[str, int, int]:
        """Path, size and mtime in ns: the same identity means the same bytes."""
        return self.folder.prefix + self.file, self.stat.size, self.stat.mtime_ns

    @property
    def is_pickle(self) -> bool:
        """A pickle, which has no header."""
        return self.file.lower().endswith(PICKLES)

    @property
    def header(self) -> Header:
        """The checked header, read now if it is not among the last few used; FileError."""
        return self.facts.header(self)

    @property
    def metadata(self) -> Mapping[str, str]:
        """The file's own metadata ({} for a pickle); FileError."""
        return self.facts.metadata(self)

    @property
    def alias(self) -> str | None:
        """`ss_output_name`, the name given at training; None if there is none or it is broken."""
        return self.facts.alias(self)

    @property
    def base(self) -> str:
        """The base model it was made for ("SD1", "SDXL", …), or "Unknown"; never raises."""
        return self.facts.summary(self).base

    @property
    def error(self) -> str | None:
        """Why the file cannot be used, as far as its header tells; None if nothing speaks."""
        return self.facts.summary(self).error

    @property
    def hashes(self) -> Hashes:
        """SHA-256 of the tensors and of the file, computed from the bytes; FileError."""
        return self.facts.hashes(self)

    @property
    def hash(self) -> str:
        """SHA-256 of the tensors' bytes (of the whole file for a pickle), 64 hex digits."""
        return self.hashes.tensors

    @property
    def shorthash(self) -> str:
        """The first 12 digits of `hash`, as the webui writes into "Lora hashes"."""
        return self.hash[:12]

    @property
    def sidecar(self) -> Sidecar:
        """What users and sites wrote beside the file; empty where there is nothing."""
        return self.facts.sidecar(self)

    @property
    def sidecar_summary(self) -> SidecarSummary:
        """What a list of all files shows of the sidecars, as the last scan saw them."""
        return self.facts.sidecar_summary(self)

    def beside(self, suffix: str) -> Stat | None:
        """The file with our stem and this suffix in our folder, if the last scan saw one."""
        return self.folder.files.get(self.stem + suffix)

    def beside_all(self) -> dict[str, Stat]:
        """All that the last scan saw beside the file: sidecars and pictures, by their names."""
        begin = self.stem + "."
        return {name: stat for name, stat in self.folder.files.items() if name.startswith(begin)}

    def is_current(self) -> bool:
        """Whether the file on disk is still the one the scan saw."""
        try:
            now = self.path.stat()
        except OSError:
            return False
        return (now.st_size, now.st_mtime_ns) == (self.stat.size, self.stat.mtime_ns)


def file_id(place: str) -> str:
    """16 hex digits for a place in the library; any bytes a file name can hold."""
    return hashlib.sha256(os.fsencode(place)).hexdigest()[:16]

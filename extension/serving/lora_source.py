"""LoRA files that lie somewhere else: any place that fsspec reads, kept here by their hashes.

    <cache>/content/<sha256>.safetensors   what was read, the last used as far as there is room
    <cache>/known/<sha1 of place and version>   the hash of what lies there, once it was read
    <cache>/names-…/                       this process' library: links to what its jobs want

Several processes of a machine share the contents. A link holds its content whatever becomes of
the others' room, so none is ever drawn from a file that goes or changes under it.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from ..errors import FileError, LiveLoraError

LOG = logging.getLogger(__name__)
SUFFIX = ".safetensors"
FRESH = 30.0  # seconds for which the list of files is believed
PIECE = 8 << 20  # bytes read at once
VERSION = ("ETag", "etag", "md5Hash", "checksum", "LastModified", "mtime", "created", "size")


@dataclass(frozen=True, slots=True)
class DistantFile:
    """`place` is its path for fsspec, `relative` that inside the source; `version` changes with
    what is in it, as far as the place tells."""

    place: str
    relative: str
    version: str

    @property
    def name(self) -> str:
        """As a tag may write it: the path without its suffix."""
        return self.relative.removesuffix(SUFFIX)


@dataclass(slots=True)
class LoraSource:
    """`url` as fsspec has it (`s3://bucket/loras`); at most `limit` bytes are kept in `cache`.

    Raises LiveLoraError where fsspec, or what it needs for that place, is not installed.
    """

    url: str
    cache: Path
    limit: int
    folder: Path = field(init=False)
    _files: Any = field(init=False)
    _root: str = field(init=False)
    _listed: dict[str, DistantFile] = field(default_factory=dict)
    _when: float = float("-inf")
    _held: dict[str, set[str]] = field(default_factory=dict)  # job → relative paths
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        try:
            import fsspec

            self._files, self._root = fsspec.core.url_to_fs(self.url)
        except (ImportError, ValueError) as error:
            raise LiveLoraError(f"--lora-source {self.url}: {error}") from error
        for name in ("content", "known"):
            (self.cache / name).mkdir(parents=True, exist_ok=True)
        self.folder = Path(mkdtemp(prefix="names-", dir=self.cache))

    def listed(self, *, again: bool = False) -> Mapping[str, DistantFile]:
        """All files, by their paths without suffix. Raises FileError where nobody answers."""
        with self._lock:
            if again or time.monotonic() - self._when > FRESH:
                try:
                    self._files.invalidate_cache()
                    found = self._files.find(self._root, detail=True)
                except Exception as error:  # each kind of place has errors of its own
                    if self._listed:
                        LOG.warning("%s: the list of before is used: %s", self.url, error)
                        return self._listed
                    raise FileError("unreadable", Path(self.url), str(error)) from error
                files = [self._distant(place, facts) for place, facts in found.items()]
                self._listed = {one.name: one for one in files if one.relative.endswith(SUFFIX)}
                self._when = time.monotonic()
            return self._listed

    def find(self, name: str) -> DistantFile | None:
        """The file of that path, or the only one that is called so in any folder."""
        listed = self.listed()
        if name in listed:
            return listed[name]
        named = [one for one in listed.values() if one.name.rpartition("/")[2] == name]
        return named[0] if len(named) == 1 else None

    def is_here(self, file: DistantFile) -> bool:
        """Whether the library has it, as it is now."""
        hash, link = self._known(file), self.folder / file.relative
        if not hash or not link.exists():
            return False
        content = self._content(hash)
        return content.exists() and os.path.samefile(content, link)  # noqa: PTH121

    def fetch(self, file: DistantFile) -> Path:
        """Brings it here, reading it where nobody has yet. Raises FileError."""
        hash = self._known(file)
        if not hash or not self._content(hash).exists():
            hash = self._read(file)
        link, fresh = self.folder / file.relative, self.folder / f".{hash}-{threading.get_ident()}"
        link.parent.mkdir(parents=True, exist_ok=True)
        fresh.unlink(missing_ok=True)
        fresh.hardlink_to(self._content(hash))
        fresh.replace(link)
        (self.cache / "known" / hash).touch()  # when it was last wanted
        self._trim(keep=hash)
        return link

    def hold(self, job: str, file: DistantFile) -> None:
        """The job wants it: its link stays until `release`."""
        with self._lock:
            self._held.setdefault(job, set()).add(file.relative)

    def release(self, job: str) -> None:
        """The job is over."""
        with self._lock:
            self._held.pop(job, None)

    def close(self) -> None:
        """The links go; what was read stays for the next time."""
        for link in self.folder.rglob(f"*{SUFFIX}"):
            link.unlink(missing_ok=True)

    def _distant(self, place: str, facts: Mapping[str, Any]) -> DistantFile:
        relative = place.removeprefix(self._root).lstrip("/")
        version = " ".join(f"{key}={facts[key]}" for key in VERSION if key in facts)
        return DistantFile(place, relative, version)

    def _known(self, file: DistantFile) -> str:
        try:
            return self._note(file).read_text(encoding="ascii")
        except OSError:
            return ""

    def _note(self, file: DistantFile) -> Path:
        key = hashlib.sha1(f"{self.url} {file.place} {file.version}".encode()).hexdigest()
        return self.cache / "known" / f"{key}.at"

    def _content(self, hash: str) -> Path:
        return self.cache / "content" / f"{hash}{SUFFIX}"

    def _read(self, file: DistantFile) -> str:
        part = self.cache / "content" / f".{os.getpid()}-{threading.get_ident()}.part"
        digest = hashlib.sha256()
        try:
            with self._files.open(file.place, "rb") as source, part.open("wb") as out:
                while piece := source.read(PIECE):
                    digest.update(piece)
                    out.write(piece)
            part.replace(self._content(digest.hexdigest()))
        except Exception as error:
            part.unlink(missing_ok=True)
            raise FileError("unreadable", Path(file.relative), str(error)) from error
        self._note(file).write_text(digest.hexdigest(), encoding="ascii")
        return digest.hexdigest()

    def _trim(self, keep: str) -> None:
        """What was wanted the longest ago goes, and the links that no job holds."""
        found = []
        for path in (self.cache / "content").glob(f"*{SUFFIX}"):
            used = self.cache / "known" / path.stem
            try:
                found.append((used.stat().st_mtime if used.exists() else 0.0, path, path.stat()))
            except OSError:  # another process has let go of it meanwhile
                continue
        total = sum(stat.st_size for _, _, stat in found)
        gone = set()
        for _, path, stat in sorted(found, key=lambda one: one[0]):
            if total <= self.limit:
                break
            if path.stem != keep:
                path.unlink(missing_ok=True)
                gone.add(stat.st_ino)
                total -= stat.st_size
        if gone:
            self._unlink(gone)

    def _unlink(self, contents: set[int]) -> None:
        with self._lock:
            held = set[str]().union(*self._held.values())
            for link in self.folder.rglob(f"*{SUFFIX}"):
                is_held = link.relative_to(self.folder).as_posix() in held
                if not is_held and link.stat().st_ino in contents:
                    link.unlink(missing_ok=True)

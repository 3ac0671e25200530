"""The LoRA files on disk, looked up by the names and hashes that prompts give."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

from ..errors import AmbiguousName, ResolveError, UnknownName
from .hashes import is_hash
from .lora_file import MODELS, PICKLES, LoraFile
from .scan import Snapshot, scan
from .store import Store
from .summaries import Guess, Summaries

STALE = 10.0  # seconds after which a missing name is worth a scan though no folder changed


class Catalog:
    """The LoRA files under some folders. Making one reads nothing; the first question scans.

    `allow_pickle` lists pickles (.pt, .pth, .ckpt, .bin) too. `guess` tells a base model's name
    from a path and its header, and may raise FileError (NotALora) to say why it has none.
    `cache` is a folder of ours where what was learned is kept for the next start.
    """

    def __init__(
        self,
        folders: Sequence[Path | str],
        *,
        allow_pickle: bool = False,
        cache: Path | None = None,
        guess: Guess | None = None,
    ) -> None:
        self.folders = tuple(Path(folder).absolute() for folder in folders)
        self.cache = cache
        self._store = Store(cache / "library.sqlite") if cache else None
        self.facts = Summaries(guess, self._store, self.folders)
        self._models = MODELS + PICKLES * allow_pickle
        self._snapshot: Snapshot | None = None
        self._lock = threading.RLock()

    @property
    def snapshot(self) -> Snapshot:
        """The last scan; scans if there was none."""
        return self._snapshot or self.scan()

    @property
    def entries(self) -> tuple[LoraFile, ...]:
        """All files, by path."""
        return self.snapshot.entries

    @property
    def problems(self) -> tuple[str, ...]:
        """What the last scan could not read, as sentences."""
        trouble = self._store.problem if self._store else None
        return self.snapshot.problems + ((trouble,) if trouble else ())

    def by_id(self, id: str) -> LoraFile | None:
        """The file with this id, or None."""
        return self.snapshot.by_id.get(id)

    def scan(self) -> Snapshot:
        """Looks at every folder again; what is known of unchanged files is kept."""
        with self._lock:
            self._snapshot = scan(self.folders, self._models, self.facts)
            return self._snapshot

    def scan_if_changed(self) -> Snapshot:
        """Scans only if files may have been added or removed, as far as the folders tell."""
        return self.snapshot if self.snapshot.is_current() else self.scan()

    def find(self, name: str, *, hash: str | None = None) -> LoraFile:
        """The one file of this name (`Names.find` has the rules) and, if given, of this hash.

        A file known to have the hash is found under any name. Looks at the folders again before
        it gives up, and where a file was changed or removed since the last scan.
        Raises UnknownName (with the nearest names), AmbiguousName (with all candidates),
        ResolveError for a hash that is none or another file's, FileError.
        """
        before = snapshot = self.snapshot
        named = snapshot.names.find(name)
        sure = bool(named) and hash is None  # a new file may have the hash
        if not (all(entry.is_current() for entry in named) and (sure or self._is_fresh())):
            snapshot = self.scan()
            named = snapshot.names.find(name)
        found = named if hash is None else self._hashed(name, hash, named)
        if len({entry.path.resolve() for entry in found}) > 1:
            raise AmbiguousName(name, [entry.name for entry in found])
        if not found:
            raise self._unknown(name, hash, before, snapshot)
        return found[0]

    def by_hash(self, hash: str) -> LoraFile | None:
        """A file known by now to have this hash (6 to 64 hex digits), wherever it is."""
        known = self.facts.with_hash(hash)
        likely = (e for e in self.entries if (e.stat.size, e.stat.mtime_ns) in known)
        return next((e for e in likely if e.is_current() and e.hashes.match(hash)), None)

    @property
    def unread(self) -> tuple[LoraFile, ...]:
        """The files at whose headers nobody looked yet: their alias and base are not known."""
        known = self.facts.known_summary
        return tuple(entry for entry in self.entries if known(entry) is None)

    def look(self, seconds: float) -> int:
        """Looks at unread files for about this long; gives the number that is left."""
        until, unread = time.monotonic() + seconds, self.unread
        left = len(unread)
        for entry in unread:
            if time.monotonic() > until:
                break
            self.facts.summary(entry)
            left -= 1
        self.facts.flush()
        return left

    @property
    def unhashed(self) -> tuple[LoraFile, ...]:
        """The files whose hashes nobody asked for yet, so that `by_hash` cannot know them."""
        known = self.facts.known_hashes
        return tuple(entry for entry in self.entries if known(entry) is None)

    def _is_fresh(self) -> bool:
        """Whether a scan now would find no other names; asks each folder for its time."""
        snapshot = self.snapshot
        return time.monotonic() - snapshot.ended < STALE and snapshot.is_current()

    def _hashed(self, name: str, hash: str, named: Sequence[LoraFile]) -> Sequence[LoraFile]:
        """The named files that have this hash, else one that is known to have it."""
        if not is_hash(hash):
            raise ResolveError(
                "hash", f"{hash!r} is not a hash: write 6 to 64 hexadecimal digits", name
            )
        found = {entry.hash: entry for entry in named if entry.hashes.match(hash)}
        if found:
            return list(found.values())
        elsewhere = self.by_hash(hash)
        if elsewhere is None and named:
            raise ResolveError(
                "hash",
                f"{name!r} is another file: its hash is {named[0].shorthash}, not {hash}; take "
                f"hash= out to use it all the same{self._unhashed_note()}",
                name,
            )
        return [elsewhere] if elsewhere else []

    def _unknown(self, name: str, hash: str | None, before: Snapshot, now: Snapshot) -> UnknownName:
        """Why nothing was found: removed, hashed not yet, no files at all."""
        notes = []
        if before.names.find(name):
            notes.append("(it was there, and has been removed)")
        if hash is not None:
            notes.append(f"and none is known to have the hash {hash}{self._unhashed_note()}")
        if pickled := self._pickled(name, now):
            notes.append(
                f"({pickled} is there: pickles can run code, and are read only where that is "
                "allowed: allow_pickle=True, or the webui's setting)"
            )
        elif not now.entries:
            notes.append(f"(there are no LoRA files in {self._places()})")
        return UnknownName(name, now.names.nearest(name), " ".join(notes))

    def _pickled(self, name: str, now: Snapshot) -> str | None:
        """The file of this name that would be found if pickles were listed."""
        if self._models != MODELS:
            return None
        stem = PurePosixPath(name).name
        files = (folder.path / f"{stem}{end}" for folder in now.folders for end in PICKLES)
        with suppress(ValueError, OSError):  # a NUL, or a name too long for the disk
            return next((file.name for file in files if file.is_file()), None)
        return None

    def _unhashed_note(self) -> str:
        left = len(self.unhashed)
        return f" ({left} of {len(self.entries)} files are not hashed yet)" if left else ""

    def _places(self) -> str:
        return " or ".join(repr(folder.name) for folder in self.folders) or "any folder"

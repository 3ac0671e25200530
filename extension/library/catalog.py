"""The LoRA files on disk, looked up by the names and hashes that prompts give."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from ..errors import AmbiguousName, FileError, ResolveError
from .changes import Changes, differing
from .found_by import stamp_of
from .hashes import is_hash
from .looks import Glance, Guess
from .lora_file import MODELS, PICKLES, LoraFile
from .not_found import Search
from .scan import Snapshot, is_as_seen, rescan, scan
from .store import Store
from .summaries import Summaries
from .usage import Usage

STALE = 10.0  # seconds after which a missing name is worth a scan though no folder changed


class Catalog:
    """The LoRA files under some folders. Making one reads nothing; the first question scans.

    `allow_pickle` lists pickles (.pt, …) too, `suffixes` other kinds of files. `guess` tells a base
    model from path and header (FileError: why it has none); `glance`, which comes first, from the
    outline, in a fraction of the time. `cache`: a folder of ours for what was learned; `data`: one
    of the user's own, in which is counted how often files were drawn with.
    """

    def __init__(
        self,
        folders: Sequence[Path | str],
        *,
        allow_pickle: bool = False,
        cache: Path | None = None,
        guess: Guess | None = None,
        glance: Glance | None = None,
        suffixes: tuple[str, ...] = (),
        data: Path | None = None,
    ) -> None:
        self.folders = tuple(Path(folder).absolute() for folder in folders)
        self.cache = cache
        self._store = Store(cache / "library.sqlite", self._lost) if cache else None
        self.changes = Changes()
        self.usage = Usage(data) if data else None
        self.facts = Summaries(guess, self._store, self.folders, glance, self._learned, self.usage)
        self.suffixes = suffixes or MODELS + PICKLES * allow_pickle
        self._snapshot: Snapshot | None = None
        self.news = threading.Event()  # set when there are files to read
        self._unread: dict[str, LoraFile] = {}
        self._wanted: tuple[str, ...] = ()
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
        kept = [one.problem for one in (self._store, self.usage) if one]
        return self.snapshot.problems + tuple(filter(None, kept))

    def by_id(self, id: str) -> LoraFile | None:
        """The file with this id, or None."""
        return self.snapshot.by_id.get(id)

    def scan(self) -> Snapshot:
        """Looks at every folder again; what is known of unchanged files is kept."""
        with self._lock:
            new = self._take(scan(self.folders, self.suffixes, self.facts, self._snapshot))
        self._note_use()
        return new

    def notice(self, ids: Sequence[str]) -> None:
        """Looks whether these files, or those beside them, are still as the last scan saw them.

        They are what somebody is looking at: they are read before the others, too.
        """
        snapshot, self._wanted = self.snapshot, tuple(ids)
        entries = [snapshot.by_id[id] for id in ids if id in snapshot.by_id]
        changed = {entry.folder.path for entry in entries if not is_as_seen(entry)}
        if changed:
            with self._lock:
                self._take(rescan(self.snapshot, changed, self.suffixes, self.facts))

    def _take(self, new: Snapshot) -> Snapshot:
        old, self._snapshot = self._snapshot, new
        if old and old.entries is new.entries:  # nothing is another than it was
            return new
        changed = differing(old, new) if old else ()
        self.changes.note(changed if old else new.by_id)
        for entry in filter(None, map(new.by_id.get, changed)):
            self.facts.forget_words(entry)
        self._unread = {entry.id: entry for entry in new.entries if not self._is_read(entry)}
        if self._unread:
            self.news.set()
        return new

    def drawn(self, entries: Iterable[LoraFile]) -> None:
        """These files acted in pictures that were drawn: one entry for each picture."""
        if self.usage is None:
            return
        hashes = []
        for entry in entries:
            with suppress(FileError):  # it went, or is another by now: there is none to count for
                hashes.append(entry.hash)
        self.usage.count(hashes)
        self._note_use()

    def _note_use(self) -> None:
        """What was counted, here or by another program, is told to whoever asks for changes."""
        if self.usage and (counted := self.usage.look()):
            known = ((entry.id, self.facts.known_hashes(entry)) for entry in self.entries)
            self.changes.note(id for id, own in known if own and own.tensors in counted)

    def _is_read(self, entry: LoraFile) -> bool:
        facts = self.facts
        known = facts.known_summary(entry), facts.known_sidecar_summary(entry)
        return None not in known

    def _lost(self) -> None:
        """The store was damaged: every file is read again, so that searches find all of them."""
        self.facts.forget()
        with self._lock:
            entries = self._snapshot.entries if self._snapshot else ()
            self._unread = {entry.id: entry for entry in entries}
        self.news.set()

    def search(self, text: str) -> list[LoraFile]:
        """The files that have every word of `text` in names, words, tags, notes or training tags.

        `note:sea` asks one of them (texts.FIELDS). Without a cache folder, nothing is found.
        """
        found = self.facts.search(text)
        entries = self.snapshot.at(path for path, _ in found)
        stamped = zip(entries, (stamp for _, stamp in found), strict=True)
        return [entry for entry, stamp in stamped if entry and stamp_of(entry) == stamp]

    def _learned(self, id: str) -> None:
        self.changes.note([id])

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
            raise self._searched.failed(name, hash, was_there=bool(before.names.find(name)))
        return found[0]

    def by_hash(self, hash: str) -> LoraFile | None:
        """A file known by now to have this hash (6 to 64 hex digits), wherever it is."""
        known = self.facts.with_hash(hash)
        likely = (e for e in self.entries if (e.stat.size, e.stat.mtime_ns) in known)
        return next((e for e in likely if e.is_current() and e.hashes.match(hash)), None)

    @property
    def unread(self) -> tuple[LoraFile, ...]:
        """The files nobody looked at yet: their alias, base and sidecars are not known."""
        with self._lock:
            return tuple(entry for entry in self.entries if entry.id in self._unread)

    @property
    def read_count(self) -> int:
        """How many files are known."""
        return len(self.snapshot.entries) - len(self._unread)

    def read_next(self) -> bool:
        """Looks at one unread file, those in sight first; False where none is left."""
        with self._lock:
            waiting = self._unread
            id = next((id for id in self._wanted if id in waiting), next(iter(waiting), None))
            entry = waiting.get(id) if id else None
        if id is None or entry is None:
            return False
        self.facts.summary(entry)
        self.facts.sidecar_summary(entry)
        with self._lock:
            if self._unread.get(id) is entry:
                del self._unread[id]
        return True

    def read_all(self, go_on: Callable[[], bool] = lambda: True) -> None:
        """Looks at every unread file, while `go_on()`."""
        if self._snapshot is None:
            self.scan()
        self.news.clear()
        while go_on() and self.read_next():
            pass
        self.facts.flush()

    @property
    def unhashed(self) -> tuple[LoraFile, ...]:
        """The files whose hashes nobody asked for yet, so that `by_hash` cannot know them."""
        known = self.facts.known_hashes
        return tuple(entry for entry in self.entries if known(entry) is None)

    def _is_fresh(self) -> bool:
        """Whether a scan now would find no other names; asks each folder for its time."""
        snapshot = self.snapshot
        return time.monotonic() - snapshot.ended < STALE and snapshot.is_current()

    @property
    def _searched(self) -> Search:
        pickles = self.suffixes != MODELS
        return Search(self.snapshot, self.folders, pickles, len(self.unhashed))

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
                f"hash= out to use it all the same{self._searched.unhashed_note}",
                name,
            )
        return [elsewhere] if elsewhere else []

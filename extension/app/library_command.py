"""`live-lora library`: the files of the library, and sets of them."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from platformdirs import user_cache_path, user_data_path

from ..errors import FileError, LiveLoraError
from ..library.bulk import batch
from ..library.bulk import bin as bins
from ..library.bulk.groups import duplicates, versions
from ..library.bulk.moves import recover
from ..library.catalog import Catalog
from ..library.hashes import Hashes
from ..library.lora_file import LoraFile
from ..library.sets.lora_set import LoraSet
from ..library.sets.set_store import SetStore
from ..session.sets_in_text import text_of
from .picture_text import sets_in

USUAL = Path("models/Lora")


def run(options: Namespace) -> int:
    """0, or 1 where something could not be done for all files."""
    catalog = open_catalog(options)
    return int(TASKS[options.task](catalog, options))


def open_catalog(options: Namespace) -> Catalog:
    """The library in the folders that are named, or in models/Lora. LiveLoraError."""
    folders = options.lora_dir or [USUAL]
    for folder in folders:
        if not folder.is_dir():
            raise LiveLoraError(f"there is no folder {folder}: name yours with --lora-dir")
        recover(folder.absolute())
    return Catalog(folders, cache=user_cache_path("live-lora"), data=data_folder())


def data_folder() -> Path:
    """Where the user's sets, settings and key are."""
    return user_data_path("live-lora")


def wanted(catalog: Catalog, names: Sequence[str]) -> Sequence[LoraFile]:
    """The files that are named, or all of them. ResolveError."""
    return [catalog.find(name) for name in names] if names else catalog.entries


def tell(outcome: batch.Outcome, done: str) -> int:
    """Says what was done, and why the rest was not."""
    for name in outcome.done:
        print(f"{name}: {done}")
    for problem in outcome.problems:
        print(problem, file=sys.stderr)
    return 1 if outcome.problems else 0


def move(catalog: Catalog, options: Namespace) -> int:
    files = wanted(catalog, options.name)
    outcome = batch.move_all(files, catalog.folders[0], options.to)
    return tell(outcome, f"moved to {options.to or 'the library'}")


def rename(catalog: Catalog, options: Namespace) -> int:
    return tell(batch.rename(catalog.find(options.name), options.new), f"is now {options.new}")


def delete(catalog: Catalog, options: Namespace) -> int:
    outcome = batch.delete_all(wanted(catalog, options.name))
    return tell(outcome, f"deleted; undo: live-lora library restore {outcome.undo}")


def show_bin(catalog: Catalog, options: Namespace) -> int:
    for root in catalog.folders:
        for one in bins.deleted(root):
            print(f"{one.id}  {one.relative}  {one.size / 1e6:,.1f} MB")
    return 0


def restore(catalog: Catalog, options: Namespace) -> int:
    return tell(batch.restore_all(catalog, options.id), "is there again")


def purge(catalog: Catalog, options: Namespace) -> int:
    return tell(batch.purge_all(catalog, options.id), "deleted for good")


def tag(catalog: Catalog, options: Namespace) -> int:
    files = wanted(catalog, options.name)
    return tell(batch.tag_all(files, options.add, options.remove), "tagged")


def show_duplicates(catalog: Catalog, options: Namespace) -> int:
    """Hashes what was not hashed yet, which takes a while."""

    def hashes(entry: LoraFile) -> Hashes | None:
        try:
            return catalog.facts.hashes(entry)
        except FileError as error:
            print(error, file=sys.stderr)
            return None

    for same in duplicates(catalog.entries, hashes):
        print("  ".join(entry.relative for entry in same))
    catalog.facts.flush()
    return 0


def show_versions(catalog: Catalog, options: Namespace) -> int:
    for model, entries in versions(catalog.entries).items():
        print(f"{model}:  {'  '.join(entry.relative for entry in entries)}")
    return 0


def sets(catalog: Catalog, options: Namespace) -> int:
    """Without an option: their ids and names."""
    store = SetStore(data_folder())
    if options.show:
        text, notes = text_of(store.get(options.show), catalog)
        print("\n".join(notes), file=sys.stderr, end="\n" if notes else "")
        print(text)
    elif options.export:
        options.export.write_text(json.dumps(store.exported(), indent=1), encoding="utf-8")
    elif options.remove:
        store.remove(options.remove)
    elif options.add:
        add(store, sets_in(options.add, options.name))
    else:
        for one in store.all():
            print(f"{one.id}  {one.name}")
    return 0


def add(store: SetStore, found: Sequence[LoraSet]) -> None:
    for id, one in zip(store.add(found), found, strict=True):
        print(f"{id}  {one.name}")


TASKS = {
    "move": move,
    "rename": rename,
    "delete": delete,
    "bin": show_bin,
    "restore": restore,
    "purge": purge,
    "tag": tag,
    "duplicates": show_duplicates,
    "versions": show_versions,
    "sets": sets,
}

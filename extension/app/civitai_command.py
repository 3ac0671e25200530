"""`live-lora civitai`: asks about files, and fetches them."""

from __future__ import annotations

import getpass
import sys
from argparse import Namespace

from ..library.catalog import Catalog
from ..library.civitai.access import KEY_VARIABLE, write_key
from ..library.civitai.download import Downloaded
from ..library.civitai.lookup import Looked
from ..library.civitai.service import CivitaiService
from .library_command import data_folder, open_catalog, wanted
from .library_options import LEVELS


def run(options: Namespace) -> int:
    """0, or 1 where something was not found or did not work."""
    if options.task == "key":
        return keep_key(remove=options.remove)
    catalog = open_catalog(options)
    service = CivitaiService(lambda: catalog, data_folder())
    return int(TASKS[options.task](service, catalog, options))


def lookup(service: CivitaiService, catalog: Catalog, options: Namespace) -> int:
    """Prints what became of every file that could not be found or stored."""
    entries = wanted(catalog, options.name)
    level = LEVELS[options.previews]
    looked = service.lookup(entries, tell=show, again=options.again, level=level)
    catalog.facts.flush()
    end_line()
    for problem in looked.problems:
        print(problem, file=sys.stderr)
    print(f"{looked.found} of {looked.total} files are known, {looked.missing} are not")
    if looked.ended:
        print(f"ended early: {looked.ended}", file=sys.stderr)
    return 1 if looked.ended or looked.problems else 0


def updates(service: CivitaiService, catalog: Catalog, options: Namespace) -> int:
    """One line for each file that has a newer version."""
    entries = wanted(catalog, options.name)
    found = service.updates(entries)
    for entry in entries:
        if later := found.get(entry.id):
            print(f"{entry.name}: {later['name']} ({later['date'][:10]}), version {later['id']}")
    if not found:
        print("no newer versions")
    return 0


def download(service: CivitaiService, catalog: Catalog, options: Namespace) -> int:
    """Prints where the file is."""
    path = service.download(
        options.version,
        catalog.folders[0],
        options.to,
        tell=show_bytes,
        file_id=options.file,
        name=options.name,
        level=LEVELS[options.previews],
    )
    end_line()
    print(path)
    return 0


def keep_key(*, remove: bool) -> int:
    """Asks for the key, which is never an argument: those are seen by everybody on a machine."""
    key = ""
    if not remove:
        asked = sys.stdin.isatty()
        key = (getpass.getpass("key: ") if asked else sys.stdin.readline()).strip()
        if not key:
            print("no key was given", file=sys.stderr)
            return 1
    path = write_key(data_folder(), key)
    done = "removed from" if remove else "kept in"
    print(f"{done} {path} ({KEY_VARIABLE} in the environment goes before it)")
    return 0


def show(looked: Looked) -> None:
    """On one line that is written again and again, where there is a screen."""
    if sys.stderr.isatty():
        text = f"{looked.done} of {looked.total} files, {looked.found} known  {looked.now}"
        print(f"\r{text[:78]:78}", end="", file=sys.stderr, flush=True)


def show_bytes(downloaded: Downloaded) -> None:
    """The same in megabytes."""
    if sys.stderr.isatty():
        done, total = downloaded.done / 1e6, downloaded.total / 1e6
        text = f"{downloaded.name}: {done:,.0f} of {total:,.0f} MB"
        print(f"\r{text[:78]:78}", end="", file=sys.stderr, flush=True)


def end_line() -> None:
    """What comes now starts at the left."""
    if sys.stderr.isatty():
        print(file=sys.stderr)


TASKS = {"lookup": lookup, "updates": updates, "download": download}

"""What a program that was killed has left in a library: spare files that nobody will finish."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable
from pathlib import Path

from .walk import BIN

SPARE = ".live-lora-"  # how every spare file begins: of sidecars, previews, uploads, downloads
OLD = 3600.0  # seconds without a change; what is being written changes all the time


def clear(folders: Iterable[Path], old: float = OLD) -> None:
    """Removes spare files that were not touched for a while. Never raises.

    Those of a move on its way are named in its journal, and put in order by bulk/moves.py.
    """
    before = time.time() - old
    for folder in folders:
        with contextlib.suppress(OSError), os.scandir(folder) as found:
            for item in found:
                if not item.name.startswith(SPARE) or item.name == BIN:
                    continue
                with contextlib.suppress(OSError):
                    is_file = item.is_file(follow_symlinks=False)
                    if is_file and item.stat(follow_symlinks=False).st_mtime < before:
                        Path(item.path).unlink()

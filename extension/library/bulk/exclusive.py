"""One program at a time moves files in a library folder; the lock ends with the program."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...errors import FileError
from ..walk import BIN

LOCK = ".lock"
PATIENCE = 10.0  # seconds


@contextmanager
def exclusive(root: Path) -> Iterator[None]:
    """FileError where another program does not let go; OSError where nothing can be written."""
    (root / BIN).mkdir(exist_ok=True)
    with locked(root / BIN / LOCK, root):
        yield


@contextmanager
def locked(path: Path, told: Path | None = None) -> Iterator[None]:
    """Holds the lock of this file, which is made; errors are about `told`. FileError, OSError."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        until = time.monotonic() + PATIENCE
        while not _is_taken(handle):
            if time.monotonic() > until:
                raise FileError("place", told or path, "another program is writing: try later")
            time.sleep(0.05)
        yield
    finally:
        os.close(handle)


def _is_taken(handle: int) -> bool:
    """Whether the lock is ours now; on disks that know no locks it always is."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return True
    return True

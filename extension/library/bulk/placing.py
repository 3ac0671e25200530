"""A file comes to stand in another place too, whole or not at all, and over no other file."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from ...errors import FileError

SPARE_ROOM = 64 << 20  # bytes that are left on a disk
NO_LINKS = {errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS}
NO_LINKS |= {errno.EINVAL, errno.EACCES}


def demand_room(folder: Path, size: int) -> None:
    """FileError where these bytes would fill the disk."""
    left = shutil.disk_usage(folder).free
    if size + SPARE_ROOM > left:
        reason = f"it needs {size:,} bytes, and {left:,} are free on this disk"
        raise FileError("place", folder, reason)


def place(source: Path, target: Path, spare: Path) -> None:
    """`target` becomes the same file as `source`, or its copy on another disk. OSError.

    FileExistsError where there is something already. `spare`, beside the target, holds a copy
    that is not complete.
    """
    if source.is_symlink():
        target.symlink_to(source.resolve())  # a relative link would point elsewhere from there
        return
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        copy(source, spare)
        settle(spare, target)


def copy(source: Path, spare: Path) -> None:
    """A copy with the times of the file, on the disk when this returns. OSError."""
    with source.open("rb") as old, spare.open("xb") as new:
        shutil.copyfileobj(old, new, 1 << 20)
        new.flush()
        os.fsync(new.fileno())
    shutil.copystat(source, spare)


def settle(spare: Path, target: Path) -> None:
    """The finished file takes its name, in one step; FileExistsError where that is taken."""
    try:
        os.link(spare, target)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        if target.exists() or target.is_symlink():  # between here and there is a hair's breadth
            raise FileExistsError(errno.EEXIST, "File exists", str(target)) from error
        spare.rename(target)
        return
    spare.unlink()


def sync_folder(folder: Path) -> None:
    """What was named and removed in a folder survives a power cut; not every system can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)

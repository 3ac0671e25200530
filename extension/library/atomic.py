"""Files written in one step: a reader sees the old content or the new, never half of it."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path


def replace(target: Path, content: bytes) -> None:
    """Writes the file through a spare one beside it; keeps the old one's permissions. OSError."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".live-lora-")
    spare = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        _set_mode(spare, target)
        spare.replace(target)
    except BaseException:
        spare.unlink(missing_ok=True)
        raise


def _set_mode(spare: Path, target: Path) -> None:
    """The target's permissions, or those a new file gets; mkstemp's let only the owner read."""
    if target.exists():
        shutil.copymode(target, spare)
    else:
        mask = os.umask(0)  # can only be read by setting it
        os.umask(mask)
        spare.chmod(0o666 & ~mask)

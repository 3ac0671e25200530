"""One file per back end: what a webui keeps its model in, known by what the objects can do.

A new file with a `Backend` subclass is found by itself; nothing else has to name it.
"""

from __future__ import annotations

from typing import Any

from ....discovery import import_all
from .base import BACKENDS
from .base import Backend as Backend

import_all(__name__, __path__)


def backend_of(sd_model: Any | None) -> Backend | None:
    """The back end of this checkpoint object; None without one, or where no back end knows it."""
    if sd_model is None:
        return None
    return next((backend for backend in BACKENDS if backend.claims(sd_model)), None)

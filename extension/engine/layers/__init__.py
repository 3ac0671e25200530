"""One file per kind of layer: what it recognises, its shape and values, how hooks are put on it.

A new file with a `Site` subclass is found by itself; nothing else has to name it.
"""

from __future__ import annotations

from ...discovery import import_all
from .base import Patch as Patch
from .base import Site as Site
from .base import find_sites as find_sites

import_all(__name__, __path__)

"""One file per algorithm: which tensor names it claims, and what it adds to a layer.

A new file with an `Algorithm` subclass is found by itself; nothing else has to name it.
"""

from __future__ import annotations

import importlib
import pkgutil

from .base import Algorithm as Algorithm
from .base import Settings as Settings
from .registry import choose as choose
from .registry import split as split
from .registry import suffix_table as suffix_table

for _found in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_found.name}")

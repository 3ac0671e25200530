"""One file per key dialect: what the module part of a file's key names.

A new file with a `Format` subclass is found by itself; nothing else has to name it.
"""

from __future__ import annotations

import importlib
import pkgutil

from .base import Format as Format
from .base import LayerRef as LayerRef
from .registry import names as names
from .registry import place as place
from .registry import spell as spell

for _found in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_found.name}")

"""One file per key dialect: what the module part of a file's key names.

A new file with a `Format` subclass is found by itself; nothing else has to name it.
"""

from __future__ import annotations

from ..discovery import import_all
from .base import Format as Format
from .base import LayerRef as LayerRef
from .registry import names as names
from .registry import place as place
from .registry import spell as spell

import_all(__name__, __path__)

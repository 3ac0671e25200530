"""One file per algorithm: which tensor names it claims, and what it adds to a layer.

A new file with an `Algorithm` subclass is found by itself; nothing else has to name it.
"""

from __future__ import annotations

from ..discovery import import_all
from .base import Algorithm as Algorithm
from .base import Settings as Settings
from .registry import choose as choose
from .suffixes import split as split
from .suffixes import suffix_table as suffix_table

import_all(__name__, __path__)

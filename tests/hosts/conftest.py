"""The stand-in of the webui's packages, importable as `modules` for all tests of this folder."""

from __future__ import annotations

import sys
from pathlib import Path

STANDIN = str(Path(__file__).parent / "standin")
if STANDIN not in sys.path:
    sys.path.insert(0, STANDIN)

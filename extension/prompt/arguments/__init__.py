"""One file per feature of the prompt language; importing the folder finds them all."""

from __future__ import annotations

from ...discovery import import_all
from .base import Draft as Draft
from .base import Feature as Feature
from .base import WrittenArgument as WrittenArgument

import_all(__name__, __path__)

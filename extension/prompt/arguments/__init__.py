"""One file per feature of the prompt language; importing the folder finds them all."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from .base import Draft as Draft
from .base import Feature as Feature
from .base import WrittenArgument as WrittenArgument

for _module in pkgutil.iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

"""Live LoRA: applies LoRA files while the model runs, without merging them.

    live = live_lora.attach(pipeline, library="models/Lora")
    image = live("a fox <lora:x:0.8>").images[0]
    print(live.report.lines())

Names are imported when first used: reading prompts needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .errors import LiveLoraError as LiveLoraError
    from .hosts.attach import attach as attach
    from .hosts.modules import Live as Live
    from .inspection import inspect as inspect
    from .library.catalog import Catalog as Catalog
    from .prompt import Prompt as Prompt
    from .prompt import Tag as Tag
    from .prompt import parse as parse
    from .session.report import Report as Report
    from .session.run import Run as Run

__version__ = "0.2.0"

_PUBLIC = {
    ".errors": ("LiveLoraError",),
    ".hosts.attach": ("attach",),
    ".hosts.modules": ("Live",),
    ".inspection": ("inspect",),
    ".library.catalog": ("Catalog",),
    ".prompt": ("Prompt", "Tag", "parse"),
    ".session.report": ("Report",),
    ".session.run": ("Run",),
}
_HOMES = {name: home for home, names in _PUBLIC.items() for name in names}
__all__ = [*_HOMES]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home, __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

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
    from .errors import LiveLoraError
    from .hosts import Live, attach
    from .inspection import inspect
    from .library.catalog import Catalog
    from .prompt import Prompt, Tag, parse
    from .session.report import Report
    from .session.run import Run

__version__ = "0.1.0"

_HOMES = {
    "attach": ".hosts",
    "Live": ".hosts",
    "parse": ".prompt",
    "Prompt": ".prompt",
    "Tag": ".prompt",
    "inspect": ".inspection",
    "Catalog": ".library.catalog",
    "Report": ".session.report",
    "Run": ".session.run",
    "LiveLoraError": ".errors",
}

__all__ = [
    "Catalog",
    "Live",
    "LiveLoraError",
    "Prompt",
    "Report",
    "Run",
    "Tag",
    "attach",
    "inspect",
    "parse",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home, __name__), name)

"""The language of prompts: text → tags. No torch, no files."""

from __future__ import annotations

from .diagnostics import caret
from .explain import Explanation, explain
from .parse import parse
from .presets import define as define_presets
from .tags import Argument, Prompt, Tag

__all__ = [
    "Argument",
    "Explanation",
    "Prompt",
    "Tag",
    "caret",
    "define_presets",
    "explain",
    "parse",
]

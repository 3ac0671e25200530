"""The language of prompts: text → tags. No torch, no files."""

from __future__ import annotations

from .diagnostics import caret
from .explain import Explanation, explain
from .language import DEFAULT, Language
from .parse import parse
from .tags import Argument, Prompt, Tag

__all__ = [
    "DEFAULT",
    "Argument",
    "Explanation",
    "Language",
    "Prompt",
    "Tag",
    "caret",
    "explain",
    "parse",
]

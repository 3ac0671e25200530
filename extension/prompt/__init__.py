"""The language of prompts: text → tags. No torch, no files."""

from __future__ import annotations

from .diagnostics import caret
from .parse import parse
from .tags import Argument, Prompt, Tag

__all__ = ["Argument", "Prompt", "Tag", "caret", "parse"]

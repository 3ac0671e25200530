"""Problems of a prompt, each with the place it is about."""

from __future__ import annotations

from collections.abc import Iterable

from .. import prompt
from ..session.report import PromptDiagnostic


def sentences(problems: Iterable[PromptDiagnostic]) -> list[str]:
    """Each problem once, under its prompt with a caret where it has a place."""
    shown = (
        prompt.caret(diagnostic.source, diagnostic.problem)
        if diagnostic.problem.span and diagnostic.source
        else diagnostic.problem.message
        for diagnostic in problems
    )
    return list(dict.fromkeys(shown))

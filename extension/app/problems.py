"""Problems of a prompt, each with the place it is about."""

from __future__ import annotations

from collections.abc import Iterable

from .. import prompt
from ..session.report import PromptDiagnostic


def sentences(problems: Iterable[PromptDiagnostic]) -> list[str]:
    """Each problem once, under its prompt with a caret where it has a place."""
    shown = (
        prompt.caret(told.source, told.problem)
        if told.problem.span and told.source
        else told.problem.message
        for told in problems
    )
    return list(dict.fromkeys(shown))

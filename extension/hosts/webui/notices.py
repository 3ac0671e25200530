"""Problems and results to the user: under the picture, in the console, as a popup."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from modules import scripts

from ... import prompt as language
from ...errors import UnknownName
from ...session.report import PromptDiagnostic, Report
from . import options
from .sampling_pass import Pass
from .state import LIVE

# The page sorts its lines by these beginnings (browser/static/comments.mjs).
MEASURED = "Live LoRA, measured: "
LOST, RAN, TOLD = "Live LoRA, left out: ", "Live LoRA, ran: ", "Live LoRA: "
CACHED = "the text encoder's part came from the webui's cache of conds"


def problems(p: Any, parts: Sequence[Pass]) -> None:
    """As soon as they are known, so that they are seen even if sampling fails."""
    for diagnostic in _each(part.run.report for part in parts if part.run is not None):
        lead = LOST if diagnostic.problem.severity == "error" else TOLD
        p.comment(lead + diagnostic.problem.message)
        print(in_console(diagnostic))
        if isinstance(diagnostic.cause, UnknownName):
            _not_found(diagnostic.problem.message)


def in_console(diagnostic: PromptDiagnostic) -> str:
    """The message, with a caret under its place in the prompt."""
    problem = diagnostic.problem
    if problem.span is None:
        return f"Live LoRA: {problem.severity}: {problem.message}"
    return f"Live LoRA: {problem.severity}:\n{language.caret(diagnostic.source, problem)}"


def finished(p: Any, parts: Sequence[Pass]) -> None:
    """After a batch: what the settings have shown of it."""
    if options.get("live_lora_report"):
        results(p, parts)
    if options.measure():
        measured(p, parts)


def results(p: Any, parts: Sequence[Pass]) -> None:
    """What every LoRA did, under the picture; hires fix only where its prompts are others."""
    shown: list[list[str]] = []
    for part in parts:
        written = [one.source for one in (*part.prompts, *part.negatives)]
        if written in shown:
            continue
        shown.append(written)
        for report in part.reports:
            for line in lines(report, cached=not part.encoded):
                p.comment(line)


def measured(p: Any, parts: Sequence[Pass]) -> None:
    """Where the page finds how strongly each LoRA acted, under the picture."""
    passes = [found for part in parts if part.run and (found := part.run.measured) is not None]
    if passes:
        count = min(len(found.base) for found in passes)
        pictures = [[found.as_dict(picture) for found in passes] for picture in range(count)]
        p.comment(MEASURED + LIVE.measured.keep(pictures))


def lines(report: Report, *, cached: bool) -> list[str]:
    """What was lost, what ran, and where its counts need a word; `problems` are said already."""
    notes = [*report.notes, CACHED] if cached and report.networks else report.notes
    return [
        *(LOST + line for line in report.lost_lines()),
        *(RAN + one.ran_line for one in report.networks),
        *(TOLD + line for line in notes),
    ]


def joined(parts: Sequence[Pass]) -> Report:
    """All passes of a batch as one; empty where there was nothing for us."""
    reports = [report for part in parts for report in part.reports]
    cached = [CACHED for part in parts if part.reports and not part.encoded]
    notes = [*(note for report in reports for note in report.notes), *cached]
    return Report(
        networks=[network for report in reports for network in report.networks],
        problems=list(_each(reports)),
        notes=list(dict.fromkeys(notes)),
        lost=list(dict.fromkeys(note for report in reports for note in report.lost)),
        execution="; ".join(dict.fromkeys(filter(None, (one.execution for one in reports)))),
    )


def _each(reports: Iterable[Report]) -> Iterator[PromptDiagnostic]:
    """Every problem once: the pictures of a batch mostly have the same prompt."""
    seen = set()
    for report in reports:
        for diagnostic in report.problems:
            key = (diagnostic.problem.message, diagnostic.problem.span, diagnostic.source)
            if key not in seen:
                seen.add(key)
                yield diagnostic


def warn(message: str) -> None:
    """A popup on the page, and a line in the console."""
    print(f"Live LoRA: {message}")
    scripts.gr.Warning(message)


def _not_found(message: str) -> None:
    """The builtin's two warnings about missing files, where its settings ask for them."""
    if options.get("lora_not_found_warning_console"):
        print(f"\nLora not found: {message}\n")
    if options.get("lora_not_found_gradio_warning"):
        scripts.gr.Warning(message)

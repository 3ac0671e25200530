"""What the documentation shows is what the language understands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from live_lora import parse

ROOT = Path(__file__).parent.parent
EXAMPLE = re.compile(r"`([^`\n…]*<lora:[^`\n…]+)`")
NAMED = re.compile(r"`([a-z]+=[^`…\s]+)`")
FILE = re.compile(r"`((?:extension|tests|tools|scripts|docs)/[\w./-]*)`")
LINK = re.compile(r"\]\((?!https?://)([^)#]+)")


def shown(pattern: re.Pattern[str], *pages: str) -> list[str]:
    texts = ((ROOT / page).read_text(encoding="utf-8") for page in pages)
    return sorted({example for text in texts for example in pattern.findall(text)})


@pytest.mark.parametrize("example", shown(EXAMPLE, "README.md", "docs/syntax.md"))
def test_examples_are_understood(example: str) -> None:
    prompt = parse(example.replace("\\|", "|"))
    errors = [one.message for one in prompt.problems if one.severity == "error"]
    assert errors == []
    assert len(prompt.tags) == example.count("<lora:")


@pytest.mark.parametrize("argument", shown(NAMED, "docs/syntax.md", "docs/rows.md"))
def test_arguments_are_known(argument: str) -> None:
    problems = parse(f"<lora:x:{argument}>").problems
    assert "unknown-argument" not in {one.code for one in problems}


@pytest.mark.parametrize(
    "page",
    ["README.md", "docs/contributing.md", "docs/syntax.md", "docs/rows.md", "docs/serving.md"],
)
def test_links_lead_somewhere(page: str) -> None:
    path = ROOT / page
    for target in LINK.findall(path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target


def test_files_that_are_named_exist() -> None:
    named = shown(FILE, "README.md", "docs/contributing.md", "docs/small-model.md")
    assert len(named) > 30
    assert [one for one in named if not (ROOT / one).exists()] == []

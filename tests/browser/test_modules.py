"""The page's modules by themselves, under `node --test`, and what they share with the program."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from difflib import get_close_matches
from pathlib import Path
from random import Random
from typing import Any

import pytest
from live_lora.prompt import parse
from live_lora.prompt.arguments import argument_names

from .conftest import missing

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
STATIC = ROOT / "extension" / "browser" / "static"


@pytest.fixture(scope="module")
def node() -> str:
    path = shutil.which("node")
    if path is None:
        missing("there is no node on this machine")
    return path


def test_modules_under_node(node: str) -> None:
    files = sorted(str(path) for path in HERE.glob("*.test.mjs"))
    done = subprocess.run([node, "--test", *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_page_knows_the_arguments_of_the_language(node: str) -> None:
    script = "import(tags).then(m => console.log(JSON.stringify(m.ARGUMENTS)))"
    assert set(run(node, script)) == set(argument_names())


def test_the_description_of_rows_names_what_can_be_added(node: str) -> None:
    """And a tag works with each of them as it is added."""
    script = "import(fields).then(m => console.log(JSON.stringify(m.FIELDS)))"
    fields = {name: one for name, one in run(node, script).items() if "add" in one}
    english = json.loads((STATIC / "languages" / "en.json").read_text("utf-8"))
    told = " ".join((ROOT / "docs" / "rows.md").read_text("utf-8").split())
    assert set(re.findall(r"\*([A-Z][a-z ]+)\*[,.]", told.partition("- **Problems")[0])) == {
        english[one["add"]] for one in fields.values()
    }
    for name, one in fields.items():
        assert parse(f"<lora:x:{name}={one['initial']}>").tags, name


def test_the_page_finds_the_same_names_alike(node: str) -> None:
    """Its port of difflib, with thousands of pairs of words that look more or less alike."""
    random = Random(0)
    words = ["".join(random.choices("aabcé🦊 _", k=random.randrange(12))) for _ in range(300)]
    script = """import(names).then(m => console.log(JSON.stringify(
        words.map(word => m.closeMatches(word, words, 5)))))"""
    found = run(node, f"const words = {json.dumps(words)}; {script}")
    assert found == [get_close_matches(word, words, 5) for word in words]


def run(node: str, script: str) -> Any:
    """What a script prints as JSON; the page's modules are there by their names."""
    modules = {path.stem: path.as_uri() for path in STATIC.glob("*.mjs")}
    script = f"const {{tags, names, fields}} = {json.dumps(modules)}; {script}"
    done = subprocess.run([node, "-e", script], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)

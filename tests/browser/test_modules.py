"""The page's modules by themselves, under `node --test`, and what they share with the program."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from live_lora.prompt.arguments import argument_names

from .conftest import missing

HERE = Path(__file__).parent
TAGS = HERE.parent.parent / "extension" / "browser" / "static" / "tags.mjs"


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
    script = (
        f"import({json.dumps(TAGS.as_uri())}).then(m => console.log(JSON.stringify(m.ARGUMENTS)))"
    )
    done = subprocess.run([node, "-e", script], capture_output=True, text=True, check=True)
    assert set(json.loads(done.stdout)) == set(argument_names())

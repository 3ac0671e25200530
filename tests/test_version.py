"""One version, written in `extension/__init__.py`; whatever else names it agrees."""

from __future__ import annotations

import ast
import re
from configparser import ConfigParser
from pathlib import Path

import live_lora
import pytest
from live_lora.app import cli

ROOT = Path(__file__).parent.parent


def test_the_command_says_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"live-lora {live_lora.__version__}\n"


def test_the_webuis_file_has_it() -> None:
    metadata = ConfigParser()
    metadata.read(ROOT / "metadata.ini", encoding="utf-8")
    assert metadata["Extension"]["Version"] == live_lora.__version__


def test_the_wheel_takes_it_from_the_package_without_importing_it() -> None:
    """setuptools reads a plain string from the source; for anything else it imports the package."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert 'dynamic = ["version"]' in project
    assert 'version = { attr = "live_lora.__version__" }' in project
    tree = ast.parse((ROOT / "extension" / "__init__.py").read_text(encoding="utf-8"))
    values = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__version__"
    ]
    assert values == [live_lora.__version__]


def test_the_change_log_has_it() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## \[?(\d+\.\d+\.\d+)", text, re.MULTILINE)
    assert versions[0] == live_lora.__version__

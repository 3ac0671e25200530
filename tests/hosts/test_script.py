"""scripts/live_lora.py: what it needs of a program, and what it does where that is not there."""

from __future__ import annotations

import ast
import runpy
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from live_lora.browser import tab
from live_lora.hosts import webui
from modules import extra_networks, processing, script_callbacks

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "live_lora.py"
HOST = ROOT / "extension" / "hosts" / "webui"


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """A program that has started with a LoRA of its own."""
    script_callbacks.registered.clear()
    monkeypatch.setattr(extra_networks, "extra_network_registry", {"lora": "its own"})
    yield extra_networks.extra_network_registry
    script_callbacks.registered.clear()
    webui.stop()


def run() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


def used() -> set[str]:
    """`module.name` for all that the host takes from the webui's modules by name."""
    found: set[str] = set()
    for path in HOST.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        aliases = {
            alias.asname or alias.name: f"{node.module}.{alias.name}"
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.level == 0
            for alias in node.names
            if str(node.module).startswith("modules")
        }
        for node in ast.walk(tree):
            owner = node.value if isinstance(node, ast.Attribute) else None
            if isinstance(owner, ast.Name) and owner.id in aliases:
                found.add(f"{aliases[owner.id]}.{node.attr}")
    return found


def test_what_it_asks_for_is_what_the_host_uses() -> None:
    needed = {f"{m}.{name}" for m, names in run()["NEEDED"].items() for name in names}
    assert used() - {"modules.scripts.gr"} == needed  # every script has gradio there


def test_in_a_webui_it_starts_the_host(registry: dict[str, Any]) -> None:
    found = run()
    assert found["LiveLoraScript"] is webui.LiveLoraScript
    assert script_callbacks.registered["cfg_denoiser"]


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (script_callbacks, "on_cfg_denoiser"),
        (processing.StableDiffusionProcessing, "get_conds_with_caching"),
        (processing, "StableDiffusionProcessing"),
    ],
)
def test_in_another_program_it_says_why_and_does_nothing(
    registry: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    owner: Any,
    name: str,
) -> None:
    monkeypatch.delattr(owner, name)
    found = run()
    assert "LiveLoraScript" not in found
    assert list(script_callbacks.registered) == ["ui_tabs"]
    assert registry == {"lora": "its own"}
    said = capsys.readouterr().out
    assert name in said
    assert said.count("Live LoRA") == 1


def test_a_missing_module_is_told_as_one(
    registry: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "modules.infotext_utils", None)
    run()
    assert "modules.infotext_utils.*" in capsys.readouterr().out


def test_its_tab_says_so_too(registry: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    gradio = SimpleNamespace(Blocks=lambda **_: nullcontext("blocks"), HTML=shown.append)
    monkeypatch.setattr(tab, "gr", gradio)
    monkeypatch.delattr(script_callbacks, "on_model_loaded")
    run()
    (callback,) = script_callbacks.registered["ui_tabs"]
    assert callback() == [("blocks", tab.TITLE, tab.ELEM_ID)]
    assert "on_model_loaded" in shown[0]

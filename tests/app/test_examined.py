"""The record of the exam, and when the exam is held again."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import examined


def test_the_weights_are_those_that_passed_the_exam() -> None:
    assert examined.recorded(), (
        "these weights were never examined. LIVE_LORA_EXAM=1 python install.py test "
        "tests/app/test_model.py, and when it passes, write "
        f"{examined.digest()} into {examined.RECORD}"
    )


@pytest.mark.parametrize(
    ("variables", "due"),
    [
        ({}, False),
        ({"CI": "true"}, True),
        ({"CI": "false"}, False),
        ({"LIVE_LORA_EXAM": "1"}, True),
    ],
)
def test_the_exam_is_held_where_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], due: bool
) -> None:
    for name in ("CI", "LIVE_LORA_EXAM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert examined.exam_is_due() == due


def test_the_exam_is_held_where_the_weights_are_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("CI", "LIVE_LORA_EXAM"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "other.safetensors").write_bytes(b"other")
    monkeypatch.setattr(examined, "DATA", tmp_path)
    assert examined.exam_is_due()

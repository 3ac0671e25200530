"""Folders find their own files, and two claims on one thing are an error."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from live_lora.discovery import Registry, import_all


def test_all_modules_of_a_folder_are_imported_and_nothing_below(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "found_by_itself"
    (package / "below").mkdir(parents=True)
    for name in ("__init__", "b", "a", "below/__init__"):
        (package / f"{name}.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    import_all("found_by_itself", [str(package)])
    found = [name for name in sys.modules if name.startswith("found_by_itself.")]
    assert found == ["found_by_itself.a", "found_by_itself.b"]


def test_members_stay_in_order_and_are_found_by_their_claims() -> None:
    letters: Registry[str] = Registry("letter")
    letters.add("consonants", "bcd")
    letters.add("vowels", "aeiou")
    assert list(letters) == ["consonants", "vowels"]
    assert letters.owners["e"] == "vowels"


def test_two_claims_on_one_thing_name_both() -> None:
    letters: Registry[str] = Registry("letter")
    letters.add("consonants", "by")
    with pytest.raises(TypeError, match="'vowels' and 'consonants' both claim the letter 'y'"):
        letters.add("vowels", "ay")

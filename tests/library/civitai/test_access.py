"""Which site is asked, and who sees the key."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path

import pytest
from live_lora.errors import OnlineError
from live_lora.library.civitai.access import KEY_VARIABLE, Access, read_access, write_key

KEY = "abcdef0123456789"


def test_without_settings_it_is_civitai_without_a_key(tmp_path: Path) -> None:
    access = read_access(tmp_path)
    assert access.facts() == {
        "host": "https://civitai.com",
        "fallback": "https://civarchive.com",
        "offline": False,
        "key": False,
    }
    access.demand()


def test_host_fallback_and_no_network_are_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"host": "https://civitai.red", "fallback": None, "offline": True}
    (tmp_path / "civitai.json").write_text(json.dumps(settings))
    access = read_access(tmp_path)
    assert access.facts() == {**settings, "key": False}
    with pytest.raises(OnlineError, match="switched off"):
        access.demand()
    monkeypatch.setenv("LIVE_LORA_OFFLINE", "0")
    monkeypatch.setenv("LIVE_LORA_CIVITAI_HOST", "http://127.0.0.1:8000")
    assert str(read_access(tmp_path).host) == "http://127.0.0.1:8000"
    assert not read_access(tmp_path).offline


@pytest.mark.parametrize("text", ["[1]", "{", '{"host": "file:///etc"}', '{"host": "civitai.com"}'])
def test_settings_that_are_none_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "civitai.json").write_text(text)
    with pytest.raises(OnlineError):
        read_access(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_the_key_is_in_a_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    path = write_key(tmp_path / "data", KEY)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_access(path.parent).key == KEY
    path.chmod(0o640)
    with pytest.raises(OnlineError, match="chmod 600"):
        read_access(path.parent)
    path.chmod(0o600)
    write_key(path.parent, "")
    assert read_access(path.parent).key is None
    assert list(path.parent.iterdir()) == []


def test_the_key_of_the_environment_goes_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_key(tmp_path, "another-key-0000")
    monkeypatch.setenv(KEY_VARIABLE, f" {KEY}\n")
    assert read_access(tmp_path).key == KEY


def test_the_key_is_in_no_text(tmp_path: Path) -> None:
    access = Access(key=KEY)
    assert KEY not in repr(access) + str(access) + json.dumps(access.facts())


@pytest.mark.parametrize("key", ["short", "with space inside", "line\r\nCookie: x", "schlüssel-1"])
def test_what_cannot_be_a_key_is_refused_and_not_repeated(tmp_path: Path, key: str) -> None:
    with pytest.raises(OnlineError) as raised:
        write_key(tmp_path, key)
    assert key not in str(raised.value)
    assert not (tmp_path / "civitai.key").exists()

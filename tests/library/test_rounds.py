"""How the library follows what changes on the disk: at once where somebody looks, else in rounds
that take a small part of the time, and no memory."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from live_lora.library import background, scan
from live_lora.library.background import Background
from live_lora.library.catalog import Catalog

from .files import lora


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    for name in ("a", "b", "sub/c", "sub/d"):
        lora(tmp_path / "Lora" / f"{name}.safetensors")
    (tmp_path / "Lora/a.json").write_text('{"notes": "one"}')
    (tmp_path / "Lora/a.png").write_bytes(b"picture")
    catalog = Catalog([tmp_path / "Lora"])
    catalog.read_all()
    return catalog


def rewritten(path: Path) -> None:
    """Another content and time, in the same folder at the same time."""
    folder = path.parent.stat()
    path.write_bytes(path.read_bytes() + b" ")
    os.utime(path.parent, ns=(folder.st_atime_ns, folder.st_mtime_ns))


@pytest.mark.parametrize("name", ["a.safetensors", "a.json", "a.png"])
def test_what_is_in_sight_is_noticed_at_the_next_question(
    catalog: Catalog, tmp_path: Path, name: str
) -> None:
    """The page asks every five seconds, with the ids of its cards and of the prompt's names."""
    id, number = catalog.find("a").id, catalog.changes.number
    rewritten(tmp_path / "Lora" / name)
    catalog.notice([catalog.find("c").id])
    assert catalog.changes.since(number) == []
    catalog.notice([id])
    assert catalog.changes.since(number) == [id]
    catalog.notice([id])
    assert catalog.changes.number == number + 1


def test_to_notice_asks_for_what_is_in_sight_alone(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    original = scan._mtime

    def mtime(path: Path) -> int | None:
        asked.append(path.name)
        return original(path)

    monkeypatch.setattr(scan, "_mtime", mtime)
    monkeypatch.setattr("live_lora.library.catalog.scan", None)  # no round
    catalog.notice([catalog.find("a").id])
    assert sorted(asked) == ["Lora", "a.json", "a.png", "a.safetensors"]


def test_a_round_without_news_makes_nothing_anew(catalog: Catalog) -> None:
    before = catalog.snapshot
    after = catalog.scan()
    assert after.entries is before.entries
    assert after.names is before.names
    assert after.walked is before.walked
    assert after.ended >= before.ended


def test_a_round_with_news_makes_anew_what_changed(catalog: Catalog, tmp_path: Path) -> None:
    before = {entry.name: entry for entry in catalog.entries}
    number = catalog.changes.number
    rewritten(tmp_path / "Lora/sub/c.safetensors")
    after = {entry.name: entry for entry in catalog.scan().entries}
    assert after["a"] is before["a"]
    assert after["c"].stat != before["c"].stat
    assert catalog.changes.since(number) == [after["c"].id]
    (tmp_path / "Lora/sub/readme.md").write_text("another file in the folder")
    catalog.scan()
    assert catalog.changes.since(number) == [after["c"].id]
    lora(tmp_path / "Lora/sub/a.safetensors")  # "a" is no name for one alone any more
    assert {entry.name for entry in catalog.scan().entries} == {"a.safetensors", "sub/a", "b"} | {
        "c",
        "d",
    }


@pytest.mark.parametrize("seconds", [0.01, 0.5, 10.0])
def test_rounds_take_a_fiftieth_of_the_time(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    """An hour with a library of which one round takes so long; the clock is a made-up one."""
    now, rounds = 0.0, 0
    thread = Background(catalog)
    thread.once()  # everything is known
    thread._next_look = 0.0

    def slow_scan() -> None:
        nonlocal now, rounds
        now, rounds = now + seconds, rounds + 1

    def wait(timeout: float) -> bool:
        nonlocal now
        now += timeout
        if now > 3600:
            thread._stop.set()
        return False

    monkeypatch.setattr(background, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(catalog, "scan", slow_scan)
    quiet = SimpleNamespace(wait=wait, is_set=lambda: False, clear=lambda: None)
    monkeypatch.setattr(catalog, "news", quiet)
    thread._run()
    assert rounds * seconds <= 0.02 * now + seconds
    assert rounds >= 0.9 * min(3600 / 5, 3600 * 0.02 / seconds) - 1

"""The thread that learns about the library, and leaves a generation alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from live_lora.errors import FileError
from live_lora.library import background
from live_lora.library.background import Background
from live_lora.library.catalog import Catalog
from live_lora.library.header import Header
from live_lora.library.lora_file import Glimpse
from live_lora.library.outline import Outline

from .files import lora

LONG = 30.0  # seconds; only a failure waits that long


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    for name in ("x", "y"):
        lora(tmp_path / "Lora" / f"{name}.safetensors", alias=name * 2, data=name.encode())
    (tmp_path / "Lora/broken.safetensors").write_text("<html>")
    return Catalog([tmp_path / "Lora"], cache=tmp_path / "cache")


@pytest.fixture
def threads() -> Iterator[None]:
    yield
    assert not [t for t in threading.enumerate() if t.name == "live-lora library"]


@pytest.mark.usefixtures("threads")
def test_a_round_learns_everything(catalog: Catalog, tmp_path: Path) -> None:
    Background(catalog).once()
    assert catalog.unread == ()
    assert [entry.name for entry in catalog.unhashed] == ["broken"]
    known = Catalog(catalog.folders, cache=tmp_path / "cache")
    assert [entry.name for entry in known.unhashed] == ["broken"]


@pytest.mark.usefixtures("threads")
def test_it_is_the_one_reader_and_reads_each_file_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abc":
        lora(tmp_path / "Lora" / f"{name}.safetensors")
    glanced: list[str] = []
    checked: list[str] = []

    def glance(path: Path, _: Outline) -> Glimpse:
        glanced.append(path.stem)
        return Glimpse("SD1", "LoRA")

    def guess(path: Path, _: Header) -> str:
        checked.append(path.stem)
        if path.stem == "b":
            raise FileError("damaged", path, "a deep fault")
        return "SD2"

    monkeypatch.setattr(background, "CHECK_SHARE", 1.0)
    catalog = Catalog([tmp_path / "Lora"], cache=tmp_path / "cache", guess=guess, glance=glance)
    catalog.notice([catalog.find("c").id])
    for _ in range(2):
        Background(catalog).once()
    assert glanced == ["c", "a", "b"]
    assert checked == ["a", "b", "c"]
    assert [(e.base, e.error) for e in catalog.entries] == [
        ("SD2", None),
        ("Unknown", "a deep fault"),
        ("SD2", None),
    ]
    again = Catalog([tmp_path / "Lora"], cache=tmp_path / "cache", guess=guess, glance=glance)
    Background(again).once()
    assert (len(glanced), len(checked)) == (3, 3)
    assert again.find("b").error == "a deep fault"


@pytest.mark.usefixtures("threads")
def test_it_starts_and_stops_any_number_of_times(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "PAUSE", 0.01)
    thread = Background(catalog)
    thread.stop()
    others = threading.active_count()
    for _ in range(2):
        thread.start()
        thread.start()
        assert threading.active_count() == others + 1
        thread.stop()
        thread.stop()


@pytest.mark.usefixtures("threads")
def test_it_notices_new_files(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "PAUSE", 0.01)
    learned = threading.Event()
    flush = catalog.facts.flush

    def flushed() -> None:
        flush()
        if [entry.name for entry in catalog.entries if entry not in catalog.unhashed] == [
            "later",
            "x",
            "y",
        ]:
            learned.set()

    monkeypatch.setattr(catalog.facts, "flush", flushed)
    thread = Background(catalog)
    thread.start()
    try:
        lora(tmp_path / "Lora/later.safetensors")
        assert learned.wait(LONG)
    finally:
        thread.stop()


@pytest.mark.usefixtures("threads")
def test_it_does_nothing_while_busy_and_can_be_stopped_then(catalog: Catalog) -> None:
    asked = threading.Event()

    def busy() -> bool:
        asked.set()
        return True

    thread = Background(catalog, busy)
    thread.start()
    assert asked.wait(LONG)
    thread.stop()
    assert len(catalog.unread) == 3


@pytest.mark.usefixtures("threads")
def test_hashing_ends_in_the_middle_of_a_file(catalog: Catalog, tmp_path: Path) -> None:
    large = lora(tmp_path / "Lora/a large one.safetensors", data=bytes(1 << 24))
    catalog.scan()
    thread = Background(catalog)
    entry = catalog.find(large.stem)
    thread._stop.set()
    thread._hash(entry)
    assert entry in catalog.unhashed
    thread._stop.clear()
    thread._hash(entry)
    assert entry not in catalog.unhashed

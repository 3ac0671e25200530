"""LoRAs that lie where fsspec reads them: fetched when wanted, kept by hash, within bounds."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from drawing_wishes import drawn, wish
from live_lora.app import load_model
from live_lora.app.generator import Generator
from live_lora.errors import FileError, LiveLoraError
from live_lora.hosts.attach import open_library
from live_lora.serving.drawing_service import DrawingService
from live_lora.serving.lora_source import LoraSource
from live_lora.session.session import Options

URL = "memory://loras"
PLENTY = 1 << 30


@pytest.fixture
def far(lora_folder: Path) -> Iterator[Any]:
    """A store of this process' memory, with the four LoRAs; `owl` lies in a folder."""
    files = fsspec.filesystem("memory")
    for file in lora_folder.glob("*.safetensors"):
        folder = "birds/" if file.stem == "owl" else ""
        files.pipe(f"/loras/{folder}{file.name}", file.read_bytes())
    files.pipe("/loras/readme.txt", b"not a LoRA")
    yield files
    files.rm("/loras", recursive=True)


@pytest.fixture
def source(far: Any, tmp_path: Path) -> LoraSource:
    return LoraSource(URL, tmp_path / "cache", PLENTY)


@pytest.fixture
def service(model_folder: Path, source: LoraSource) -> Iterator[DrawingService]:
    catalog = open_library([source.folder], Options())
    generator = Generator(load_model.load(model_folder, device="cpu"), catalog)
    found = DrawingService(generator, source=source)
    found.start()
    yield found
    found.close()


def contents(source: LoraSource) -> set[str]:
    return {path.stem for path in (source.cache / "content").glob("*.safetensors")}


def fetched(source: LoraSource, name: str) -> Path:
    file = source.find(name)
    assert file is not None
    return source.fetch(file)


def test_what_there_is(source: LoraSource) -> None:
    assert set(source.listed()) == {"ghibli", "ink", "words", "birds/owl"}
    assert source.find("owl") == source.find("birds/owl")
    assert source.find("nope") is None
    assert contents(source) == set()


def test_a_file_comes_once_and_is_kept_by_its_hash(
    source: LoraSource, far: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = fetched(source, "owl")
    assert link.relative_to(source.folder).as_posix() == "birds/owl.safetensors"
    assert link.read_bytes() == far.cat("/loras/birds/owl.safetensors")
    other = LoraSource(URL, tmp_path / "cache", PLENTY)  # another process of this machine
    monkeypatch.setattr(LoraSource, "_read", lambda *_: pytest.fail("it is here already"))
    again = fetched(other, "owl")
    assert again.samefile(link)
    assert again != link
    assert len(contents(source)) == 1


def test_another_file_in_its_place(source: LoraSource, far: Any) -> None:
    before = fetched(source, "ink")
    text = before.read_bytes()
    far.pipe("/loras/ink.safetensors", far.cat("/loras/words.safetensors"))
    source.listed(again=True)
    file = source.find("ink")
    assert file is not None
    assert not source.is_here(file)
    assert fetched(source, "ink").read_bytes() != text
    assert source.is_here(file)
    assert len(contents(source)) == 2


def test_there_is_a_bound_and_what_is_held_stays(source: LoraSource) -> None:
    for name in ("ghibli", "owl", "ink"):
        fetched(source, name)
    held, free = source.find("ghibli"), source.find("owl")
    assert held is not None
    assert free is not None
    source.hold("job", held)
    source.limit = 1
    last = fetched(source, "words")
    assert len(contents(source)) == 1, "what is wanted now stays in any case"
    assert last.exists()
    assert (source.folder / held.relative).exists()
    assert not (source.folder / free.relative).exists()
    assert not source.is_here(held), "it would be read anew by others"
    source.release("job")
    source.limit = PLENTY
    fetched(source, "ghibli")
    assert source.is_here(held)


def test_a_place_that_does_not_answer(source: LoraSource, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: Any, **__: Any) -> None:
        raise OSError("no route to host")

    other = LoraSource("memory://elsewhere", source.cache, PLENTY)
    source.listed()
    with monkeypatch.context() as patch:
        patch.setattr(source._files, "find", lost)
        patch.setattr(source._files, "open", lost)
        with pytest.raises(FileError, match="no route to host"):
            other.listed()
        assert "ink" in source.listed(again=True), "what was known stays"
        with pytest.raises(FileError, match="no route to host"):
            fetched(source, "ink")
    assert not list((source.cache / "content").iterdir())


def test_no_such_kind_of_place(tmp_path: Path) -> None:
    with pytest.raises(LiveLoraError, match="--lora-source nowhere://x"):
        LoraSource("nowhere://x", tmp_path, PLENTY)


def test_pictures_with_it(service: DrawingService, source: LoraSource) -> None:
    listed = {one["path"]: one for one in service.facts.loras()}
    assert set(listed) == {
        *("ghibli.safetensors", "ink.safetensors", "words.safetensors", "birds/owl.safetensors")
    }
    (picture,) = drawn(service.submit("anna", wish("a fox <lora:owl:1> <lora:ink:0.5>")))
    assert [one.name for one in picture.report.networks] == ["owl", "ink"]
    assert all(one.ran_total for one in picture.report.networks)
    assert "Lora hashes" in picture.infotext
    assert len(contents(source)) == 2
    (other,) = drawn(service.submit("anna", wish("a fox <lora:gone:1>")))
    assert "gone" in other.report.problems[0].problem.message
    assert service.fetching is not None
    assert service.fetching._texts == {}
    assert source._held == {}


def test_a_slow_place_holds_up_nobody(
    service: DrawingService, source: LoraSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, read = threading.Event(), source._read

    def slowly(file: Any) -> str:
        if file.name == "ghibli":
            gate.wait(60)
        return read(file)

    monkeypatch.setattr(LoraSource, "_read", lambda self, file: slowly(file))
    waiting = [service.submit("anna", wish("a <lora:ghibli:1>", seed=i)) for i in range(3)]
    service.queue.cancel(waiting[1])
    assert len(drawn(service.submit("bert", wish("b <lora:ink:1>")))) == 1
    assert not waiting[0].over
    gate.set()
    assert drawn(waiting[0])[0].report.networks[0].ran_total > 0
    assert drawn(waiting[2])[0].report.networks[0].ran_total > 0

"""Many files are asked about: all are found, none twice, whatever happens in between."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from live_lora.library import sidecar
from live_lora.library.catalog import Catalog
from live_lora.library.civitai.lookup import Looked, Lookup, Missing
from live_lora.library.civitai.storing import info_of

from library.files import lora

from .site import PNG, Handler, Site, loras

TESTS = str(Path(__file__).parents[2])


def lookup(site: Site, folder: Path, again: bool = False, **options: Any) -> Looked:
    catalog = Catalog([folder])
    told: list[Looked] = []
    missing = Missing(folder.parent / "data" / "missing.jsonl")
    run = Lookup(site.client(**options), missing, catalog, again, tell=told.append)
    result = run.run(catalog.entries)
    assert told[-1] == result
    return result


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "Lora"


def test_what_is_found_is_kept_beside_the_file(site: Site, folder: Path) -> None:
    (path,) = loras(folder, 1)
    site.add(path, 7)
    result = lookup(site, folder)
    assert (result.found, result.missing, result.problems) == (1, 0, ())
    info = info_of(path)
    assert (info["id"], info["modelId"], info["trainedWords"]) == (7, 1007, ["ghibli style, anime"])
    assert info["model"]["tags"] == ["style"]
    assert info["model"]["allowCommercialUse"] == ["Image"]
    assert info["creator"] == {"username": "somebody"}
    assert json.loads(path.with_suffix(".json").read_text()) == {
        "activation text": "ghibli style, anime",
        "sd version": "SDXL",
        "description": "Draws well",
    }
    assert path.with_suffix(".preview.png").read_bytes() == PNG
    assert len(site.asked) == 3  # version, model, picture


def test_a_users_words_and_picture_stay(site: Site, folder: Path) -> None:
    (path,) = loras(folder, 1)
    site.add(path, 7)
    own = {"activation text": "mine", "sd version": "SD1", "description": "mine", "more": [1]}
    path.with_suffix(".json").write_text(json.dumps(own))
    path.with_suffix(".png").write_bytes(PNG + b"mine")
    path.with_suffix(".civitai.info").write_text('{"by another program": 1, "name": "old"}')
    assert lookup(site, folder).found == 1
    assert json.loads(path.with_suffix(".json").read_text()) == own
    assert not path.with_suffix(".preview.png").exists()
    info = info_of(path)
    assert (info["by another program"], info["name"]) == (1, "v7")


def test_several_groups_of_words_are_left_to_the_user(site: Site, folder: Path) -> None:
    (path,) = loras(folder, 1)
    site.add(path, 7, trainedWords=["red dress, hat", "school uniform"])
    lookup(site, folder)
    assert "activation text" not in json.loads(path.with_suffix(".json").read_text())
    assert sidecar.read(path).trigger_words == ("red dress, hat", "school uniform")


def test_edited_metadata_are_found_by_the_tensors(site: Site, folder: Path) -> None:
    (path,) = loras(folder, 1)
    site.add(path, 7)
    lora(path, data=b"tensors of 00000", alias="renamed")
    assert lookup(site, folder).found == 1
    assert info_of(path)["id"] == 7


def test_twelve_digits_of_a_file_of_another_size_are_no_proof(site: Site, folder: Path) -> None:
    (path,) = loras(folder, 1)
    version = site.add(path, 7)
    version["files"][0]["sizeKB"] += 600
    lora(path, data=b"tensors of 00000", alias="renamed")
    assert lookup(site, folder).missing == 1


def test_a_version_without_this_file_is_not_believed(site: Site, folder: Path) -> None:
    first, second = loras(folder, 2)
    wrong = site.add(first, 7)
    digits = wrong["files"][0]["hashes"]
    digits["SHA256"], digits["AutoV3"] = "0" * 64, "0" * 12
    site.add(second, 8)
    assert lookup(site, folder).missing == 1
    assert info_of(first) == {}


def test_the_archive_knows_what_was_taken_down(site: Site, folder: Path) -> None:
    (path,) = loras(folder, 1)
    version = {"id": 5, "name": "v1", "trigger": ["old style"], "baseModel": "SD 1.5"}
    sha256 = Catalog([folder]).entries[0].hashes.file
    context = {"name": "Gone", "type": "LORA", "creator_username": "x", "is_nsfw": False}
    site.archive[sha256] = {"data": {**context, "version": version}}
    assert lookup(site, folder).found == 1
    info = info_of(path)
    assert (info["id"], info["model"]["name"], info["trainedWords"]) == (5, "Gone", ["old style"])
    assert info["live lora"]["source"] == "civarchive"


def test_what_no_site_knows_is_not_asked_again(site: Site, folder: Path) -> None:
    loras(folder, 2)
    assert lookup(site, folder).missing == 2
    asked = len(site.asked)
    assert lookup(site, folder).missing == 2
    assert len(site.asked) == asked
    lookup(site, folder, again=True)
    assert len(site.asked) == 2 * asked


def test_what_was_known_stays_when_it_is_taken_down(site: Site, folder: Path) -> None:
    (path,) = loras(folder, 1)
    site.add(path, 7)
    lookup(site, folder)
    before = {one.name: one.read_bytes() for one in folder.iterdir()}
    site.by_hash.clear()
    assert lookup(site, folder, again=True).missing == 1
    assert {one.name: one.read_bytes() for one in folder.iterdir()} == before


def test_a_broken_file_costs_itself(site: Site, folder: Path) -> None:
    first, second = loras(folder, 2)
    first.write_text("<html>")
    site.add(second, 8)
    result = lookup(site, folder)
    assert (result.done, result.found) == (2, 1)
    assert "web page" in result.problems[0]


def test_pictures_above_the_level_are_not_kept(site: Site, folder: Path) -> None:
    (path,) = loras(folder, 1)
    url = f"{site.url}/img/original=true"
    images = [
        {"url": f"{url}/x.png", "nsfwLevel": 8},
        {"url": f"{url}/unknown.png"},
        {"url": f"{url}/film.png", "nsfwLevel": 1, "type": "video"},
        {"url": f"{url}/page.html", "nsfwLevel": 1},
        {"url": f"{url}/r.png", "nsfwLevel": 4},
    ]
    site.add(path, 7, images=images)
    lookup(site, folder)
    asked = [one for one in site.asked if "/img/" in one]
    assert asked == [f"GET /img/width=450,optimized=true/{name}" for name in ("page.html", "r.png")]
    assert path.with_suffix(".preview.png").exists()


def test_a_site_that_is_not_well_ends_the_run(site: Site, folder: Path) -> None:
    loras(folder, 20)
    site.faults.append(lambda handler: handler.say(500, {}) is None)
    result = lookup(site, folder)
    assert result.ended.endswith("start again to go on")
    assert len(site.asked) == 3


def test_stop(site: Site, folder: Path) -> None:
    for n, path in enumerate(loras(folder, 5)):
        site.add(path, n + 1)
    result = lookup(site, folder, stopped=lambda: len(site.asked) > 3)
    assert "stopped" in result.ended
    assert 0 < result.found < 5
    assert lookup(site, folder).found == 5


class Weather:
    """Every request may go wrong, each in another way."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def __call__(self, handler: Handler) -> bool:
        kind = self._random.randrange(30)
        if kind == 0:
            handler.say(500, {"error": "x"})
        elif kind == 1:
            handler.say(429, {"error": "x"}, Retry_After="1")
        elif kind == 2:
            handler.say(200, b'[{"id": 1, "fil')
        elif kind == 3:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n[")
            handler.close_connection = True
        elif kind == 4:
            handler.close_connection = True
        elif kind == 5:
            handler.say(302, b"", Location="http://127.0.0.1:1/")
        else:
            return False
        return True


PROGRAM = """
import os, sys
sys.path[:0] = [{tests!r}]
import conftest
from pathlib import Path
from library.civitai.test_lookup import lookup
from library.civitai.site import Site
site = Site()
site.url = {url!r}
left = [{steps}]
from live_lora.library.civitai import storing
real = storing.replace
def replace(target, content):
    left[0] -= 1
    if left[0] < 0:
        os.kill(os.getpid(), 9)
    real(target, content)
storing.replace = replace
lookup(site, Path({folder!r}))
"""


def killed_after(site: Site, folder: Path, steps: int) -> int:
    program = PROGRAM.format(tests=TESTS, url=site.url, steps=steps, folder=str(folder))
    environment = {**os.environ, "PYTHONPATH": TESTS}
    return subprocess.run([sys.executable, "-c", program], env=environment).returncode


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9")
def test_nothing_is_lost_or_twice_in_bad_weather_and_after_a_kill(site: Site, folder: Path) -> None:
    count, unknown = 230, 5
    paths = loras(folder, count + unknown)
    for n, path in enumerate(paths[:count]):
        site.add(path, n + 1)
    site.faults.append(Weather(1))
    assert killed_after(site, folder, 100) == -9
    for _ in range(30):
        site.asked.clear()
        result = lookup(site, folder)
        if not site.asked:
            break
    assert (result.found, result.missing) == (count, unknown)
    assert [info_of(path)["id"] for path in paths[:count]] == list(range(1, count + 1))
    assert all(path.with_suffix(".preview.png").read_bytes() == PNG for path in paths[:count])
    assert not [path for path in folder.iterdir() if path.name.startswith(".live-lora-")]
    assert site.asked == []


def test_a_picture_that_does_not_come_is_asked_for_again_some_times(
    site: Site, folder: Path
) -> None:
    (path,) = loras(folder, 1)
    site.add(path, 7)

    def gone(handler: Handler) -> bool:
        if wrong := handler.path.startswith("/img"):
            handler.say(200, b"<html>")
        return wrong

    site.faults.append(gone)
    for _ in range(2):
        result = lookup(site, folder)
        assert (result.found, len(result.problems)) == (1, 1)
    site.faults.clear()
    assert lookup(site, folder).problems == ()
    assert path.with_suffix(".preview.png").read_bytes() == PNG
    site.asked.clear()
    lookup(site, folder)
    assert site.asked == []
    path.with_suffix(".preview.png").unlink()
    path.with_suffix(".civitai.info").unlink()
    site.faults.append(gone)
    for _ in range(9):
        lookup(site, folder)
    assert sum("/img" in one for one in site.asked) == 5


def test_what_a_killed_run_has_left_is_cleared_when_it_is_old(site: Site, folder: Path) -> None:
    loras(folder, 1)
    old, new = folder / ".live-lora-abcd1234", folder / ".live-lora-efgh5678"
    for path in (old, new):
        path.write_text("half")
    (folder / ".live-lora-bin").mkdir()
    os.utime(old, (1, 1))
    os.utime(folder / ".live-lora-bin", (1, 1))
    lookup(site, folder)
    assert [old.exists(), new.exists(), (folder / ".live-lora-bin").exists()] == [False, True, True]


HOSTILE: dict[str, Any] = {
    "markup": "<img src=x onerror=alert(1)>",
    "number": 1e308,
    "deep": [[[[[[[[]]]]]]]],
    "nothing": None,
    "control": "\x00\x1b[2J\u202e",
    "long": "x" * 300_000,
}


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_fields(site: Site, folder: Path, value: str) -> None:
    """Every field but the hashes, by which the file is found, holds something else."""
    (path,) = loras(folder, 1)
    version = site.add(path, 7)
    wrong = HOSTILE[value]
    for key in ("modelId", "name", "baseModel", "trainedWords", "model", "images", "publishedAt"):
        version[key] = wrong
    for key in ("id", "sizeKB", "name", "type", "metadata", "primary", "downloadUrl"):
        version["files"][0][key] = wrong
    site.models[1007] = {"id": 1007, "tags": wrong, "description": wrong, "creator": wrong}
    assert lookup(site, folder).found == 1
    entry = Catalog([folder]).entries[0]
    assert entry.sidecar.problems == ()
    assert entry.error is None
    names = {one.name.partition(".")[2] for one in folder.iterdir()}
    assert names <= {"safetensors", "json", "civitai.info", "preview.png"}


def test_a_huge_answer_is_kept_without_its_pictures(site: Site, folder: Path) -> None:
    (path,) = loras(folder, 1)
    meta = {"prompt": "x" * 100_000, "comfy": "y" * 100_000}
    site.add(path, 7, images=[{"url": "", "meta": meta} for _ in range(40)])
    assert lookup(site, folder).found == 1
    assert (info_of(path)["id"], info_of(path)["images"]) == (7, [])


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege")
def test_a_link_out_of_the_library_is_not_written_through(
    site: Site, folder: Path, tmp_path: Path
) -> None:
    (path,) = loras(folder, 1)
    site.add(path, 7)
    outside = tmp_path / "outside"
    outside.write_text("{}")
    path.with_suffix(".civitai.info").symlink_to(outside)
    assert "leads out" in lookup(site, folder).problems[0]
    assert outside.read_text() == "{}"

"""What a user asks for, from end to end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from live_lora.errors import FileError, OnlineError
from live_lora.library.catalog import Catalog
from live_lora.library.civitai.access import Access
from live_lora.library.civitai.client import CivitaiClient
from live_lora.library.civitai.service import CivitaiService
from live_lora.library.civitai.storing import info_of
from live_lora.library.civitai.transport import Stopped

from library.files import lora

from .site import Site


@pytest.fixture
def service(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CivitaiService:
    catalog = Catalog([tmp_path / "Lora"])
    (tmp_path / "Lora").mkdir()
    monkeypatch.setenv("LIVE_LORA_CIVITAI_HOST", site.url)
    monkeypatch.setenv("LIVE_LORA_CIVITAI_FALLBACK", "")

    def client_of(access: Access, stopped: Stopped) -> CivitaiClient:
        assert str(access.host) == site.url
        return site.client(stopped=stopped)

    return CivitaiService(lambda: catalog, tmp_path / "data", client_of)


def test_a_download_comes_with_its_facts(
    service: CivitaiService, site: Site, tmp_path: Path
) -> None:
    site.add(lora(tmp_path / "there/ghibli.safetensors"), 7)
    path = service.download(7, tmp_path / "Lora", "style/new")
    assert path == tmp_path / "Lora/style/new/ghibli.safetensors"
    assert sorted(one.name for one in path.parent.iterdir()) == [
        *("ghibli.civitai.info", "ghibli.json", "ghibli.preview.png", "ghibli.safetensors")
    ]
    assert info_of(path)["id"] == 7
    assert json.loads(path.with_suffix(".json").read_text())["sd version"] == "SDXL"


def test_nothing_is_fetched_out_of_the_library(
    service: CivitaiService, site: Site, tmp_path: Path
) -> None:
    for folder in ("..", "../x", "C:", ".hidden"):
        with pytest.raises(FileError):
            service.download(7, tmp_path / "Lora", folder)
    assert site.asked == []


def test_a_version_that_is_none(service: CivitaiService, site: Site, tmp_path: Path) -> None:
    with pytest.raises(OnlineError, match="shows no version 7"):
        service.download(7, tmp_path / "Lora")


def test_lookup_and_updates(service: CivitaiService, site: Site, tmp_path: Path) -> None:
    site.add(lora(tmp_path / "Lora/a.safetensors"), 7)
    later = {"id": 8, "baseModel": "SDXL 1.0", "publishedAt": "2030-01-01"}
    site.models[1007]["modelVersions"].append(later)
    entries = Catalog([tmp_path / "Lora"]).entries
    assert service.lookup(entries).found == 1
    assert [one["id"] for one in service.updates(entries).values()] == [8]


def test_no_network_is_no_request(
    service: CivitaiService, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVE_LORA_OFFLINE", "1")
    entries = Catalog([lora(tmp_path / "Lora/a.safetensors").parent]).entries
    for work in (
        lambda: service.lookup(entries),
        lambda: service.updates(entries),
        lambda: service.download(7, tmp_path / "Lora"),
    ):
        with pytest.raises(OnlineError, match="switched off"):
            work()
    assert site.asked == []

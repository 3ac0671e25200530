"""A newer version of what is here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from live_lora.library.catalog import Catalog
from live_lora.library.civitai.storing import info_of, keep
from live_lora.library.civitai.updates import check, newer

from .site import Site, loras


def version(id: Any, day: Any, base: str = "SDXL 1.0", **fields: Any) -> dict[str, Any]:
    return {"id": id, "publishedAt": day, "baseModel": base, "name": f"v{id}", **fields}


OURS = version(2, "2024-05-01")
CASES: dict[str, tuple[list[Any], int | None]] = {
    "the only one": ([OURS], None),
    "an older one": ([OURS, version(1, "2024-01-01")], None),
    "a newer one": ([version(3, "2024-06-01"), OURS], 3),
    "the newest": ([version(3, "2024-06-01"), OURS, version(4, "2024-07-01")], 4),
    "for another base": ([version(3, "2024-06-01", "Flux.1 D"), OURS], None),
    "a draft": ([version(3, "2024-06-01", status="Draft"), OURS], None),
    "published": ([version(3, "2024-06-01", status="Published"), OURS], 3),
    "ours is gone": ([version(3, "2024-06-01")], None),
    "broken": ([None, "x", version("3", "2024-06-01"), version(4, 7), OURS], None),
}


@pytest.mark.parametrize("case", CASES)
def test_newer(case: str) -> None:
    versions, wanted = CASES[case]
    found = newer({"modelVersions": versions}, 2)
    assert (found and found["id"]) == wanted


def test_it_is_noted_beside_the_file(site: Site, tmp_path: Path) -> None:
    first, second, _ = loras(tmp_path, 3)
    for n, path in enumerate((first, second)):
        site.add(path, n + 1)
        keep(path, {"id": n + 1, "modelId": n + 1001, "kept": 1}, [])
    catalog = Catalog([tmp_path])
    before = second.with_suffix(".civitai.info").read_bytes()
    later = version(9, "2025-01-01T00:00:00.000Z")
    site.models[1001]["modelVersions"].append(later)
    found = check(catalog.entries, site.client(), catalog.folders)
    assert [one["id"] for one in found.values()] == [9]
    assert info_of(first)["live lora"]["newer"]["name"] == "v9"
    assert info_of(first)["kept"] == 1
    assert second.with_suffix(".civitai.info").read_bytes() == before
    assert len(site.asked) == 1

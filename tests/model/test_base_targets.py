"""The package's lists of layers: what their script makes, and what the base models are."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest
from host_trees import host, read
from live_lora.model.base_targets import BASES, base_targets

SCRIPT = Path(__file__).parents[2] / "tools" / "make_targets.py"
TRUTH = {"sd15": "sd15", "sd21": "sd21", "sdxl": "sdxl", "sdxl-refiner": "sdxl_refiner"}


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_targets", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_base_has_its_list(script: ModuleType) -> None:
    assert tuple(script.BASES) == BASES


@pytest.mark.parametrize("base", ["sd15-pix2pix", "sd21", "sdxl-refiner"])
def test_the_script_makes_what_is_there(script: ModuleType, base: str) -> None:
    made = json.loads(json.dumps(script.targets(base)))
    for layout, place in (("diffusers", 0), ("ldm", 1)):
        expected = {
            (component, row[place], row[2], tuple(row[3]))
            for component, rows in made.items()
            for row in rows
            if row[place]
        }
        found = base_targets(base, layout).values()  # type: ignore[arg-type]
        assert {(t.component, t.path, t.kind, t.shape) for t in found} == expected


@pytest.mark.parametrize("base", TRUTH)
def test_the_unets_are_those_of_the_maps(base: str) -> None:
    truth = read(f"maps/{TRUTH[base]}_unet_diffusers_to_host")
    diffusers = {
        target.path: target.shape
        for target in base_targets(base).values()
        if target.component == "unet"
    }
    ldm = {t.path: t.shape for t in base_targets(base, "ldm").values() if t.component == "unet"}
    assert diffusers == {path: tuple(facts["weight"]) for path, facts in truth.items()}
    assert ldm == {facts["host"]: tuple(facts["weight"]) for facts in truth.values()}


@pytest.mark.parametrize(("base", "where"), [("sd15", "sd15 ldm"), ("sdxl", "sdxl sgm")])
def test_the_whole_is_what_a_host_has(base: str, where: str) -> None:
    listed = {place: t.shape for place, t in base_targets(base, "ldm").items()}
    assert listed == {place: target.shape for place, target in host(where).items()}

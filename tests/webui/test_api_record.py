"""`tests/data/webui_api.json`, by which our server's API is tested, says what a real one does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .server import Refused, Webui

RECORD = json.loads((Path(__file__).parent.parent / "data" / "webui_api.json").read_text())
SMALL: dict[str, Any] = {"prompt": "a", "steps": 1, "width": 64, "height": 64, "seed": 5}


def kinds(values: dict[str, Any]) -> dict[str, str]:
    return {name: type(value).__name__ for name, value in values.items()}


@pytest.mark.parametrize("route", ["txt2img", "img2img"])
def test_fields_of_requests(reference: Webui, route: str) -> None:
    described = reference.get("/openapi.json")
    asked = described["paths"][f"/sdapi/v1/{route}"]["post"]["requestBody"]
    named = asked["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    fields = described["components"]["schemas"][named]["properties"]
    assert fields.keys() == RECORD[route].keys()
    for name, field in fields.items():
        kind = field.get("type") or field["anyOf"][0]["type"]
        assert (kind, field.get("default")) == (
            RECORD[route][name]["type"],
            RECORD[route][name]["default"],
        ), name


def test_routes(reference: Webui) -> None:
    paths = reference.get("/openapi.json")["paths"].items()
    ours = {path.rpartition("/")[2]: sorted(one) for path, one in paths if "/sdapi/v1/" in path}
    assert {route: ours[route] for route in RECORD["methods"]} == RECORD["methods"]


def test_answers(reference: Webui) -> None:
    drawn = reference.post("/sdapi/v1/txt2img", **SMALL)
    assert sorted(drawn) == RECORD["answer"]
    assert sorted(drawn["parameters"]) == RECORD["parameters"]
    info = kinds(json.loads(drawn["info"]))
    assert info.keys() == RECORD["info"].keys()
    either = {"sd_vae_hash", "sd_vae_name", "sd_model_hash", "denoising_strength"}
    assert {n for n in info if info[n] != RECORD["info"][n]} <= either
    progress = reference.get("/sdapi/v1/progress")
    assert progress.keys() == RECORD["progress"].keys()
    assert kinds(progress["state"]) == RECORD["state"]
    read = reference.post("/sdapi/v1/png-info", image=drawn["images"][0])
    assert sorted(read) == RECORD["png-info"]


def test_lists(reference: Webui) -> None:
    for route, key in (("loras", "lora"), ("sd-models", "sd_model"), ("samplers", "sampler")):
        assert sorted(reference.get(f"/sdapi/v1/{route}")[0]) == RECORD[key]
    schedulers = reference.get("/sdapi/v1/schedulers")
    assert sorted(schedulers[0]) == RECORD["scheduler"]
    assert {one["label"]: one["name"] for one in schedulers} == RECORD["schedulers"]
    samplers = reference.get("/sdapi/v1/samplers")
    assert {one["name"]: one["aliases"] for one in samplers} == RECORD["samplers"]
    assert sorted(reference.get("/sdapi/v1/embeddings")) == RECORD["embeddings"]
    assert sorted(reference.get("/sdapi/v1/scripts")) == RECORD["scripts"]
    assert set(RECORD["options"]) <= reference.get("/sdapi/v1/options").keys()


def test_errors(reference: Webui) -> None:
    with pytest.raises(Refused) as found:
        reference.post("/sdapi/v1/txt2img", **{**SMALL, "steps": "many"})
    (problem,) = json.loads(found.value.body)["detail"]
    assert problem == RECORD["validation error"]
    with pytest.raises(Refused) as found:
        reference.post("/sdapi/v1/img2img", prompt="a")
    assert json.loads(found.value.body) == RECORD["http error"]

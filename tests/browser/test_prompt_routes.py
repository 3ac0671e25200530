"""The routes that read prompts for the page."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from live_lora.prompt import Language

from .route_client import Connect


def test_explains_prompts(client: TestClient) -> None:
    prompts = [
        {"text": "a <lora:x:0.8:stop=40%> <lora:y:dyn=8>"},
        {"text": "<lora:z:only=cond>", "negative": True},
    ]
    first, second = client.post("explain", json={"prompts": prompts}).json()["prompts"]
    assert first["tags"][-1]["arguments"][0]["words"] == "first 8 ranks only"
    assert first["problems"][0]["fix"] == {"span": [19, 22], "text": "0.4"}
    assert second["problems"][0]["code"] == "never-on"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"prompts": "x"}, 422),
        ({"prompts": [{"text": 3}]}, 422),
        ({"prompts": [{"text": ""}] * 17}, 422),
        ({"prompts": [{"text": "x" * 60_000}] * 2}, 413),
        ({"prompts": [{"text": "x" * 2_000_000}]}, 413),
    ],
)
def test_explains_nothing_else(client: TestClient, body: Any, status: int) -> None:
    assert client.post("explain", json=body).status_code == status


def test_what_is_being_written_is_read_ahead(connect: Connect) -> None:
    """Files that are there, of tags that are on; nobody looks for a name that is half written."""
    asked: list[str] = []
    client = connect(prefetch=lambda tags: asked.extend(tag.name for tag in tags))
    client.get("library")
    text = "<lora:ink:0.8> <lora:in:1> <lora:ghibli:1:on=0>"
    assert client.post("explain", json={"prompts": [{"text": text}]}).status_code == 200
    assert asked == ["ink"]


def test_half_a_character_in_a_prompt_is_explained(client: TestClient) -> None:
    body = '{"prompts": [{"text": "\\ud800 <lora:\\udfff:0,5>"}]}'
    found = client.post("explain", content=body, headers={"Content-Type": "application/json"})
    assert found.json()["prompts"][0]["problems"][0]["fix"]["text"] == "0.5"


def test_the_language_has_the_users_presets(connect: Connect) -> None:
    mine = Language.with_presets("MINE:" + ",".join("1" * 17))
    client = connect(language_of=lambda: mine)
    assert "MINE" in client.get("language").json()["presets"]
    asked = {"prompts": [{"text": "<lora:x:lbw=MINE>"}]}
    assert client.post("explain", json=asked).json()["prompts"][0]["problems"] == []

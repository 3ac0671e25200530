"""`live-lora app --api`: the page and both APIs at one address, with one queue."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .app_program import SLOW, app_running, generate, number, write
from .conftest import missing

try:
    from playwright.sync_api import Page, expect
except ImportError:
    missing("playwright is not installed")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An app with the API."""
    with app_running(tmp_path_factory.mktemp("api"), "--api") as address:
        yield address


def test_the_api_waits_for_the_page(app: Page, address: str) -> None:
    jobs, wish = f"{address}live-lora/v1/jobs", {"prompts": ["a fox"], "steps": 2}
    write(app, "a fox <lora:ghibli:1>")
    number(app, "Steps", 120)
    app.get_by_role("button", name="Generate").click()
    expect(app.locator("#status")).to_contain_text("Step", timeout=SLOW)
    job = app.request.post(jobs, data=wish).json()
    assert job["state"] in ("loading", "ready")
    app.wait_for_timeout(300)
    expect(app.locator("#status")).to_contain_text("Step")
    assert app.request.get(f"{jobs}/{job['id']}").json()["state"] == "ready"
    app.get_by_role("button", name="Stop").click()
    expect(app.locator("#status")).to_contain_text("Stopped early", timeout=SLOW)
    events = app.request.get(f"{jobs}/{job['id']}/events").text()
    assert '"state": "done"' in events.split("event: end")[1]


def test_the_page_waits_for_the_api_and_can_be_taken_back(app: Page, address: str) -> None:
    jobs = f"{address}live-lora/v1/jobs"
    job = app.request.post(jobs, data={"prompts": ["a fox"], "steps": 150}).json()
    write(app, "a fox")
    number(app, "Steps", 2)
    app.get_by_role("button", name="Generate").click()
    expect(app.locator("#status")).to_contain_text("Waiting for the drawing before this one")
    app.get_by_role("button", name="Stop").click()
    expect(app.locator("#status")).to_contain_text("Taken back", timeout=SLOW)
    assert app.request.get(f"{jobs}/{job['id']}").json()["state"] == "drawing"
    app.request.delete(f"{jobs}/{job['id']}")
    assert generate(app, "a fox <lora:ghibli:1>")


def test_what_the_webuis_clients_ask(app: Page, address: str) -> None:
    answer = app.request.get(f"{address}sdapi/v1/samplers")
    assert "Euler a" in [one["name"] for one in answer.json()]
    paths = app.request.get(f"{address}openapi.json").json()["paths"]
    assert {"/sdapi/v1/txt2img", "/live-lora/v1/jobs"} <= paths.keys()
    drawn = app.request.post(f"{address}sdapi/v1/txt2img", data={"prompt": "a fox", "steps": 2})
    assert len(drawn.json()["images"]) == 1


@pytest.mark.parametrize("path", ["sdapi/v1/samplers", "live-lora/v1/status"])
def test_other_sites_and_names_are_refused(app: Page, address: str, path: str) -> None:
    other = {"Origin": "http://evil.example"}
    assert app.request.get(address + path, headers=other).status == 403
    assert app.request.get(address + path, headers={"Host": "evil.example"}).status == 400

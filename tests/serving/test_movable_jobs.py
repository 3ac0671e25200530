"""What only a live hook can do, over HTTP: weights moved, caps written down, effect measured."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import numpy as np
import pytest
from drawing_wishes import at_once, drawn, pixels, wish
from live_lora.app.generator import Generator
from live_lora.app.request import HiresFix
from live_lora.errors import StateError
from live_lora.prompt.moved_weight import SliderKey
from live_lora.serving.drawing_service import DrawingService
from live_lora.serving.jobs import DrawingJob
from replica_sets import served_by_replicas

KEY = SliderKey("cond", "ghibli", 0)
TAG = re.compile(r"<lora:ghibli:[^>]*>")


def moved(service: DrawingService, steps: int = 12) -> DrawingJob:
    """A job whose weight is moved twice while it is drawn."""
    request = wish("a fox <lora:ghibli:0.2>", steps=steps, movable=True)
    job = service.submit("one", request)

    def move(one: DrawingJob) -> None:
        values = {2: 1.5, 6: -0.5}
        if not one.over and one.tasks[0].step in values:
            service.move(one, {KEY: values[one.tasks[0].step]})

    job.listeners.append(move)
    return job


def test_what_was_moved_stands_in_the_infotext(service: DrawingService) -> None:
    (picture,) = drawn(moved(service))
    (tag,) = TAG.findall(picture.infotext.splitlines()[0])
    assert "hold" in tag
    (plain,) = drawn(service.submit("two", wish("a fox <lora:ghibli:0.2>", steps=12)))
    assert np.abs(pixels(plain) - pixels(picture)).max() > 2
    (again,) = drawn(service.submit("two", wish(f"a fox {tag}", steps=12)))
    assert np.abs(pixels(again) - pixels(picture)).max() <= 2


def test_a_movable_job_is_drawn_by_itself(service: DrawingService) -> None:
    requests = [wish("a fox <lora:ghibli:1>", seed=i, movable=i % 2 == 0) for i in range(4)]
    assert [one.batch for one in at_once(service, requests)] == [1, 2, 1, 2]


def test_what_cannot_be_moved(service: DrawingService) -> None:
    still = service.submit("one", wish("a fox <lora:ghibli:1>", steps=40))
    with pytest.raises(StateError, match="movable"):
        service.move(still, {KEY: 1.0})
    over = moved(service, 2)
    with pytest.raises(ValueError, match="no weight"):
        service.move(over, {KEY: 1e9})
    drawn(over)
    with pytest.raises(StateError, match="over"):
        service.move(over, {KEY: 1.0})


def test_caps_are_written_down_for_each_picture_of_a_mixed_batch(service: DrawingService) -> None:
    words = ["a fox", "a fox <lora:ghibli:2:cap=0.02>", "a sea <lora:ghibli:2:cap=0.05>"]
    requests = [wish(text, seed=i, steps=6) for i, text in enumerate(words)]
    plain, *capped = at_once(service, requests)
    assert plain.infotext.startswith("a fox\n")
    for request, picture in zip(requests[1:], capped, strict=True):
        assert picture.batch == 3
        (tag,) = TAG.findall(picture.infotext)
        assert ":capped=1@0" in tag
        prompt = picture.infotext.splitlines()[0]
        seed = {"seed": request.seeds[0], "steps": 6}
        (again,) = drawn(service.submit("again", wish(prompt, **seed)))
        assert np.abs(pixels(again) - pixels(picture)).max() <= 2


def test_caps_of_the_second_pass_are_each_pictures_own(service: DrawingService) -> None:
    hires = HiresFix(1.5, 0.6, 4, prompt="a hill <lora:ghibli:2:cap=0.03>")
    requests = [
        wish(f"a fox <lora:owl:{weight}>", seed=seed, hires=hires, sampler="Euler")
        for seed, weight in enumerate((0.2, 1.5))
    ]
    together = [one.infotext for one in at_once(service, requests)]
    alone = [drawn(service.submit("alone", one))[0].infotext for one in requests]
    for one, other in zip(together, alone, strict=True):
        assert numbers(one) == pytest.approx(numbers(other), rel=2e-3)


def numbers(text: str) -> list[float]:
    return [float(one) for one in re.findall(r"-?\d+\.?\d*", text)]


def test_measured_over_http(ask: httpx.Client) -> None:
    sizes = {"steps": 2, "width": 64, "height": 64, "measure": True}
    two = ["a fox <lora:owl:1>", "a fox <lora:ghibli:0.5>"]
    id = ask.post("/live-lora/v1/jobs", json={"prompts": two, **sizes}).json()["id"]
    with ask.stream("GET", f"/live-lora/v1/jobs/{id}/events") as stream:
        list(stream.iter_lines())
    results = ask.get(f"/live-lora/v1/jobs/{id}").json()["results"]
    named = [result["measured"][0]["networks"] for result in results]
    assert named == [["owl"], ["ghibli"]]


def test_moving_over_http_and_at_replicas(
    model_folder: Path, generator: Generator, ask: httpx.Client
) -> None:
    with served_by_replicas([generator]) as (address, _, _), httpx.Client(timeout=120) as client:
        for base in (str(ask.base_url).rstrip("/"), address):
            jobs = f"{base}/live-lora/v1/jobs"
            wish = {"prompts": ["a fox <lora:ghibli:0.2>"], "steps": 150, "movable": True}
            id = client.post(jobs, json={**wish, "width": 64, "height": 64}).json()["id"]
            moves = [{"name": "ghibli", "value": 1.25}]
            moved = False
            with client.stream("GET", f"{jobs}/{id}/events") as stream:
                for line in stream.iter_lines():  # not every step is told
                    if not moved and re.search(r'"step": [1-9]', line):
                        answer = client.post(f"{jobs}/{id}/weights", json=moves)
                        assert answer.status_code == 200
                        moved = True
            infotext = client.get(f"{jobs}/{id}").json()["results"][0]["infotext"]
            assert "1.25@" in infotext
            assert "hold" in infotext
            late = client.post(f"{jobs}/{id}/weights", json=moves)
            assert (late.status_code, late.json()["error"]) == (409, "StateError")
            far = [{"name": "ghibli", "value": 1e9}]
            assert client.post(f"{jobs}/{id}/weights", json=far).status_code == 422
            assert client.post(f"{jobs}/nope/weights", json=moves).status_code == 404

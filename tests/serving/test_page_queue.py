"""The app's page and the API draw by one queue."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from drawing_wishes import drawn, held, pixels, wish
from live_lora.app.cli import parser
from live_lora.app.request import GenerationRequest, RequestError, StepPreview
from live_lora.errors import LiveLoraError
from live_lora.serving.command import Opening, add_page, run
from live_lora.serving.drawing_service import DrawingService
from live_lora.serving.gatekeeper import AccessRules
from live_lora.serving.http_server import ServerState, application
from live_lora.serving.queued_drawing import QueuedDrawing
from servers import running


@pytest.fixture
def page(service: DrawingService) -> DrawingService:
    service.generator.through = QueuedDrawing(service)
    return service


def test_a_page_and_a_client_are_drawn_in_one_batch(page: DrawingService) -> None:
    two = GenerationRequest(
        ("a fox <lora:owl:1>", "b <lora:nope:1>"),
        steps=3, seed=7, width=64, height=64, guidance=4.0,
    )  # fmt: skip
    (alone,) = drawn(page.submit("alone", wish("a fox <lora:owl:1>")))
    steps: list[StepPreview] = []
    results: list[Any] = []
    gate = held(page)
    job = page.submit("anna", wish("c <lora:ink:1>", seed=9))
    thread = threading.Thread(target=lambda: results.append(page.generator.draw(two, steps.append)))
    thread.start()
    while len(page.queue.jobs) < 3:
        thread.join(0.01)
    gate()
    thread.join(60)
    assert drawn(job)[0].batch == 3
    (result,) = results
    assert len(result.images) == 2
    assert np.abs(np.asarray(result.images[0], int) - pixels(alone)).max() <= 2
    assert [one.name for one in result.report.networks] == ["owl"]
    assert [(one.picture, "nope" in one.problem.message) for one in result.report.problems] == [
        (1, True)
    ]
    assert result.request.seeds == (7, 8)
    assert not result.stopped
    assert {one.steps for one in steps} == {3}


def test_stop_and_refusals(page: DrawingService) -> None:
    stop = threading.Event()

    def watch(step: StepPreview) -> None:
        stop.set()

    result = page.generator.draw(wish("a", steps=150), watch, stop)
    assert result.stopped
    assert len(result.images) == 1
    with pytest.raises(RequestError, match="151 steps"):
        page.generator.draw(wish("a", steps=151))
    assert page.queue.jobs == {}


def test_the_page_is_served_beside_the_api(
    service: DrawingService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME", "GRADIO_TEMP_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    options = parser().parse_args(["serve", "--page"])
    state = ServerState(service, "ready")
    app = application(state, AccessRules(), {}, {})
    opening = Opening(options, state, None)  # type: ignore[arg-type]
    with opening.closing:
        add_page(app, opening, options)
        with running(app) as address, httpx.Client(base_url=address, timeout=60) as ask:
            assert "gradio" in ask.get("/").text
            assert ask.get("/sdapi/v1/samplers").status_code == 200
            assert ask.get("/live-lora/static/main.mjs").status_code == 200
            assert ask.get("/", headers={"Host": "evil.example"}).status_code == 400
    assert isinstance(service.generator.through, QueuedDrawing)


def test_it_needs_the_model_in_its_own_process() -> None:
    with pytest.raises(LiveLoraError, match="leave out --replicas"):
        run(parser().parse_args(["serve", "--page", "--replicas", "2"]))

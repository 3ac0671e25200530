"""Our own API, and who may ask."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import httpx
import pytest
from http_asking import LONG, SMALL, until, webui
from live_lora.app.generator import Generator
from live_lora.serving.admission import QueueLimits
from live_lora.serving.drawing_service import DrawingService, ServiceLimits
from live_lora.serving.gatekeeper import AccessRules
from live_lora.serving.http_server import ServerState, application
from live_lora.serving.request_limits import RequestLimits
from PIL import Image
from servers import running, served


def test_our_own_api(ask: httpx.Client) -> None:
    wish = {
        "prompts": ["a fox <lora:owl:1>", "a fox <lora:nope:1>"],
        "negatives": ["bad", "worse"],
        "seeds": [3, 99],
        "steps": 2,
        "width": 64,
        "height": 64,
        "sampler": "Euler a",
    }
    submitted = ask.post("/live-lora/v1/jobs", json=wish)
    assert submitted.status_code == 202
    id = submitted.json()["id"]
    with ask.stream("GET", f"/live-lora/v1/jobs/{id}/events?previews=true") as stream:
        lines = [line for line in stream.iter_lines() if line]
    assert lines[-2] == "event: end"
    assert json.loads(lines[-1].removeprefix("data: "))["state"] == "done"
    job = ask.get(f"/live-lora/v1/jobs/{id}").json()
    first, second = job["results"]
    assert [one["seed"] for one in job["results"]] == [3, 99]
    assert first["report"]["ok"]
    assert [one["name"] for one in first["report"]["networks"]] == ["owl"]
    assert "nope" in second["report"]["problems"][0]["message"]
    assert "Negative prompt: worse" in second["infotext"]
    picture = ask.get(f"/live-lora/v1/jobs/{id}/pictures/1")
    assert Image.open(io.BytesIO(picture.content)).info["parameters"] == second["infotext"]
    assert ask.get(f"/live-lora/v1/jobs/{id}/pictures/2").status_code == 404
    assert ask.get("/live-lora/v1/jobs/nope").status_code == 404
    assert ask.post("/live-lora/v1/jobs", json={**wish, "seeds": [1]}).status_code == 422
    assert ask.post("/live-lora/v1/jobs", json={**wish, "what": 1}).status_code == 422
    assert ask.post("/live-lora/v1/jobs", json={**wish, "seeds": [3, -1]}).status_code == 422


def test_cancelling_a_job(ask: httpx.Client) -> None:
    wish = {"prompts": ["a"], "steps": 150}
    id = ask.post("/live-lora/v1/jobs", json=wish).json()["id"]
    assert ask.delete(f"/live-lora/v1/jobs/{id}").json()["state"] == "cancelled"
    assert ask.get(f"/live-lora/v1/jobs/{id}").json()["results"] == []


def test_metrics(ask: httpx.Client) -> None:
    webui(ask, "txt2img", {**SMALL, "prompt": "a <lora:owl:1>"})
    text = ask.get("/live-lora/v1/metrics").text
    for line in (
        'live_lora_requests_total{model="small",route="/sdapi/v1/txt2img",status="200"}',
        'live_lora_lora_cache_total{model="small",lora="owl",result="hit"}',
        'live_lora_queue_seconds_bucket{model="small",le="+Inf"}',
        'live_lora_batch_fill_count{model="small"}',
        'live_lora_step_seconds_sum{model="small"}',
        'live_lora_queue_pictures{model="small"} 0',
    ):
        assert line in text, line
    for line in text.splitlines():
        if not line.startswith("#"):
            float(line.rpartition(" ")[2])


def test_back_pressure(shared_generator: Generator) -> None:
    limits = ServiceLimits(queue=QueueLimits(of_user=2), request=RequestLimits(seconds=1))
    with (
        served(shared_generator, limits=limits) as (address, _),
        httpx.Client(base_url=address, timeout=60) as ask,
    ):
        refused = webui(ask, "txt2img", {**SMALL, "batch_size": 3})
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) >= 1
        assert webui(ask, "txt2img", {**SMALL, "steps": 151}).status_code == 422
        late = webui(ask, "txt2img", {**LONG, "width": 512, "height": 512})
        assert late.status_code == 504
        assert "time limit of 1 s" in late.json()["detail"]


RULES = AccessRules(
    logins={"anna": "apple", "bert": "berry"},
    tokens={"cherry": "cleo"},
    origins=frozenset({"https://friend.example"}),
    body=1 << 20,
)


ANNA, BERT = ("anna", "apple"), ("bert", "berry")
BEARER = {"Authorization": "Bearer cherry"}
SAMPLERS = "/sdapi/v1/samplers"


@pytest.fixture
def guarded(shared_generator: Generator) -> Iterator[tuple[httpx.Client, DrawingService]]:
    """A server with these rules, and what draws there."""
    with (
        served(shared_generator, RULES) as (address, service),
        httpx.Client(base_url=address, timeout=60) as ask,
    ):
        yield ask, service


def test_who_may_ask(guarded: tuple[httpx.Client, DrawingService]) -> None:
    ask, _ = guarded
    assert ask.get(SAMPLERS).status_code == 401
    assert ask.get("/live-lora/v1/health").status_code == 200
    assert ask.get(SAMPLERS, auth=("anna", "wrong")).status_code == 401
    assert ask.get(SAMPLERS, auth=("nobody", "")).status_code == 401
    assert ask.get(SAMPLERS, auth=ANNA).status_code == 200
    assert ask.get(SAMPLERS, headers=BEARER).status_code == 200
    assert ask.get(SAMPLERS, headers={"Authorization": "Bearer no"}).status_code == 401
    friend = {**BEARER, "Origin": "https://friend.example"}
    allowed = ask.get(SAMPLERS, headers=friend).headers["access-control-allow-origin"]
    assert allowed == "https://friend.example"
    stranger = {**BEARER, "Origin": "https://evil.example"}
    assert ask.get(SAMPLERS, headers=stranger).status_code == 403
    assert ask.get(SAMPLERS, headers={**BEARER, "Host": "evil.example"}).status_code == 400


def test_too_large_a_body_is_refused(guarded: tuple[httpx.Client, DrawingService]) -> None:
    """Whether or not it says how large it is."""

    def chunks() -> Iterator[bytes]:
        for _ in range(64):
            yield b" " * (1 << 15)

    ask, _ = guarded
    for body in (b"x" * (2 << 20), chunks()):
        answer = ask.post("/sdapi/v1/txt2img", headers=BEARER, content=body)
        assert answer.status_code == 413


def test_a_job_is_its_users_own(guarded: tuple[httpx.Client, DrawingService]) -> None:
    ask, service = guarded
    mine = {"prompts": ["a"], "steps": 150}
    id = ask.post("/live-lora/v1/jobs", json=mine, auth=ANNA).json()["id"]
    for stop in ("interrupt", "skip"):
        ask.post(f"/sdapi/v1/{stop}", auth=BERT)
    job = f"/live-lora/v1/jobs/{id}"
    assert ask.get(job, auth=BERT).status_code == 404
    assert ask.delete(job, auth=BERT).status_code == 404
    other = ask.get("/sdapi/v1/progress", auth=BERT).json()
    assert other["state"]["job_count"] == 0
    until(lambda: service.queue.jobs[id].tasks[0].step > 0)
    assert not service.queue.jobs[id].tasks[0].stop
    assert ask.delete(job, auth=ANNA).status_code == 200


def test_while_the_model_is_read() -> None:
    state = ServerState(phase="reading the model")
    with (
        running(application(state, AccessRules(), {}, {})) as address,
        httpx.Client(base_url=address) as ask,
    ):
        assert ask.get("/live-lora/v1/status").json()["phase"] == "reading the model"
        assert ask.get("/live-lora/v1/health").status_code == 503
        answer = ask.post("/sdapi/v1/txt2img", json=SMALL)
        assert answer.status_code == 503
        assert answer.headers["Retry-After"]

"""Several replicas behind one server: the same answers, and none lost where one of them dies."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from http_asking import LONG, SMALL, decoded, in_background, until, webui
from live_lora.app import load_model
from live_lora.app.generator import Generator
from live_lora.hosts.attach import open_library
from live_lora.serving.admission import QueueLimits
from live_lora.serving.drawing_service import ServiceLimits
from live_lora.serving.metrics import merged_text
from live_lora.serving.remote_service import RemoteService
from live_lora.serving.request_limits import RequestLimits
from live_lora.session.session import Options
from PIL import Image
from replica_sets import LocalReplicas, served_by_replicas
from servers import served

Served = tuple[httpx.Client, LocalReplicas, RemoteService]
DIED = "its replica has died: killed by the test"


@pytest.fixture(scope="module")
def generators(model_folder: Path, lora_folder: Path) -> list[Generator]:
    return [
        Generator(load_model.load(model_folder, device="cpu"), open_library(lora_folder, Options()))
        for _ in range(2)
    ]


@pytest.fixture
def replicas(generators: list[Generator]) -> Iterator[Served]:
    limits = ServiceLimits(RequestLimits(seconds=60), QueueLimits(of_user=4))
    with (
        served_by_replicas(generators, limits) as (address, found, remote),
        httpx.Client(base_url=address, timeout=120) as ask,
    ):
        yield ask, found, remote


def test_the_pictures_are_the_single_servers(replicas: Served, generators: list[Generator]) -> None:
    ask, found, _ = replicas
    asked = [{**SMALL, "prompt": f"a fox <lora:{name}:0.8>"} for name in ("owl", "ghibli", "owl")]
    answers = [webui(ask, "txt2img", one).json() for one in asked]
    assert len(set(found.routed[::2])) == 1, "the same LoRA goes to the same replica"
    with served(generators[0]) as (address, _), httpx.Client(base_url=address, timeout=60) as one:
        for wish, answer in zip(asked, answers, strict=True):
            single = webui(one, "txt2img", wish).json()
            assert answer.keys() == single.keys()
            info, other = json.loads(answer["info"]), json.loads(single["info"])
            assert info.keys() == other.keys()
            assert info["infotexts"] == other["infotexts"]
            pixels, others = (np.asarray(decoded(a["images"][0]), int) for a in (answer, single))
            assert np.abs(pixels - others).max() <= 2


def test_what_all_of_them_say(replicas: Served) -> None:
    ask, found, _ = replicas
    for seed in range(4):
        webui(ask, "txt2img", {**SMALL, "prompt": "a", "seed": seed})
    assert {one["name"] for one in webui(ask, "loras").json()} == {"ghibli", "owl", "ink", "words"}
    assert webui(ask, "refresh-loras", {}).status_code == 200
    assert webui(ask, "embeddings").json() == {"loaded": {}, "skipped": {}}
    assert webui(ask, "sd-models").json()[0]["title"] == "small.safetensors"
    status = ask.get("/live-lora/v1/status").json()
    assert [one["replica"] for one in status["replicas"]] == ["r0", "r1"]
    assert status["phase"] == "ready"
    text = ask.get("/live-lora/v1/metrics").text
    assert text.count("# TYPE live_lora_queue_pictures gauge") == 1
    for replica in found.replicas:
        assert f'live_lora_queue_pictures{{model="small",replica="{replica}"}} 0' in text
    assert (
        'live_lora_requests_total{model="small",route="/sdapi/v1/txt2img",status="200"} 4' in text
    )


def test_jobs_are_watched_interrupted_and_cancelled(replicas: Served) -> None:
    ask, found, remote = replicas
    wish = {"prompts": ["a fox", "b"], "seeds": [3, 99], "steps": 2, "width": 64, "height": 64}
    id = ask.post("/live-lora/v1/jobs", json=wish).json()["id"]
    with ask.stream("GET", f"/live-lora/v1/jobs/{id}/events?previews=true") as stream:
        lines = [line for line in stream.iter_lines() if line]
    assert json.loads(lines[-1].removeprefix("data: "))["state"] == "done"
    results = ask.get(f"/live-lora/v1/jobs/{id}").json()["results"]
    assert [one["seed"] for one in results] == [3, 99]
    assert results[0]["report"]["ok"]
    picture = ask.get(f"/live-lora/v1/jobs/{id}/pictures/1")
    assert Image.open(io.BytesIO(picture.content)).info["parameters"] == results[1]["infotext"]
    thread, answers = in_background(lambda: webui(ask, "txt2img", LONG))
    until(lambda: webui(ask, "progress").json()["current_image"])
    webui(ask, "interrupt", {})
    thread.join(60)
    assert [decoded(one).size for one in answers[0].json()["images"]] == [(128, 128)]
    id = ask.post("/live-lora/v1/jobs", json={"prompts": ["a"], "steps": 150}).json()["id"]
    assert ask.delete(f"/live-lora/v1/jobs/{id}").json()["state"] == "cancelled"
    until(lambda: not any(one.service.queue.jobs for one in found.replicas.values()))
    assert remote.queue.jobs == {}


def test_a_client_that_leaves_cancels_at_the_replica(replicas: Served) -> None:
    ask, found, remote = replicas
    with pytest.raises(httpx.ReadTimeout):
        ask.post("/sdapi/v1/txt2img", json=LONG, timeout=0.7)
    until(lambda: not any(one.service.queue.jobs for one in found.replicas.values()))
    until(lambda: not remote.queue.jobs)


def test_refusals_are_the_replicas(replicas: Served) -> None:
    ask, _, remote = replicas
    assert webui(ask, "txt2img", {**SMALL, "steps": 151}).status_code == 422
    full = webui(ask, "txt2img", {**SMALL, "batch_size": 5})
    assert (full.status_code, full.json()["error"]) == (429, "QueueFull")
    assert int(full.headers["Retry-After"]) >= 1
    late = ask.post("/live-lora/v1/jobs", json={"prompts": ["a"], "steps": 150, "seconds": 0.3})
    id = late.json()["id"]
    until(lambda: ask.get(f"/live-lora/v1/jobs/{id}").json()["state"] == "expired")
    assert remote.queue.jobs == {}


@pytest.mark.parametrize("messages", [0, 2], ids=["at once", "while it draws"])
def test_a_job_whose_replica_dies_is_drawn_by_another_one(replicas: Served, messages: int) -> None:
    ask, found, remote = replicas
    alone = webui(ask, "txt2img", SMALL).json()
    found.die = [messages]
    answer = webui(ask, "txt2img", SMALL)
    assert answer.json()["images"] == alone["images"]
    assert len(found.routed) == 3
    assert "live_lora_replica_deaths_total" in remote.metrics_text()


def test_seeds_stay_where_a_replica_dies(replicas: Served) -> None:
    """A random seed was told to who watches: the second replica draws with the same."""
    ask, found, remote = replicas
    found.die = [2]
    id = ask.post("/live-lora/v1/jobs", json={"prompts": ["a"], "steps": 2}).json()["id"]
    seeds = {job.request.seeds for job in remote.queue.jobs.values()}
    until(lambda: ask.get(f"/live-lora/v1/jobs/{id}").json()["state"] == "done")
    (result,) = ask.get(f"/live-lora/v1/jobs/{id}").json()["results"]
    assert seeds in ({(result["seed"],)}, set())


def test_a_second_death_is_told(replicas: Served) -> None:
    ask, found, remote = replicas
    found.die = [0, 2]
    answer = webui(ask, "txt2img", SMALL)
    assert (answer.status_code, answer.json()["detail"]) == (500, DIED)
    assert remote.queue.jobs == {}
    assert webui(ask, "txt2img", SMALL).status_code == 200


def test_every_request_of_many_is_answered(replicas: Served) -> None:
    ask, found, _ = replicas
    found.die = [2, 0, 5]
    statuses: list[int] = []

    def draw(seed: int) -> None:
        asked = {**SMALL, "seed": seed, "prompt": f"a <lora:{('owl', 'ink')[seed % 2]}:1>"}
        statuses.append(webui(ask, "txt2img", asked).status_code)

    threads = [threading.Thread(target=draw, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(statuses) == 8
    assert set(statuses) <= {200, 429}


def test_metrics_of_several() -> None:
    head = "# HELP a b\n# TYPE a counter\n"
    texts = [f'{head}a{{r="{index}"}} 1\n' for index in (0, 1)]
    merged: Any = merged_text([*texts, "# HELP c d\n# TYPE c gauge\nc{} 2\n"])
    assert merged == f'{head}a{{r="0"}} 1\na{{r="1"}} 1\n# HELP c d\n# TYPE c gauge\nc{{}} 2\n'

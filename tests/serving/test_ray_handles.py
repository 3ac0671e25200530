"""What goes through Ray Serve's handles, and its router; without a cluster and its processes."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace as Standin
from typing import Any

import pytest
from drawing_wishes import wish

pytest.importorskip("ray")
from live_lora.app.request import GenerationRequest, RequestError
from live_lora.errors import LiveLoraError
from live_lora.serving.jobs import DrawingJob, TaskState
from live_lora.serving.ray_app import build, model_deployment, words_of
from live_lora.serving.ray_replicas import RayReplicas
from live_lora.serving.ray_router import LoraRequestRouter
from live_lora.serving.remote_service import RemoteService
from live_lora.serving.replica_messages import DrawingOrder
from ray import serve

pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("default")]


@pytest.fixture
def remote(
    model_folder: Path, lora_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RemoteService]:
    """One replica in this process, behind a handle of Ray's."""
    context = Standin(replica_id=Standin(unique_id="r0"))
    monkeypatch.setattr(serve, "get_replica_context", lambda: context)
    settings = {"model": model_folder, "lora_dir": [lora_folder], "device": "cpu", "log": "text"}
    model = model_deployment(words_of(settings), 2)
    handle = serve.run(model, name="x", route_prefix=None, _local_testing_mode=True)
    service = RemoteService(RayReplicas(handle))
    service.start()
    yield service
    service.close()


def drawn(job: DrawingJob) -> Any:
    over = threading.Event()
    job.listeners.append(lambda one: over.set() if one.over else None)
    assert job.over or over.wait(60), job.state
    return job.demand()


def test_jobs_through_a_handle(remote: RemoteService) -> None:
    (picture,) = drawn(remote.submit("anna", wish("a <lora:owl:1>")))
    assert picture.image.size == (64, 64)
    assert [one["name"] for one in picture.facts["report"]["networks"]] == ["owl"]
    long = remote.submit("anna", wish("a", steps=150, width=128, height=128))
    while not long.tasks[0].step:
        time.sleep(0.01)
    remote.queue.interrupt(long)
    assert drawn(long)[0].facts["stopped"]
    with pytest.raises(RequestError, match="151 steps"):
        remote.submit("anna", wish("a", steps=151))
    left = remote.submit("anna", wish("a", steps=150, width=128, height=128))
    remote.queue.cancel(left)
    assert left.state is TaskState.CANCELLED
    assert {one["name"] for one in remote.facts.loras()} == {"ghibli", "owl", "ink", "words"}
    (one,) = remote.status()["replicas"]
    assert one["replica"] == "r0"
    assert 'live_lora_lora_cache_total{model="small",replica="r0"' in remote.metrics_text()


def test_the_router() -> None:
    """Of stand-ins for Ray's replicas: jobs by their LoRAs, the rest by the replica it names."""
    router = LoraRequestRouter.__new__(LoraRequestRouter)
    router.initialize_state()
    told = {"a": {"loras": ["x"]}, "b": {"loras": []}}
    replicas = [
        Standin(replica_id=Standin(unique_id=id), routing_stats=one) for id, one in told.items()
    ]
    order = DrawingOrder("job", "anna", GenerationRequest(("p",)), loras=frozenset({"x"}))
    job = Standin(kwargs={"order": order}, metadata=Standin(internal_request_id="1"))

    def chosen(request: Any) -> list[list[str]]:
        ranks = asyncio.run(router.choose_replicas(replicas, request))
        return [[one.replica_id.unique_id for one in rank] for rank in ranks]

    assert chosen(job) == [["a"], ["b"]]
    for _ in range(3):
        router.on_request_routed(job, replicas[0].replica_id, None)
    assert chosen(job) == [["b"], ["a"]], "by now the other one is done sooner"
    assert chosen(Standin(kwargs={"replica": "b"}, metadata=None)) == [["b"]]
    assert chosen(Standin(kwargs={"replica": "gone"}, metadata=None)) == [["a", "b"]]
    assert chosen(None) == [["a", "b"]]


def test_settings_of_a_cluster() -> None:
    settings = {"model": "x.safetensors", "lora_dir": ["a", "b"], "compile": True, "batch": 4}
    assert words_of(settings) == [
        *("--model", "x.safetensors", "--lora-dir", "a", "--lora-dir", "b"),
        *("--compile", "--batch", "4"),
    ]
    assert words_of({"compile": False, "device": None}) == []
    assert type(build({**settings, "max_replicas": 4, "gpus": 1})).__name__ == "Application"
    with pytest.raises(LiveLoraError, match="--listen lets everybody in"):
        build({"listen": True})

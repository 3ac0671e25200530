"""Two replicas under Ray, one of which is killed: what no simulation of ours can promise.

`install.py test --cluster` installs Ray; without it these are skipped.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from http_asking import LONG, SMALL, decoded, until, webui

ray = pytest.importorskip("ray")
from live_lora.serving.command import opened  # noqa: E402
from live_lora.serving.gatekeeper import AccessRules  # noqa: E402
from live_lora.serving.http_server import ServerState, application  # noqa: E402
from live_lora.serving.ray_app import STATS_EVERY, options_of  # noqa: E402
from live_lora.serving.service_options import options_in_force  # noqa: E402
from servers import running  # noqa: E402

pytestmark = [
    pytest.mark.ray,
    # Ray leaves sockets and files to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("default"),
]
EXTENSION = Path(__file__).parent.parent.parent / "extension"
LORAS = ("ghibli", "owl", "ink", "words")
REQUESTS, CLIENTS = 50, 4


@pytest.fixture(scope="module")
def words(model_folder: Path, lora_folder: Path) -> list[str]:
    more = ["--device", "cpu", "--queue-per-user", "64", "--batch", "4", "--log", "text"]
    return ["--model", str(model_folder), "--lora-dir", str(lora_folder), *more]


@pytest.fixture(scope="module")
def address(
    words: list[str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Any]]:
    """`live-lora serve --replicas 2`, whose processes find this checkout."""
    folder = tmp_path_factory.mktemp("path")
    (folder / "live_lora").symlink_to(EXTENSION)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
        with opened(options_of([*words, "--replicas", "2"])) as service:
            app = application(
                ServerState(service, "ready"), AccessRules(), options_in_force(None), {}
            )
            with running(app) as found:
                yield found, service


@pytest.fixture
def ask(address: tuple[str, Any]) -> Iterator[httpx.Client]:
    until(lambda: len(address[1].status()["replicas"]) == 2, 60)
    with httpx.Client(base_url=address[0], timeout=120) as client:
        yield client


def replica_processes(ask: httpx.Client) -> dict[str, int]:
    each = ask.get("/live-lora/v1/status").json()["replicas"]
    return {one["replica"]: one["process"] for one in each}


def test_two_replicas_answer_as_one_server(ask: httpx.Client) -> None:
    processes = replica_processes(ask)
    assert len(set(processes.values())) == 2
    assert os.getpid() not in processes.values()
    wishes = [{**SMALL, "prompt": f"a fox <lora:{name}:0.8>"} for name in LORAS]

    def drawn(wish: dict[str, Any]) -> Any:
        time.sleep(2 * STATS_EVERY)  # else a replica that has just drawn still seems busy
        return webui(ask, "txt2img", wish).json()["images"]

    first = list(map(drawn, wishes))
    assert first == list(map(drawn, wishes))
    text = ask.get("/live-lora/v1/metrics").text
    lines = [line for line in text.splitlines() if "lora_cache_total" in line]
    loads = [line for line in lines if 'result="miss"' in line]
    assert len(loads) == len(LORAS), "each LoRA was read by one replica, and asked for there again"
    assert {one["name"] for one in webui(ask, "loras").json()} == set(LORAS)
    refused = webui(ask, "txt2img", {**SMALL, "steps": 151})
    assert refused.status_code == 422
    assert webui(ask, "txt2img", {**SMALL, "batch_size": 16, "n_iter": 5}).status_code in (422, 429)


def test_a_client_that_leaves_cancels_in_the_replica(ask: httpx.Client) -> None:
    with pytest.raises(httpx.ReadTimeout):
        ask.post("/sdapi/v1/txt2img", json={**LONG, "width": 256, "height": 256}, timeout=1)

    def idle() -> bool:
        status = ask.get("/live-lora/v1/status").json()
        return not status["waiting"] and not any(one["jobs"] for one in status["replicas"])

    until(idle, 20)


def test_fifty_requests_and_one_kill(ask: httpx.Client, address: tuple[str, Any]) -> None:
    """None without an answer, and none is another's picture."""
    alone = {}
    for index, name in enumerate(LORAS):
        answer = webui(ask, "txt2img", {**SMALL, "seed": index, "prompt": f"a <lora:{name}:1>"})
        alone[index] = np.asarray(decoded(answer.json()["images"][0]), int)
    numbers, lock = iter(range(REQUESTS)), threading.Lock()
    statuses: list[int] = []
    wrong: list[int] = []

    def client() -> None:
        with httpx.Client(base_url=address[0], timeout=120) as own:
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                index = number % len(LORAS)
                asked = {**SMALL, "seed": index, "prompt": f"a <lora:{LORAS[index]}:1>"}
                answer = webui(own, "txt2img", asked)
                statuses.append(answer.status_code)
                if answer.status_code == 200:
                    pixels = np.asarray(decoded(answer.json()["images"][0]), int)
                    infotext = json.loads(answer.json()["info"])["infotexts"][0]
                    if np.abs(pixels - alone[index]).max() > 2 or LORAS[index] not in infotext:
                        wrong.append(number)

    processes = replica_processes(ask)
    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    until(lambda: len(statuses) >= 10, 60)
    os.kill(min(processes.values()), signal.SIGKILL)
    for thread in threads:
        thread.join(90)
    assert len(statuses) == REQUESTS
    assert wrong == []
    assert statuses.count(200) == REQUESTS, "one death costs nobody anything"
    until(lambda: replica_processes(ask).keys() - processes.keys(), 120)

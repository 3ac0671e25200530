"""How Civitai is asked: politely, again where that helps, and no oftener than once a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from live_lora.errors import OnlineError
from live_lora.library.civitai.pacing import Pace, seconds_of
from live_lora.library.civitai.transport import Stopping

from .site import Handler, Site, loras


class Clock:
    """Time that passes only where somebody waits."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waits: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    def pace(self) -> Pace:
        return Pace(clock=lambda: self.now, sleep=self.sleep)


def failing(times: int, status: int, **headers: str) -> Any:
    left = [times]

    def fault(handler: Handler) -> bool:
        left[0] -= 1
        if left[0] >= 0:
            handler.say(status, {"error": "busy"}, **headers)
        return left[0] >= 0

    return fault


def test_versions_by_their_hashes(site: Site, tmp_path: Path) -> None:
    versions = [site.add(path, n + 1) for n, path in enumerate(loras(tmp_path, 3))]
    hashes = [version["files"][0]["hashes"]["SHA256"].lower() for version in versions]
    client = site.client()
    found = client.by_sha256([*hashes, "0" * 64])
    assert {one["id"] for one in found} == {1, 2, 3}
    short = client.by_hash(versions[1]["files"][0]["hashes"]["AutoV3"].lower())
    assert short is not None
    assert short["id"] == 2
    assert client.by_hash("0" * 12) is None
    assert client.version(3) == versions[2]
    assert client.version(4) is None
    assert list(client.models([1003, 1001, 9])) == [1001, 1003]


def test_one_request_a_second(site: Site) -> None:
    clock = Clock()
    client = site.client(pace=clock.pace())
    for _ in range(4):
        client.version(1)
    assert clock.now == pytest.approx(103)


@pytest.mark.parametrize("status", [500, 502, 503, 524, 429])
def test_it_is_tried_again(site: Site, status: int) -> None:
    clock = Clock()
    site.faults.append(failing(2, status))
    assert site.client(pace=clock.pace()).version(1) is None
    assert len(site.asked) == 3
    assert clock.now == pytest.approx(103)  # after 1 and 2 seconds


def test_it_is_given_up_after_three_times(site: Site) -> None:
    site.faults.append(failing(9, 500))
    with pytest.raises(OnlineError, match=r"out of order \(500\)"):
        site.client().version(1)
    assert len(site.asked) == 3


def test_it_waits_as_long_as_it_is_asked_to(site: Site) -> None:
    clock = Clock()
    site.faults.append(failing(1, 429, Retry_After="30"))
    assert site.client(pace=clock.pace()).version(1) is None
    assert clock.now == pytest.approx(130)


def test_a_long_wait_is_left_to_the_user(site: Site) -> None:
    site.faults.append(failing(9, 429, Retry_After="86400"))
    with pytest.raises(OnlineError, match="wait 86400 seconds") as raised:
        site.client().version(1)
    assert raised.value.wait == 86400
    assert len(site.asked) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 418])
def test_what_is_refused_is_no_surprise(site: Site, status: int) -> None:
    site.faults.append(failing(9, status))
    with pytest.raises(OnlineError, match=f"{status}"):
        site.client().version(1)


def test_an_answer_of_another_shape_is_none(site: Site) -> None:
    for content in ([1, "a", None, {"id": 1}], {"items": 3}, "x", None, 7):
        site.faults[:] = [lambda handler, content=content: handler.say(200, content) is None]
        client = site.client()
        assert client.by_sha256(["0" * 64]) in ([], [{"id": 1}])
        assert client.models([1]) == {}
        assert client.version(1) in (None, {"items": 3})


def test_stop_ends_a_wait(site: Site) -> None:
    clock = Clock()
    site.faults.append(failing(9, 429, Retry_After="60"))
    client = site.client(pace=clock.pace(), stopped=lambda: clock.now > 110)
    with pytest.raises(Stopping):
        client.version(1)
    assert clock.now < 112


AFTER = {"": None, "7": 7.0, " 7 ": 7.0, "-1": None, "soon": None, "1.5": None, "٣": None}


@pytest.mark.parametrize("text", AFTER)
def test_retry_after(text: str) -> None:
    assert seconds_of(text) == AFTER[text]
    assert seconds_of(None) is None
    assert seconds_of("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert (seconds_of("Wed, 21 Oct 2099 07:28:00 GMT") or 0) > 1e9

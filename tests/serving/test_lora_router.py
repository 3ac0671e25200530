"""Which replica a job goes to."""

from __future__ import annotations

import pytest
from live_lora.serving import lora_router
from live_lora.serving.lora_router import (
    REMEMBERED,
    LoraRouting,
    ReplicaView,
    SentOrder,
    ranked,
)

PACE = {"picture_seconds": 2.0, "load_seconds": 5.0}


def view(id: str, loras: str = "", waiting: int = 0, pictures: int = 0) -> ReplicaView:
    one = ReplicaView(id, {"loras": loras.split(), "waiting": waiting, **PACE})
    for number in range(pictures):
        one.sent(str(number), SentOrder((), 1), 0.0)
    return one


def order(views: list[ReplicaView], wanted: str) -> str:
    return "".join(one.id for one in ranked(views, wanted.split(), now=0.0))


def test_waiting_and_reading_are_weighed_in_seconds() -> None:
    assert order([view("a"), view("b", "x", waiting=2)], "x") == "ba"
    assert order([view("a"), view("b", "x", waiting=3)], "x") == "ab"
    assert order([view("a"), view("b", "x y", waiting=3)], "x y") == "ba", "two files to read"
    assert order([view("a", "x", pictures=3), view("b")], "x") == "ba", "what is under way counts"


def test_how_far_a_replica_is_counts() -> None:
    """Three pictures of two seconds each, sent at 0."""
    one = view("a", pictures=3)
    assert [one.waiting_seconds(now) for now in (0.0, 1.5, 5.0)] == [6.0, 4.5, 1.0]
    one.over("0", 1.5)  # sooner than expected
    assert one.waiting_seconds(1.5) == 4.0
    assert [one.waiting_seconds(now) for now in (6.5, 8.5, 100.0)] == [1.0, 3.0, 4.0], "overdue"
    one.over("1", 100.0)
    one.over("2", 101.0)
    assert one.waiting_seconds(101.0) == 0.0


def test_before_anything_was_measured() -> None:
    told = {"a": {"loras": []}, "b": {"loras": ["x"], "waiting": 1}, "c": {"waiting": 1}}
    views = [ReplicaView(id, one) for id, one in told.items()]
    assert order(views, "x")[2] == "c"
    assert order(views, "") == "abc" or order(views, "") == "acb"


def test_loras_that_nobody_holds_are_spread_and_keep_their_place() -> None:
    views = [view("a"), view("b")]
    places = {name: order(views, name) for name in map(str, range(64))}
    assert places == {name: order(views, name) for name in places}
    first = [place[0] for place in places.values()]
    assert 16 <= first.count("a") <= 48


def test_what_was_sent_counts_until_it_is_told() -> None:
    routing = LoraRouting()
    told = {"a": {"loras": [], **PACE}, "b": {"loras": [], **PACE}}
    first = routing.choose(told, ["x"])[0]
    other = {"a": "b", "b": "a"}[first]
    routing.sent("1", first, ["x"], 1)
    assert routing.choose(told, ["x"]) == [first, other]
    assert routing.choose({other: {"loras": []}}, ["x"]) == [other], "the first one is gone"
    routing.over("1")
    routing.over("1")


def test_a_lora_counts_as_held_while_a_job_is_under_way_and_a_while_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A first picture may take longer than replicas take to tell what they hold."""
    now = 1000.0
    monkeypatch.setattr(lora_router.time, "monotonic", lambda: now)
    routing = LoraRouting()
    told = {one: {"loras": [], **PACE} for one in "abcdefgh"}
    routing.sent("1", "h", ["x"], 0)
    routing.sent("2", "h", ["x"], 0)
    now += 60
    routing.over("1")
    now += 60
    assert routing.choose(told, ["x"])[0] == "h", "the other one still wants it"
    routing.over("2")
    now += REMEMBERED - 1
    assert routing.choose(told, ["x"])[0] == "h"
    now += 2
    places = {routing.choose(told, [f"x{number}", "x"])[0] for number in range(16)}
    assert len(places) > 1, "nobody holds it as far as anybody knows"


def test_pictures_under_way() -> None:
    routing = LoraRouting()
    told = {"a": {"loras": ["x"], **PACE}, "b": {"loras": [], **PACE}}
    for number in range(3):
        assert routing.choose(told, ["x"])[0] == "a"
        routing.sent(str(number), "a", ["x"], 1)
    assert routing.choose(told, ["x"])[0] == "b"
    routing.over("0")
    assert routing.choose(told, ["x"])[0] == "a"

"""Stop ends the orders of its own page: waiting ones before they begin, others early."""

from __future__ import annotations

from live_lora.app.orders import Orders


def test_stop_is_for_ones_own_page() -> None:
    orders = Orders()
    orders.place("a")
    drawn = orders.begin("a")
    orders.place("b")
    orders.stop("b")
    assert orders.begin("b").is_set(), "taken back"
    assert not drawn.is_set()
    orders.stop("a")
    assert drawn.is_set()


def test_orders_begin_in_their_order() -> None:
    orders = Orders()
    orders.place("a")
    first = orders.begin("a")
    orders.place("a")
    orders.stop("a")
    orders.place("a")
    assert first.is_set()
    assert orders.begin("a").is_set()
    assert not orders.begin("a").is_set(), "placed after the stop"


def test_what_has_ended_is_forgotten() -> None:
    orders = Orders()
    orders.place("a")
    stop = orders.begin("a")
    orders.end("a", stop)
    orders.stop("a")
    assert not stop.is_set()
    assert not orders.begin("a").is_set()

"""The page's drawings wait in the server's queue: in their turn, to be taken back, never mixed."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from threading import Event, Thread

import pytest
from drawing_wishes import drawn, held, wish
from live_lora.app.generator import Generator
from live_lora.app.request import GenerationResult, StepPreview
from live_lora.app.turns import TakenBack
from live_lora.serving.admission import QueueLimits
from live_lora.serving.drawing_service import DrawingService, ServiceLimits
from live_lora.serving.jobs import TaskState
from live_lora.serving.page_turns import PageTurns
from servers import serving


class PageDrawing(Thread):
    """What a page does: draws with the generator, in a thread."""

    def __init__(
        self,
        generator: Generator,
        prompt: str,
        user: str = "page",
        watch: Callable[[StepPreview], None] | None = None,
    ) -> None:
        super().__init__(daemon=True)
        self.stop = Event()
        self.draw = partial(generator.draw, wish(prompt), watch, self.stop, user=user)
        self.result: GenerationResult | None = None
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            self.result = self.draw()
        except Exception as error:
            self.error = error

    def drawn(self) -> GenerationResult:
        self.join(120)
        assert self.result is not None, self.error
        return self.result


@pytest.fixture
def turns(generator: Generator, service: DrawingService) -> DrawingService:
    generator.turns = PageTurns(service)
    return service


def waits(service: DrawingService, user: str = "page") -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end and not service.queue.waiting(user):
        time.sleep(0.01)
    assert service.queue.waiting(user)


def test_page_and_api_draw_one_after_the_other(generator: Generator, turns: DrawingService) -> None:
    let_go = held(turns)
    page = PageDrawing(generator, "a fox <lora:owl:1>")
    waits(turns)
    order: list[str] = []
    later = turns.submit("later", wish("a sea"))
    later.listeners.append(lambda job: order.append("api") if job.over else None)
    assert page.result is None
    let_go()
    page.drawn()
    assert not order, "who came first is drawn first"
    (picture,) = drawn(later)
    assert picture.batch == 1
    (alone,) = drawn(turns.submit("alone", wish("a fox <lora:owl:1>")))
    assert page.drawn().images[0].tobytes() == alone.image.tobytes()
    assert not turns.queue.jobs


def test_stop_takes_a_waiting_page_back(generator: Generator, turns: DrawingService) -> None:
    let_go = held(turns)
    page = PageDrawing(generator, "a fox")
    waits(turns)
    page.stop.set()
    page.join(10)
    assert isinstance(page.error, TakenBack)
    let_go()
    assert drawn(turns.submit("other", wish("a sea")))


def test_pages_are_users_like_others(generator: Generator, turns: DrawingService) -> None:
    """One that has drawn much does not come before one that has not."""
    let_go = held(turns)
    many = [PageDrawing(generator, "a fox", "greedy") for _ in range(3)]
    while len(turns.queue.waiting("greedy")) < 3:
        time.sleep(0.01)
    one = PageDrawing(generator, "a sea", "modest")
    waits(turns, "modest")
    let_go()
    assert one.drawn()
    assert sum(each.result is None for each in many) >= 1
    for each in many:
        assert each.drawn()


def fails(step: StepPreview) -> None:
    raise ZeroDivisionError


def test_a_failed_page_and_a_full_queue_cost_nobody_else(generator: Generator) -> None:
    with serving(generator, ServiceLimits(queue=QueueLimits(pictures=1))) as service:
        generator.turns = PageTurns(service)
        let_go = held(service)
        first = PageDrawing(generator, "a fox")
        waits(service)
        second = PageDrawing(generator, "a sea")
        second.join(10)
        assert "full" in str(second.error)
        let_go()
        assert first.drawn()
        broken = PageDrawing(generator, "a fox", watch=fails)
        broken.join(60)
        assert isinstance(broken.error, ZeroDivisionError)
        assert drawn(service.submit("other", wish("a sea")))


def test_a_server_that_closes_ends_the_pages_drawing(generator: Generator) -> None:
    with serving(generator) as service:
        generator.turns = PageTurns(service)
        page = PageDrawing(generator, "a fox")
        end = time.monotonic() + 30
        while time.monotonic() < end and not any(
            task.state is TaskState.DRAWING
            for job in service.queue.jobs.values()
            for task in job.tasks
        ):
            time.sleep(0.001)
    page.join(10)
    assert not page.is_alive()

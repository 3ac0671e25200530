"""The queue by itself: what it puts together, in which order, and what it refuses."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import pytest
from live_lora.serving.admission import QueueFull, QueueLimits
from live_lora.serving.batch_limits import BatchLimits, MemoryBudget
from live_lora.serving.jobs import DrawingJob, JobFailed, PictureTask, TaskState
from live_lora.serving.picture_queue import PictureQueue


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def queue_of(clock: Clock, *, pictures: int = 4) -> PictureQueue:
    return PictureQueue(batches=BatchLimits(pictures=pictures), clock=clock)


def asked(
    queue: PictureQueue,
    user: str,
    kinds: str = "a",
    *,
    priority: int = 0,
    loaded: bool = True,
    seconds: float = 1e6,
    pixels: int = 64,
) -> DrawingJob:
    """A job of one picture for each letter, which is its kind."""
    now = queue.clock()
    job = DrawingJob(user, priority=priority, deadline=now + seconds, created=now)
    for kind in kinds:
        job.add(kind, pixels, pixels * 10.0)
    queue.submit(job)
    if loaded:
        queue.ready(job)
    return job


def taken(queue: PictureQueue) -> list[tuple[str, int]]:
    """The next batch, which is drawn: whose pictures, and which."""
    batch = queue.take(0)
    for task in batch:
        queue.finish(task, "picture")
    return [(task.job.user, task.index) for task in batch]


def test_one_kind_in_a_batch_and_no_more_than_there_is_room(clock: Clock) -> None:
    queue = queue_of(clock)
    job = asked(queue, "anna", "aabaaab")
    other = asked(queue, "bert", "b")
    assert taken(queue) == [("anna", 0), ("anna", 1), ("anna", 3), ("anna", 4)]
    assert taken(queue) == [("bert", 0), ("anna", 2), ("anna", 6)]
    assert taken(queue) == [("anna", 5)]
    assert taken(queue) == []
    assert job.over
    assert other.over
    assert job.demand() == ["picture"] * 7
    assert queue.jobs == {}


def test_who_has_had_less_comes_first(clock: Clock) -> None:
    """One who asks for a hundred pictures does not hold up who asks for one."""
    queue = queue_of(clock)
    asked(queue, "anna", "a" * 100)
    assert taken(queue) == [("anna", index) for index in range(4)]
    asked(queue, "bert", "aa")
    asked(queue, "cleo", "a")
    assert taken(queue) == [("bert", 0), ("cleo", 0), ("bert", 1), ("anna", 4)]


def test_shares_are_equal_in_work_not_in_pictures(clock: Clock) -> None:
    queue = queue_of(clock, pictures=1)
    asked(queue, "anna", "a" * 9, pixels=300)
    asked(queue, "bert", "b" * 9, pixels=100)
    drawn = [taken(queue)[0][0] for _ in range(12)]
    assert drawn.count("anna") == 3
    assert drawn.count("bert") == 9


def test_who_was_away_is_owed_nothing(clock: Clock) -> None:
    queue = queue_of(clock, pictures=1)
    asked(queue, "anna", "a" * 50)
    for _ in range(20):
        taken(queue)
    asked(queue, "bert", "a" * 20)
    drawn = [taken(queue)[0][0] for _ in range(10)]
    assert drawn.count("bert") in (5, 6), "half each, not all to the newcomer"


def test_priority_comes_first_and_waiting_raises_it(clock: Clock) -> None:
    queue = queue_of(clock, pictures=1)
    asked(queue, "anna", "a")
    asked(queue, "bert", "a", priority=2)
    assert taken(queue) == [("bert", 0)]
    clock.now += 70  # two steps of ageing
    asked(queue, "cleo", "a", priority=1)
    assert taken(queue) == [("anna", 0)]


def test_a_job_whose_lora_is_being_read_holds_up_nobody(clock: Clock) -> None:
    queue = queue_of(clock)
    slow = asked(queue, "anna", "aa", loaded=False)
    asked(queue, "bert", "a")
    assert taken(queue) == [("bert", 0)]
    assert taken(queue) == []
    queue.ready(slow)
    assert taken(queue) == [("anna", 0), ("anna", 1)]


def test_back_pressure(clock: Clock) -> None:
    queue = queue_of(clock)
    queue.limits = QueueLimits(pictures=4, of_user=3)
    asked(queue, "anna", "aaa")
    with pytest.raises(QueueFull, match="you have 3 pictures waiting"):
        asked(queue, "anna", "a")
    with pytest.raises(QueueFull, match=r"the queue is full .* try again in \d+ s") as refused:
        asked(queue, "bert", "aa")
    assert 1 <= refused.value.retry_after <= 600
    asked(queue, "bert", "a")
    taken(queue)
    asked(queue, "anna", "aaa")


def test_retry_after_grows_with_what_waits(clock: Clock) -> None:
    queue = queue_of(clock)
    queue.rate.measured(work=640.0, seconds=1.0)
    asked(queue, "anna", "a" * 40)
    assert queue.retry_after == pytest.approx(20.0), "half of 40 pictures of a second each"


def test_time_limits(clock: Clock) -> None:
    queue = queue_of(clock, pictures=1)
    job = asked(queue, "anna", "aa", seconds=5)
    (drawing,) = queue.take(0)
    clock.now += 6
    queue.expire()
    assert job.over
    with pytest.raises(JobFailed, match="time limit of 5 s") as failed:
        job.demand()
    assert failed.value.state is TaskState.EXPIRED
    queue.finish(drawing, "too late")
    assert drawing.result is None
    assert queue.take(0) == []


def test_cancelling_at_every_stage(clock: Clock) -> None:
    queue = queue_of(clock, pictures=1)
    loading, waiting = asked(queue, "anna", loaded=False), asked(queue, "bert")
    drawing = asked(queue, "cleo", priority=9)
    (task,) = queue.take(0)
    assert task.job is drawing
    for job in (loading, waiting, drawing):
        queue.cancel(job)
        assert job.state is TaskState.CANCELLED
    queue.ready(loading)
    queue.finish(task, "too late")
    assert queue.take(0) == []
    assert drawing.demand() == []


def test_interrupting_keeps_what_is_there(clock: Clock) -> None:
    queue = queue_of(clock, pictures=1)
    job = asked(queue, "anna", "aaa")
    taken(queue)
    (drawing,) = queue.take(0)
    queue.interrupt(job)
    assert drawing.stop
    assert not job.over, "the drawer ends it"
    queue.finish(drawing, "half a picture")
    assert job.over
    assert job.demand() == ["picture", "half a picture"]


def test_skipping_goes_on_with_the_next(clock: Clock) -> None:
    queue = queue_of(clock, pictures=1)
    job = asked(queue, "anna", "aa")
    (drawing,) = queue.take(0)
    queue.interrupt(job, waiting=False)
    queue.finish(drawing, "half a picture")
    assert not job.over
    assert taken(queue) == [("anna", 1)]


def test_every_end_is_told_once_outside_the_lock(clock: Clock) -> None:
    queue, told = queue_of(clock), []

    def ended(job: DrawingJob) -> None:
        asker = threading.Thread(target=lambda: told.append((job.user, len(queue.waiting()))))
        asker.start()  # on another thread: it would wait for ever for a lock that is held
        asker.join(5)

    queue.ended = ended
    job = asked(queue, "anna", "aa")
    for task in queue.take(0):
        queue.finish(task, "picture")
        queue.fail(task, "no more")
    queue.cancel(job)
    assert told == [("anna", 0)]


def test_take_waits_for_what_comes() -> None:
    queue = PictureQueue()
    found: list[list[PictureTask]] = []
    taker = threading.Thread(target=lambda: found.append(queue.take(30)))
    taker.start()
    job = DrawingJob("anna")
    job.add("a", 1, 1.0)
    queue.submit(job)
    queue.ready(job)
    taker.join(20)
    assert found == [job.tasks]


def test_lingering_for_company() -> None:
    clock = Clock()
    queue = PictureQueue(batches=BatchLimits(pictures=2), linger=0.5, clock=clock)
    asked(queue, "anna")
    assert queue.take(0) == [], "there may be company yet"
    asked(queue, "bert")
    assert len(queue.take(0)) == 2, "the batch is full"
    asked(queue, "anna")
    clock.now += 0.6
    assert len(queue.take(0)) == 1


def test_closing() -> None:
    queue = PictureQueue()
    queue.close()
    assert queue.take() == []
    with pytest.raises(QueueFull, match="shut down"):
        queue.submit(DrawingJob("anna"))


def test_batches_are_bounded_by_pixels() -> None:
    limits = BatchLimits(pictures=8, pixels=1000)
    assert [limits.room(size) for size in (100, 300, 5000)] == [8, 3, 1]


def test_batches_are_bounded_by_what_was_measured() -> None:
    memory = MemoryBudget(free=lambda: 1000)
    limits = BatchLimits(pictures=8, memory=memory)
    assert limits.room(10) == 8, "nothing is known"
    memory.measured(pixels=10, taken=200)
    assert limits.room(10) == 4, "20 bytes a pixel, 900 free"
    memory.measured(pixels=10, taken=100)
    assert limits.room(10) == 4, "the costliest counts"
    memory.too_much(30)
    assert limits.room(10) == 1

"""What a client has asked for: a job, and its tasks, which are single pictures."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from threading import Event
from typing import TYPE_CHECKING, Any

from ..errors import LiveLoraError, StateError

if TYPE_CHECKING:
    from ..session.sliders import Sliders  # brings torch, which a queue does without

DRAWING_LIMIT = 3600.0  # seconds; a job without a time limit of its own has this one


class TaskState(Enum):
    """Where one picture stands; the last four are ends."""

    LOADING = "loading"  # a LoRA of its job is being read
    READY = "ready"
    DRAWING = "drawing"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def over(self) -> bool:
        """Nothing happens to it any more."""
        return self in _ENDS


_ENDS = frozenset({TaskState.DONE, TaskState.FAILED, TaskState.CANCELLED, TaskState.EXPIRED})


class JobFailed(LiveLoraError):
    """A job has no pictures to give: `state` says how it ended."""

    def __init__(self, state: TaskState, reason: str) -> None:
        self.state = state
        super().__init__(reason)


@dataclass(slots=True, eq=False)
class PictureTask:
    """One picture of a job.

    `kind` is what pictures of one batch have in common (size, steps, sampler, …); `pixels` how many
    of its pixels are computed at once at most, `work` what it costs in pixels times steps.
    """

    job: DrawingJob
    index: int
    kind: Hashable
    pixels: int
    work: float
    state: TaskState = TaskState.LOADING
    step: int = 0
    steps: int = 0
    preview: Any = None
    result: Any = None
    error: str = ""
    stop: bool = False  # the drawer ends it after its present step, with what there is


@dataclass(slots=True, eq=False)
class DrawingTurn:
    """Of a job that somebody else draws: the service lets it begin, and waits until it ended."""

    begun: Event = field(default_factory=Event)
    ended: Event = field(default_factory=Event)


@dataclass(slots=True, eq=False)
class DrawingJob:
    """What one user has asked for at once.

    `request` is whatever the drawer draws from; `priority` is greater for what comes first;
    `deadline` is in seconds of `time.monotonic()`.
    """

    user: str
    request: Any = None
    priority: int = 0
    deadline: float = 0.0
    id: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    tasks: list[PictureTask] = field(default_factory=list)
    created: float = field(default_factory=time.monotonic)
    started: float | None = None
    ended: float | None = None
    number: int = 0  # in the order of arrival
    listeners: list[Callable[[DrawingJob], None]] = field(default_factory=list)
    watched_until: float = 0.0  # somebody looks at its previews until then
    turn: DrawingTurn | None = None
    sliders: Sliders | None = None  # of a movable request, in the process that draws it

    def __post_init__(self) -> None:
        self.deadline = self.deadline or self.created + DRAWING_LIMIT

    def add(self, kind: Hashable, pixels: int, work: float) -> PictureTask:
        """One more picture."""
        task = PictureTask(self, len(self.tasks), kind, pixels, work)
        self.tasks.append(task)
        return task

    @property
    def over(self) -> bool:
        """Every picture has come to its end."""
        return all(task.state.over for task in self.tasks)

    @property
    def state(self) -> TaskState:
        """That of the picture that is furthest from done; a failed one decides at the end."""
        states = {task.state for task in self.tasks}
        running = (TaskState.DRAWING, TaskState.READY, TaskState.LOADING)
        bad = (TaskState.FAILED, TaskState.EXPIRED, TaskState.CANCELLED)
        return next((one for one in (*running, *bad) if one in states), TaskState.DONE)

    @property
    def watched(self) -> bool:
        """Somebody looks at its previews."""
        return time.monotonic() < self.watched_until

    @property
    def results(self) -> Sequence[Any]:
        """What came of the pictures that are done, in order."""
        return [task.result for task in self.tasks if task.state is TaskState.DONE]

    @property
    def progress(self) -> float:
        """0 to 1, over all its pictures."""
        done = sum(
            1.0 if task.state.over else task.step / task.steps if task.steps else 0.0
            for task in self.tasks
        )
        return done / len(self.tasks) if self.tasks else 1.0

    def demand(self) -> Sequence[Any]:
        """The results. Raises JobFailed where a picture failed, or its time was over."""
        for state in (TaskState.FAILED, TaskState.EXPIRED):
            for task in self.tasks:
                if task.state is state:
                    raise JobFailed(state, task.error)
        return self.results

    def demand_movable(self) -> None:
        """Raises StateError where nothing of it can be moved (any more)."""
        if not self.request.movable:
            raise StateError("this job was not asked for as movable")
        if self.over:
            raise StateError("this job is over")

    def changed(self) -> None:
        """Tells who watches."""
        for listener in tuple(self.listeners):
            listener(self)

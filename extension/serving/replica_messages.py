"""What goes between the HTTP server and a replica: an order there, looks at its job back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from PIL.Image import Image

from ..app.request import GenerationRequest
from .jobs import TaskState


@dataclass(frozen=True, slots=True)
class DrawingOrder:
    """One job; `loras` are the names in its prompts, by which a replica is chosen for it."""

    job: str
    user: str
    request: GenerationRequest
    priority: int = 0
    seconds: float | None = None
    loras: frozenset[str] = frozenset()

    @property
    def pictures(self) -> int:
        """How many it asks for."""
        return len(self.request.prompts)


@dataclass(frozen=True, slots=True)
class OrderRefused:
    """Nothing will come of it: the request cannot be followed, or there is no room."""

    kind: Literal["request", "full"]
    reason: str
    retry_after: float = 0.0


@dataclass(frozen=True, slots=True)
class OrderAccepted:
    """It waits in the queue of that replica. `request` is settled, without its pictures to begin
    with; `tasks` are pixels and work of each picture, `seconds` its time limit."""

    replica: str
    request: GenerationRequest
    tasks: Sequence[tuple[int, float]]
    seconds: float


@dataclass(frozen=True, slots=True)
class TaskLook:
    """Where one picture stands."""

    state: TaskState
    step: int = 0
    steps: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class ArrivedPicture:
    """A picture and all that is said of it (`DrawnPicture.facts`)."""

    image: Image
    facts: Mapping[str, Any]

    @property
    def seed(self) -> int:
        """Its noise."""
        return int(self.facts["seed"])

    @property
    def infotext(self) -> str:
        """What it was drawn with."""
        return str(self.facts["infotext"])


@dataclass(frozen=True, slots=True)
class JobLook:
    """Where a job stands; `pictures` and `previews` hold those that are new, by their numbers."""

    tasks: Sequence[TaskLook]
    before: int = 0  # pictures that wait and came earlier
    pictures: Mapping[int, ArrivedPicture] = field(default_factory=dict)
    previews: Mapping[int, Image] = field(default_factory=dict)


ReplicaMessage = OrderRefused | OrderAccepted | JobLook

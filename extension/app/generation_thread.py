"""A drawing in a thread of its own, followed from the page's."""

from __future__ import annotations

from collections.abc import Iterator
from queue import SimpleQueue
from secrets import token_urlsafe
from threading import Event, Thread

from ..session.sliders import Sliders
from .generator import Generator
from .request import GenerationRequest, GenerationResult, StepPreview


class GenerationThread:
    """`with GenerationThread(…) as drawing: for preview in drawing: …`, then `drawing.result()`.

    Left early, because the page was closed, it is stopped.
    """

    def __init__(
        self,
        generator: Generator,
        request: GenerationRequest,
        stop: Event | None = None,
        user: str = "",
    ) -> None:
        """The drawing is live where a page wants to move weights; `job` is then its name."""
        self.user = user
        self.job = token_urlsafe(16)
        self.sliders = Sliders() if generator.moving.wanted else None
        self.generator = generator
        self.request = request
        self.stop = stop or Event()
        self._previews: SimpleQueue[StepPreview | None] = SimpleQueue()
        self._result: GenerationResult | Exception | None = None
        self._thread = Thread(target=self._draw, daemon=True)

    def _draw(self) -> None:
        try:
            self._result = self.generator.draw(
                self.request, self._previews.put, self.stop, self.sliders, self.job, self.user
            )
        except Exception as error:  # it belongs to the thread that waits
            self._result = error
        finally:
            self._previews.put(None)

    def __enter__(self) -> GenerationThread:
        self._thread.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self.stop.set()
        self._thread.join()

    def __iter__(self) -> Iterator[StepPreview]:
        while (preview := self._previews.get()) is not None:
            yield preview

    def result(self) -> GenerationResult:
        """The pictures; raises what went wrong in the other thread."""
        self._thread.join()
        if isinstance(self._result, GenerationResult):
            return self._result
        assert self._result is not None
        raise self._result

"""One pass of a job (the first, or hires fix): its prompts, its run, its hooks."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from torch import nn

from ...prompt import Prompt
from ...session.report import Report
from ...session.run import Run
from ...session.session import Core
from . import bundled
from .batch_rows import BatchRows, progress_of, rows_of
from .state import LIVE


class Pass:
    """The pictures of one batch in one pass; entered around encoding and around sampling."""

    def __init__(self, prompts: Sequence[str], negatives: Sequence[str]) -> None:
        self.prompts = [LIVE.parse(one) for one in prompts]
        self.negatives = [LIVE.parse(one, negative=True) for one in negatives]
        self.run: Run | None = None
        self.encoded = False  # whether a text encoder ran: not if the webui had the conds cached
        self._unet: nn.Module | None = None
        self._earlier: list[Report] = []
        self._lines = BatchRows()
        self._stack = ExitStack()

    @property
    def has_tags(self) -> bool:
        """Whether there is anything in the prompts for us: a tag, or a broken one."""
        return any(p.tags or p.problems for p in (*self.prompts, *self.negatives))

    def bind(self, core: Core, unet: nn.Module) -> None:
        """Opens the run on a checkpoint; what ran on the one before stays in the report.

        Raises StrictError.
        """
        if self.run is not None:
            self._earlier.append(self.run.report)
        if self.has_tags:
            self.run, self._unet = core.open(self.prompts, self.negatives), unet
            self.run.strict = False  # from here on the pictures are kept, and the infotext tells

    def enter(self) -> None:
        """Hooks on; none, if that fails."""
        if self.run is None or self._unet is None:
            return
        with ExitStack() as stack:
            stack.enter_context(bundled.registered(self.run))
            if self.run.plan.patches:
                stack.enter_context(self.run)
                handle = self._unet.register_forward_pre_hook(self._before_unet, with_kwargs=True)
                stack.callback(handle.remove)
            self._stack = stack.pop_all()

    def sampled(self) -> None:
        """The UNet was called, as far as the webui knows."""
        if self.run is not None:
            self.run.called("unet")

    def leave(self) -> None:
        """Hooks off."""
        self._stack.close()

    def announce(self, denoiser: Any, x: Any, sigma: Any) -> None:
        """The denoiser is about to call the UNet with the batch x at this noise level."""
        if self.run is None:
            return
        rows = rows_of(denoiser, len(x))
        self._lines.announce(rows)
        self.run.weights.move(progress_of(denoiser, sigma), rows)

    def _before_unet(self, module: Any, args: Any, kwargs: Any) -> None:
        batch = len(args[0] if args else next(iter(kwargs.values())))
        if self.run is not None and (rows := self._lines.take(batch)):
            self.run.weights.move(rows=rows)

    def written(self, picture: int) -> tuple[str, str]:
        """Prompt and negative of a picture with their tags."""
        negatives = self.negatives or [LIVE.parse("")]
        return _at(self.prompts, picture).source, _at(negatives, picture).source

    @property
    def fingerprint(self) -> str:
        """Differs where a text encoder may be changed differently: goes into the cond cache's key.

        All prompts as written, and which files they led to, as they are now.
        """
        files = [] if self.run is None else [entry.identity for entry, _ in self.run.files]
        written = [p.source for p in (*self.prompts, *self.negatives)]
        return hashlib.sha256(repr((written, files)).encode()).hexdigest()[:16]

    @property
    def reports(self) -> list[Report]:
        """What was done, on one checkpoint after the other."""
        return [*self._earlier, *([] if self.run is None else [self.run.report])]


def _at(prompts: Sequence[Prompt], picture: int) -> Prompt:
    """A picture's prompt; the last one where a script has made more pictures than prompts."""
    return prompts[min(picture, len(prompts) - 1)]

"""The lines of the UNet's batch: which picture, side and AND part each of them is."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Any

from torch import Tensor

from ...records import Progress, Row
from .row_matching import Matched, known_conds, match, same_texts
from .steps import sigma_of

AMBIGUOUS = (
    "another extension has changed the order of the batch, in which lines with the same text have "
    "other LoRAs: they were told apart by their order alone"
)


def rows_of(denoiser: Any, batch: int) -> tuple[Row, ...]:
    """The lines that the denoiser will hand to the UNet, in one call or in several.

    First the cond lines, picture by picture with its AND parts, then one line a picture for
    uncond (twice for instruct-pix2pix). On steps that skip uncond the calls stop before those.
    """
    pictures = [len(parts) for parts in denoiser.sampler.sampler_extra_args["cond"].batch]
    cond = [Row(i, "cond", part) for i, parts in enumerate(pictures) for part in range(parts)]
    times = max(1, (batch - len(cond)) // max(1, len(pictures)))
    return (*cond, *[Row(i, "uncond") for i in range(len(pictures))] * times)


def progress_of(denoiser: Any, sigma: Any, *, wants_sigma: bool = True) -> Progress:
    """Where sampling stands: the sampler's step, and the webui's own count of calls.

    The noise level is read off the device only where somebody asks for it.
    """
    p = denoiser.p
    steps = getattr(denoiser.sampler, "live_lora_steps", None)
    wanted = wants_sigma or (steps is not None and steps.by_level)
    level = sigma_of(denoiser, sigma) if wanted else None
    hires = bool(getattr(p, "is_hr_pass", False))
    call, made = int(denoiser.step), int(denoiser.total_steps or 1)
    step, total = (call, made) if steps is None else (steps.call(level), steps.total)
    first = int(getattr(p, "firstpass_steps", 0) or 0) if hires else 0
    return Progress(step, total, level, hires, call, _calls(denoiser, hires), first or None)


def _calls(denoiser: Any, hires: bool) -> int:
    """The calls that the webui makes schedules for: the nominal ones; img2img makes fewer."""
    p, config = denoiser.p, getattr(denoiser.sampler, "config", None)
    total_steps = getattr(config, "total_steps", None)
    if total_steps is None:
        return int(denoiser.total_steps or 1)
    return int(total_steps((getattr(p, "hr_second_pass_steps", 0) if hires else 0) or p.steps))


class BatchRows:
    """Hands the announced lines out to the calls of the UNet.

    In the webui's own order, as long as that is what is sent. The first step's calls are compared
    with the conds, line by line; so is every call that another extension has put its hands on.
    Else nothing is read off the device: it would have to wait for the step before.
    """

    def __init__(self, identity: Callable[[Row], Hashable]) -> None:
        """`identity` is equal for two rows on which all LoRAs always act alike."""
        self.identity = identity
        self.notes: set[str] = set()
        self._params: Any = None
        self._rows: tuple[Row, ...] = ()
        self._texts: tuple[Any, Any] = (None, None)
        self._next = self._call = 0
        self._confirmed: dict[Hashable, tuple[Row, ...]] = {}

    def announce(self, params: Any) -> tuple[Row, ...]:
        """The denoiser is about to call the UNet with `params`: its lines, in the webui's order."""
        self._params = params
        self._texts = params.text_cond, params.text_uncond
        self._rows = rows_of(params.denoiser, len(params.x))
        self._next = self._call = 0
        return self._rows

    def forget(self) -> None:
        """After sampling."""
        self._params, self._texts, self._rows = None, (None, None), ()
        self._confirmed.clear()

    def take(self, batch: int, context: Tensor | None, options: Any = None) -> tuple[Row, ...]:
        """The lines of the next call, which has a batch so large and is given these conds.

        Where nobody can know them, those announced: the engine notes that their number differs.
        """
        self._call += 1
        key = (self._call, self._next, batch, self._touched())
        rows = self._confirmed.get(key)
        if rows is None:
            found = self._tell(batch, context)
            rows = found.rows
            if found.ambiguous:
                self.notes.add(AMBIGUOUS)
            if not found.moved:
                self._confirmed[key] = rows
        self._next = min(self._next + len(set(rows)), len(self._rows))
        return rows

    def _tell(self, batch: int, context: Tensor | None) -> Matched:
        orders = list(dict.fromkeys(self._orders(batch)))
        if context is None or len({self.identity(row) for row in self._rows}) < 2:
            return Matched(orders[0] if orders else self._rows)
        conds = known_conds(self._params.denoiser)
        known = self._rows[: len(conds[0]) + len(conds[1])]
        same = same_texts(context, conds)
        return match(same, known, orders, [self.identity(row) for row in known]) or Matched(
            self._rows
        )

    def _orders(self, batch: int) -> Iterator[tuple[Row, ...]]:
        """What a call may be: the next of the announced lines, the batch once more, or either of
        them several times, for as many tiles."""
        left = self._rows[self._next :]
        for times in (n for n in range(1, batch + 1) if batch % n == 0):
            if batch // times <= len(left):
                yield left[: batch // times] * times
        times, rest = divmod(batch, max(1, len(self._rows)))
        if not rest:
            yield self._rows * times

    def _touched(self) -> Hashable:
        """Differs once another extension has written into the batch, or replaced its conds."""
        params = self._params
        texts = params.text_cond, params.text_uncond
        replaced = [now is not then for now, then in zip(texts, self._texts, strict=True)]
        return (*replaced, *map(_versions, (params.x, *texts)))


def _versions(cond: Any) -> tuple[int, ...]:
    """How often its tensors were written into."""
    tensors = cond.values() if isinstance(cond, dict) else (cond,)
    return tuple(-1 if one is None or one.is_inference() else one._version for one in tensors)

"""Which picture, side and AND part each line of the UNet's batch is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...records import Progress, Row
from .steps import sigma_of


def rows_of(denoiser: Any, batch: int) -> tuple[Row, ...]:
    """The lines that the denoiser will hand to the UNet, in one call or in several.

    First the cond lines, picture by picture with its AND parts, then one line a picture for
    uncond (twice for instruct-pix2pix). On steps that skip uncond the calls stop before those.
    """
    pictures = [len(parts) for parts in denoiser.sampler.sampler_extra_args["cond"].batch]
    cond = [Row(i, "cond", part) for i, parts in enumerate(pictures) for part in range(parts)]
    times = max(1, (batch - len(cond)) // max(1, len(pictures)))
    return (*cond, *[Row(i, "uncond") for i in range(len(pictures))] * times)


def progress_of(denoiser: Any, sigma: Any) -> Progress:
    """Where sampling stands: the sampler's step, and the webui's own count of calls."""
    p, level = denoiser.p, sigma_of(denoiser, sigma)
    steps = getattr(denoiser.sampler, "live_lora_steps", None)
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
    """Hands the announced lines out to the calls of the UNet, in their order."""

    def __init__(self) -> None:
        self._rows: tuple[Row, ...] = ()
        self._next = 0

    def announce(self, rows: Sequence[Row]) -> None:
        """The denoiser is about to call the UNet for these."""
        self._rows, self._next = tuple(rows), 0

    def take(self, batch: int) -> tuple[Row, ...]:
        """The lines of the next call.

        A call beyond the announced lines (tiled upscalers, reference control) gets all of them:
        it is either one more call for the whole batch, or of a length that fits none, which the
        engine notes and answers with picture 0's weights.
        """
        rows = self._rows[self._next : self._next + batch]
        if len(rows) < batch:
            return self._rows
        self._next += batch
        return rows

"""Regional Prompter, Latent mode: a tag acts in the region it is written in.

By the time that we see a prompt, every region is one part of `a AND b`: the base prompt is the
first one, and a common prompt stands in each of them, tags and all. With the builtin Lora that
extension sets the weights of a region itself, before each call of the UNet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ...prompt import Prompt, Tag
from ...prompt.factor import Factor
from ...records import Progress, Row, Target

TITLE = "Regional Prompter"
NEVER = 100_000  # a step that none comes to: it takes a number of millions for "no stop"
# Its settings, as it writes them into the infotext: the share of a weight that is left on uncond.
NEGATIVE_TE, NEGATIVE_UNET = "RP LoRA Neg Te Ratios", "RP LoRA Neg U Ratios"


class InRegion(Factor):
    """1 in the rows of one region, on uncond what that extension's two settings say.

    `stop` and `hires_stop` are steps from which on the UNet goes without.
    """

    def __init__(self, part: int, te: float, unet: float, stop: int, hires_stop: int) -> None:
        stops = min(stop, hires_stop) < NEVER
        self.varies = frozenset({"row", "progress"} if stops else {"row"})
        self.part = part
        self.te, self.unet = te, unet
        self.stop, self.hires_stop = stop, hires_stop

    def __call__(self, target: Target, row: Row, progress: Progress) -> float:
        stop = self.hires_stop if progress.hires else self.stop
        if not target.is_text and progress.step >= stop:
            return 0.0
        if row.side == "uncond":
            return self.te if target.is_text else self.unet
        return 1.0 if row.part == self.part else 0.0


class Regions:
    """What that extension is set to for this generation."""

    def __init__(self, script: Any, settings: dict[str, Any]) -> None:
        self.script = script
        self.settings = settings

    @property
    def te(self) -> str:
        """What decides on the text encoders."""
        return str(self.settings.get(NEGATIVE_TE, "0"))

    def scoped(self, prompt: Prompt) -> Prompt:
        """The prompt with its tags bound to their regions; those with `only=` stay as written."""
        names = list(dict.fromkeys(tag.name for tag in prompt.tags))
        tags = [self._scoped(tag, names.index(tag.name)) for tag in prompt.tags]
        return replace(prompt, tags=tuple(tags))

    def _scoped(self, tag: Tag, index: int) -> Tag:
        if "only" in tag.values:
            return tag
        te, unet = (self._ratio(name, index) for name in (NEGATIVE_TE, NEGATIVE_UNET))
        stops = int(self.script.lstop), int(self.script.lstop_hr)
        return replace(tag, factors=(*tag.factors, InRegion(tag.part, te, unet, *stops)))

    def _ratio(self, name: str, index: int) -> float:
        """That of the LoRA in this place: `0,0.5` gives each its own, the last one all others."""
        given = str(self.settings.get(name, "0")).split(",")
        try:
            return float(given[min(index, len(given) - 1)])
        except ValueError:
            return 0.0


def regions_of(p: Any) -> Regions | None:
    """Where that extension is on, in Latent mode with regions that are drawn or divided.

    By words ("Prompt" mode) it leaves LoRAs on everywhere.
    """
    for script in _scripts(p):
        calc, mode = str(getattr(script, "calc", "")), str(getattr(script, "mode", ""))
        on = getattr(script, "active", False) and script.title() == TITLE
        if on and "La" in calc and "Pro" not in mode:
            return Regions(script, p.extra_generation_params)
    return None


def _scripts(p: Any) -> Sequence[Any]:
    found: Sequence[Any] = getattr(getattr(p, "scripts", None), "alwayson_scripts", ())
    return found

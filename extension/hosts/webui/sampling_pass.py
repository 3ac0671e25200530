"""One pass of a job (the first, or hires fix): its prompts, its run, its hooks."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence
from contextlib import ExitStack
from typing import Any

from torch import nn

from ...engine.mask import WHOLE
from ...prompt import Prompt
from ...records import Row
from ...session.report import Report
from ...session.run import Run
from ...session.session import Core
from ...session.sliders import Sliders
from . import bundled, options, refiner_names
from .backends.base import Backend, RowSource
from .batch_rows import progress_of
from .regional_prompter import Regions
from .state import LIVE
from .tiles import Tiles


class Pass:
    """The pictures of one batch in one pass; entered around encoding and around sampling."""

    def __init__(
        self,
        prompts: Sequence[str],
        negatives: Sequence[str],
        regions: Regions | None = None,
        sliders: Sliders | None = None,
    ) -> None:
        self.regions, self.sliders = regions, sliders
        read = [LIVE.parse(one) for one in prompts]
        self.prompts = read if regions is None else [regions.scoped(one) for one in read]
        self.negatives = [LIVE.parse(one, negative=True) for one in negatives]
        self.run: Run | None = None
        self.encoded = False  # whether a text encoder ran: not if the webui had the conds cached
        self.calls = 0  # of the UNet, with its hooks on
        self._unet: nn.Module | None = None
        self._earlier: list[Report] = []
        self.refining = False  # from the refiner's turn on
        self.rows: RowSource | None = None
        self.unread: set[str] = set()  # what other extensions asked for in its course
        self._stack = ExitStack()
        self._tiles = Tiles()

    @property
    def has_tags(self) -> bool:
        """Whether there is anything in the prompts for us: a tag, or a broken one."""
        return any(p.tags or p.problems for p in (*self.prompts, *self.negatives))

    def bind(self, core: Core, backend: Backend, sd_model: Any) -> None:
        """Opens the run on a checkpoint; what ran on the one before stays in the report.

        Raises StrictError.
        """
        if self.run is not None:
            self._earlier = self.reports
        if self.has_tags:
            prompts, negatives = self.prompts, self.negatives
            if self.refining:
                prompts = [refiner_names.renamed(one) for one in prompts]
                negatives = [refiner_names.renamed(one) for one in negatives]
            self.run = core.open(
                prompts, negatives, sliders=self.sliders, measure=options.measure()
            )
            self._unet, self.rows = backend.unet(sd_model), backend.rows(self._identity)
            self.run.strict = False  # from here on the pictures are kept, and the infotext tells
            self.run.weights.by_call = True

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

    def sampled(self, compiled_by: str = "") -> None:
        """The UNet was called, as far as the webui knows; `compiled_by`: see the back ends."""
        if self.run is not None:
            self.run.compiled_by("unet", compiled_by)
            self.run.called("unet")

    def leave(self) -> None:
        """Hooks off."""
        self._stack.close()
        self._tiles.forget()
        if self.rows is not None:
            self.rows.forget()

    def announce(self, params: Any) -> None:
        """The denoiser is about to call the UNet with `params`, the webui's CFGDenoiserParams."""
        if self.run is None or self.rows is None:
            return
        progress = progress_of(
            params.denoiser, params.sigma, wants_sigma="sigma" in self.run.varies
        )
        self.run.reach(progress, self.rows.announce(params))
        if self.run.plan.masks:
            self._tiles.announce(params, shown_part(params.denoiser.p))

    def _before_unet(self, module: Any, args: Any, kwargs: Any) -> None:
        sample = args[0] if args else next(iter(kwargs.values()))
        context = args[2] if len(args) > 2 else kwargs.get("context")
        self.calls += 1
        if self.run is None or self.rows is None:
            return
        if rows := self.rows.take(len(sample), context, kwargs.get("transformer_options")):
            self.run.weights.move(rows=rows)
        if self.run.plan.masks:
            self._tiles.show(self.run, sample)

    def _identity(self, row: Row) -> Hashable:
        """Equal for two lines on which all LoRAs always act alike."""
        prompt, negative = map(_tags, self._pair(row.picture))
        if self.run is not None and "row" in self.run.varies:
            return prompt, negative, row.side, row.part
        return prompt, negative if row.side == "uncond" else ()

    def written(self, picture: int) -> tuple[str, str]:
        """Prompt and negative of a picture with their tags."""
        prompt, negative = self._pair(picture)
        return prompt.source, negative.source

    def _pair(self, picture: int) -> tuple[Prompt, Prompt]:
        return _at(self.prompts, picture), _at(self.negatives or [LIVE.parse("")], picture)

    @property
    def fingerprint(self) -> str:
        """Differs where a text encoder may be changed differently: goes into the cond cache's key.

        All prompts as written, which files they led to, as they are now, and whether by region.
        """
        files = [] if self.run is None else [entry.identity for entry, _ in self.run.files]
        masks = {} if self.run is None else self.run.masks
        written = [p.source for p in (*self.prompts, *self.negatives)]
        regions = "" if self.regions is None else self.regions.te
        return hashlib.sha256(repr((written, files, regions, masks)).encode()).hexdigest()[:16]

    @property
    def reports(self) -> list[Report]:
        """What was done, on one checkpoint after the other."""
        reports = [*self._earlier, *([] if self.run is None else [self.run.report])]
        if self.unread and not reports:
            reports = [Report()]
        if reports:
            moved = () if self.rows is None or self.regions is not None else self.rows.notes
            reports[-1].lost += sorted({*self.unread, *moved})
        return reports


def shown_part(p: Any) -> tuple[float, float, float, float]:
    """The part of the whole picture that is drawn: inpainting only what is masked cuts it out."""
    cut = getattr(p, "paste_to", None)
    whole = next(iter(getattr(p, "init_images", None) or ()), None)
    if cut is None or whole is None or not getattr(p, "inpaint_full_res", False):
        return WHOLE
    x, y, wide, tall = cut
    width, height = whole.size
    return x / width, y / height, (x + wide) / width, (y + tall) / height


def _tags(prompt: Prompt) -> Hashable:
    """Equal for two prompts whose LoRAs always act alike; a schedule depends on the text around."""
    if any(tag.scheduled for tag in prompt.tags):
        return prompt.source
    return tuple(tag.source for tag in prompt.tags)


def _at(prompts: Sequence[Prompt], picture: int) -> Prompt:
    """A picture's prompt; the last one where a script has made more pictures than prompts."""
    return prompts[min(picture, len(prompts) - 1)]

"""One call of the webui's process_images: our wrappers on its `p`, and nowhere else.

Hooks are on only inside `with`, around the webui's encoding and around its sampling: neither an
exception nor a callback that is not called can leave one behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ...prompt import Tag
from ...session.sliders import Sliders
from . import (
    batch_tags,
    handover,
    infotext,
    job_options,
    models,
    moved_sliders,
    notices,
    refiner_names,
    regional_prompter,
)
from .conds import Encoder
from .local_tags import LocalTags
from .sampling_pass import Pass
from .state import LIVE


class Job:
    """What one `p` generates. `first` and `hires` are the two passes of the present batch."""

    def __init__(self, p: Any) -> None:
        self.p = p
        self.first: Pass | None = None
        self.hires: Pass | None = None
        self.asked = job_options.PromptList()
        self.parsed = False  # whether the prompts with their tags went through our hands
        self._acting: Pass | None = None
        self._local = LocalTags()
        self._around: Pass | None = None  # what acts outside of the region that is drawn now
        self._announced: Any = None
        self._refusal: Exception | None = None
        self._bound: Any = None
        self._drawn = False  # whether the present batch came to its end
        self._sliders: Sliders | None = None  # where the page may move weights

    def read_ahead(self) -> None:
        """Begins to read the first batch's files, while the program may load a checkpoint."""
        prompt = getattr(self.p, "prompt", "")
        texts = [prompt] if isinstance(prompt, str) else list(prompt)[: self.p.batch_size]
        LIVE.prefetch(job_options.loras_in(texts))

    # --- what the webui calls on p ---------------------------------------------------------

    def init(self, host: Callable[..., Any], *_: Any, **__: Any) -> Any:
        """The last moment before seeds are used, after every script's `process`."""
        if self._refusal is not None:
            raise self._refusal
        job_options.prepare(self.p, self.asked)
        return host(self.p.all_prompts, self.p.all_seeds, self.p.all_subseeds)

    def parse_extra_network_prompts(self, host: Callable[..., Any]) -> Any:
        """Takes our tags out of all prompts of this batch, then lets the webui take its own."""
        if handover.wanted():
            return handover.parse(self.p, host)
        self.read(*batch_tags.texts(self.p))
        self.parsed = True
        assert self.first is not None
        result = batch_tags.take_out(self.p, self.first, self.hires, host)
        self.sign()
        return result

    def get_conds_with_caching(
        self, host: Callable[..., Any], function: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """The one door to the text encoders, in every pass."""
        if self._acting is None or self._acting.run is None:
            return host(function, *args, **kwargs)
        return host(Encoder(self._acting, function), *args, **kwargs)

    def setup_conds(self, host: Callable[..., Any]) -> Any:
        """Encodes for the first pass, or for whichever pass the refiner interrupts."""
        self.follow_checkpoint()
        with self.acting(self.hires if self._in_hires else self.first):
            return host()

    def calculate_hr_conds(self, host: Callable[..., Any]) -> Any:
        """Encodes for hires fix: in its pass, or ahead of it with little memory."""
        self.follow_checkpoint()
        with self.acting(self.hires):
            return host()

    def sample(self, host: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Samples; `announce` switches to the hires pass where its time comes."""
        self.follow_checkpoint()
        try:
            with self.acting(self.first), moved_sliders.movable(self._sliders):
                latents = host(*args, **kwargs)
                self._sampled()
                self._drawn = True
                return latents
        finally:
            self.finish()

    def _sampled(self) -> None:
        """The UNet was called with these hooks on; with regions everywhere, with theirs alone."""
        local, found = self._local.passes, models.ours()
        how = "" if found is None else found[0].compiled_by(found[1])
        for part in local:
            part.sampled(how)
        if self._acting is not None and (self._acting.calls or not local):
            self._acting.sampled(how)

    # --- what the steps need ---------------------------------------------------------------

    @property
    def _in_hires(self) -> bool:
        return bool(getattr(self.p, "is_hr_pass", False))

    @property
    def parts(self) -> list[Pass]:
        """The passes of the present batch."""
        return [part for part in (self.first, self.hires) if part is not None]

    def refuse(self, error: Exception) -> None:
        """Raises it where the webui does not catch: what its scripts raise, it only prints."""
        self._refusal = error

    def read(self, first: tuple[Any, Any], hires: tuple[Any, Any] | None) -> None:
        """Starts a batch: prompts and negatives of its passes, with tags. Raises StrictError."""
        regions = regional_prompter.regions_of(self.p)
        self._sliders = moved_sliders.of_batch(self._sliders)
        self.first = Pass(*first, regions, self._sliders)
        self.hires = Pass(*hires, regions, self._sliders) if hires else None
        self._bound, self._drawn = None, False
        self._local.forget()
        if not self.p.disable_extra_networks:
            self.follow_checkpoint()
            notices.problems(self.p, self.parts)

    def sign(self) -> None:
        """Tells the infotext what is in use."""
        if not self.p.disable_extra_networks:
            infotext.write(self.p, self.parts)

    def activated(self) -> None:
        """The webui activates the networks of the prompt; the forks once more for a refiner."""
        if self._acting is not None and refiner_names.at_work(self.p):
            self._acting.refining = True
        self.follow_checkpoint()
        if self._acting is not None and self._acting.refining:
            notices.problems(self.p, [self._acting])

    def follow_checkpoint(self) -> None:
        """Opens the runs on the checkpoint in memory, and again when it was switched."""
        if self.p.disable_extra_networks or not any(part.has_tags for part in self.parts):
            return
        core, found = LIVE.core(), models.ours()
        if core is None or found is None or self._bound == (bound := LIVE.bound):
            return
        before = self._acting
        self._act(None)
        self._local.forget()
        for part in self.parts:
            part.bind(core, *found)
        self._bound = bound
        self._act(before)
        core.prefetch(self._tags_to_come())

    def _tags_to_come(self) -> Iterator[Tag]:
        """Those of the next batch: their files can be read while this one is drawn."""
        p = self.p
        start = (getattr(p, "iteration", 0) + 1) * p.batch_size
        return job_options.loras_in(list(p.all_prompts or ())[start : start + p.batch_size])

    def make_room(self) -> None:
        """Before a pass: the program plans the device's memory, and knows nothing of our deltas."""
        part, found = self.hires if self._in_hires else self.first, models.ours()
        if part is not None and part.run is not None and found is not None:
            backend, sd_model = found
            backend.make_room(sd_model, part.run.plan.size)

    def announce(self, params: Any) -> None:
        """The denoiser is about to call the UNet: hooks of its pass, its rows, its progress."""
        self._announced = params
        if self._acting is None:
            return
        wanted = self.hires if self._in_hires else self.first
        if wanted is not self._acting:
            self._act(wanted)
        if wanted is not None:
            wanted.announce(params)

    @contextmanager
    def acting(self, part: Pass | None) -> Iterator[None]:
        """Hooks of this pass on, and those of before on again afterwards."""
        before = self._acting
        self._act(part)
        try:
            yield
        finally:
            self._act(before)

    def _act(self, part: Pass | None) -> None:
        if part is self._acting:
            return
        if self._acting is not None:
            self._acting.leave()
        self._acting = None
        if part is not None:
            part.enter()
            self._acting = part

    def switch_on(self, params_list: Sequence[Any]) -> None:
        """Another extension activates tags of its own in mid-sampling: for a region."""
        if self._acting is None or self._announced is None:
            return
        self._around = self._around or self._acting
        self._act(None)
        part = self._local.pass_of(self._around, params_list)
        self._act(part)
        part.announce(self._announced)

    def switch_off(self) -> None:
        """The rest of the picture comes next."""
        around, self._around = self._around, None
        if around is not None:
            self._act(around)
            around.announce(self._announced)

    def finish(self) -> None:
        """After a batch, however it ended: the report."""
        LIVE.release()
        self._around = self._announced = None
        parts = [*self.parts, *self._local.passes]
        LIVE.report = notices.joined(parts)
        if self._drawn:
            LIVE.catalog().drawn(LIVE.report.drawn_with)
        if self._local.passes and not self.p.disable_extra_networks:
            notices.problems(self.p, self._local.passes)
            infotext.write(self.p, parts)
        infotext.write_lost(self.p, parts)
        infotext.write_caps(self.p, self.parts)
        if self._sliders is not None:
            infotext.write_moved(self.p, self._sliders)
        notices.finished(self.p, parts)

"""One generation: hooks inside a `with`, told where sampling stands, reporting what ran."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from ..engine.mask import WHOLE, Box
from ..errors import StateError
from ..library.lora_file import LoraFile
from ..network import Network
from ..prompt import Tag
from ..records import Component, Diagnostic, Progress, Row, Side
from .measured import Measured
from .network_report import network_report
from .report import PromptDiagnostic, Report, StrictError, misplaced
from .run_plan import RunPlan
from .sliders import Sliders

STREAMED = (
    "there was no room left on the device for the LoRAs: they were copied there at each call, "
    "which is slower; fewer or smaller ones, or smaller pictures, would fit"
)
# One prompt, or one per picture.
Text = str | Sequence[str]


@dataclass(slots=True)
class Turn:
    """Whose hooks are on a model: one run's at a time."""

    run: Run | None = None


class Run:
    """Hooks are on inside `with run:`, which may be entered several times, one run at a time.

    Without `rows`, a call's batch is taken to be the pictures in order, on the cond side.
    `text` and `negative` are the prompts without tags, in the shape they were given in.
    Where `strict` is on, leaving the `with` raises StrictError if a layer was left out, with the
    `result` that the host has set.
    """

    text: Text = ()
    negative: Text | None = None
    result: Any = None

    def __init__(
        self,
        plan: RunPlan,
        diagnostics: Sequence[PromptDiagnostic],
        turn: Turn,
        *,
        pictures: int,
        base: str | None = None,
        strict: bool = False,
        masks: Mapping[str, str] | None = None,
        sliders: Sliders | None = None,
    ) -> None:
        """`masks` are the hashes of the mask pictures, by the names in the tags."""
        self.masks: Mapping[str, str] = masks or {}
        self.sliders = sliders
        self.pictures = pictures
        self.strict = strict
        self.plan = plan
        self.weights = plan.weights
        self._diagnostics = list(diagnostics)
        self._turn = turn
        self._base = base
        self._stack = ExitStack()
        self.weights.move(rows=self.everyone("cond"))

    def everyone(self, side: Side) -> list[Row]:
        """All pictures in order, on one side."""
        return [Row(picture, side) for picture in range(self.pictures)]

    def __enter__(self) -> Run:
        if self._turn.run is not None:
            raise StateError("a run is open on this model already: leave its `with` first")
        with ExitStack() as stack:
            self.plan.enter(stack)
            self.plan.send_ahead()
            stack.callback(setattr, self._turn, "run", None)
            self._turn.run = self
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *failure: object) -> None:
        self._stack.close()
        if self.plan.measuring is not None:
            self.plan.measuring.let_go()
        if self.strict and not any(failure):
            self._demand_all()

    def _demand_all(self) -> None:
        bypassed = [one.bypassed_line for one in self.report.networks if one.bypassed]
        if bypassed:
            raise StrictError(map(PromptDiagnostic.error, bypassed), self.result)

    def warn(self, message: str) -> None:
        """Something that the host has found, for the report."""
        self._diagnostics.append(PromptDiagnostic(Diagnostic(message, None, "warning")))

    def called(self, *components: Component) -> None:
        """The host has called these: said once they are done, as compiled ones tell nobody."""
        for component in components:
            if (root := self.plan.roots.get(component)) is not None:
                root.unseen()

    def compiled_by(self, component: Component, how: str) -> None:
        """The host runs it by a graph of its own: `how`, and how to end that, for the report."""
        if (root := self.plan.roots.get(component)) is not None:
            root.compiled_by = how

    def progress(
        self,
        step: int = 0,
        steps: int = 1,
        *,
        sigma: float | None = None,
        hires: bool = False,
        call: int | None = None,
        calls: int | None = None,
        first_calls: int | None = None,
    ) -> None:
        """Where the sampling pass stands: step i, from 0, of the `steps` really run in it."""
        self.reach(Progress(step, steps, sigma, hires, call, calls, first_calls))

    def reach(self, progress: Progress, rows: Sequence[Row] | None = None) -> None:
        """A call of the UNet begins: where it stands, and what its batch holds."""
        if self.sliders is not None:
            self.sliders.reach(progress)
        self.plan.reach(progress)
        self.weights.move(progress, rows)

    def reweigh(self, tag: Tag | str, value: float | None) -> None:
        """Moves the UNet's weight of a tag from the next step on; None is what the tag says.

        Args:
            tag: one of `files`, or the name in it, for all tags of that name.
            value: in the place of the tag's number or curve; windows and schedules still count.
        Raises:
            StateError: the run is not live: it was opened without `sliders`.
            ValueError: no tag of this run is meant, or the value is no weight.
        """
        if self.sliders is None:
            raise StateError("this run is not live: open it with sliders=Sliders()")
        meant = tag if isinstance(tag, str) else tag.source
        uses = [use for one in self.plan.active for use in one.uses]
        named = [use for use in uses if meant in (use.tag.name, use.tag.source)]
        keys = [use.slider for use in named if use.slider is not None]
        if not keys:
            raise ValueError(f"no tag of this run is {meant!r}")
        self.sliders.move(dict.fromkeys(keys, value))

    def regions(
        self,
        size: tuple[int, int] | None = None,
        box: Box | Sequence[Box] | None = WHOLE,
    ) -> None:
        """What the next calls of the UNet show of the picture, for tags with a mask.

        Args:
            size: height and width of what the UNet is called with, in latents. Calls of another
                size are taken for tiles of an unknown place; without it, each is the picture.
            box: the part of the whole picture that they show, as left, top, right, bottom in
                fractions from its top left corner; or one for each row of the next call; or None:
                nobody knows, and masks act as strongly as they are on average.
        """
        self.plan.places.show(size, box)

    def rows(self, rows: Sequence[tuple[int, Side] | tuple[int, Side, int] | Row]) -> None:
        """What the batch of the next calls holds: (picture, side) or (picture, side, AND part)."""
        self.weights.move(rows=[r if isinstance(r, Row) else Row(*r) for r in rows])

    @contextmanager
    def encoding(
        self,
        side: Side = "cond",
        rows: Sequence[Row] | None = None,
        progress: Progress | Sequence[Progress] | None = None,
    ) -> Iterator[None]:
        """Around a text encoder's call: its batch is the pictures' prompts of one side, or `rows`.

        `progress` (one, or one per row) says for which moment of the sampling a text is encoded;
        without it, the beginning.
        """
        rows_before, progress_before = self.weights.rows, self.weights.progress
        self.weights.move(progress or Progress(), self.everyone(side) if rows is None else rows)
        try:
            yield
            self.called("text_encoder", "text_encoder_2")
        finally:
            self.weights.move(progress_before, rows_before)

    @property
    def report(self) -> Report:
        """What ran until now."""
        networks = [network_report(one, self.plan, self._base) for one in self.plan.active]
        return Report(
            networks, list(self._diagnostics), self._notes(), self._lost(), str(self.plan.choice)
        )

    @property
    def measured(self) -> Measured | None:
        """How strongly each network has acted until now; None where nobody asked to measure."""
        return self.plan.measured(self.pictures)

    @property
    def varies(self) -> frozenset[str]:
        """On what some weight depends besides layer and picture: see prompt/factor.py."""
        return frozenset[str]().union(*(u.tag.varies for a in self.plan.active for u in a.uses))

    @property
    def files(self) -> list[tuple[LoraFile, tuple[Tag, ...]]]:
        """The files that the prompts led to, each with the tags that name it."""
        return [(one.bound.file, tuple(u.tag for u in one.uses)) for one in self.plan.active]

    @property
    def networks(self) -> list[tuple[LoraFile, Network]]:
        """The same files as they were read."""
        return [(one.bound.file, one.bound.network) for one in self.plan.active]

    def _lost(self) -> list[str]:
        """What sampling could not do as written, since nobody knows whose rows a call had."""
        several = "picture 1's LoRAs acted on all pictures"
        one = "the positive prompt's LoRAs acted on both sides, the negative's on none"
        calls = [
            f"something like reference control called the model in a way of its own ({seen} at a "
            f"time in place of {said}): there {several if self.pictures > 1 else one}"
            for seen, said in sorted(self.weights.mismatches)
        ]
        return [*calls, *misplaced(self.plan.places.misfits)]

    def _notes(self) -> list[str]:
        notes = [f"not observed: {one} is compiled" for one in self.plan.unseen]
        if second := sum(patch.second_products for patch in self.plan.patches.values()):
            notes.append(f"{second} base products were computed twice (input and output side meet)")
        if self.plan.streaming.on:
            notes.append(STREAMED)
        return notes

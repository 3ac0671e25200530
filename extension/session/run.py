"""One generation: hooks inside a `with`, told where sampling stands, reporting what ran."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from ..engine.hooks import hooked
from ..errors import StateError
from ..records import COMPONENTS, Progress, Row, Side
from .report import NetworkReport, PromptDiagnostic, Report
from .run_plan import ActiveNetwork, RunPlan

if TYPE_CHECKING:
    from ..library.lora_file import LoraFile
    from ..network.network import Network
    from ..prompt import Tag
    from .session import Core


# One prompt, or one per picture.
Text = str | Sequence[str]


class Run:
    """Hooks are on inside `with run:`, which may be entered several times, one run at a time.

    Without `rows`, a call's batch is taken to be the pictures in order, on the cond side.
    `text` and `negative` are the prompts without tags, in the shape they were given in.
    """

    text: Text = ()
    negative: Text | None = None

    def __init__(
        self, core: Core, planning: RunPlan, told: Sequence[PromptDiagnostic], *, pictures: int
    ) -> None:
        self.pictures = pictures
        self._core = core
        self._planning = planning
        self._told = list(told)
        self.weights, self.plans = planning.plans(core.sites)
        self._stack = ExitStack()
        self.weights.move(rows=self.everyone("cond"))

    def everyone(self, side: Side) -> list[Row]:
        """All pictures in order, on one side."""
        return [Row(picture, side) for picture in range(self.pictures)]

    def __enter__(self) -> Run:
        if self._core.running is not None:
            raise StateError("a run is open on this model already: leave its `with` first")
        with ExitStack() as stack:
            stack.enter_context(hooked(self.plans))
            stack.callback(setattr, self._core, "running", None)
            self._core.running = self
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *failure: object) -> None:
        self._stack.close()

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
        self.weights.move(Progress(step, steps, sigma, hires, call, calls, first_calls))

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
        finally:
            self.weights.move(progress_before, rows_before)

    @property
    def report(self) -> Report:
        """What ran until now."""
        return Report(
            [self._network(share) for share in self._planning], list(self._told), self._notes()
        )

    @property
    def files(self) -> list[tuple[LoraFile, tuple[Tag, ...]]]:
        """The files that the prompts led to, each with the tags that name it."""
        return [(share.loaded.entry, tuple(u.tag for u in share.uses)) for share in self._planning]

    @property
    def networks(self) -> list[tuple[LoraFile, Network]]:
        """The same files as they were read."""
        return [(share.loaded.entry, share.loaded.network) for share in self._planning]

    def _network(self, share: ActiveNetwork) -> NetworkReport:
        loaded = share.loaded
        ran: dict[str, int] = dict.fromkeys(COMPONENTS, 0)
        for (component, _), entry in share.entries.items():
            ran[component] += entry.ran
        unmatched = [*loaded.match.unmatched, *loaded.failed.values()]
        return NetworkReport(
            name=loaded.entry.name,
            file=loaded.entry.relative,
            tags=tuple(dict.fromkeys(use.tag.source for use in share.uses)),
            base=loaded.network.base.name,
            formats=loaded.network.formats,
            algorithms=loaded.network.algorithms,
            matched=len(loaded.match.matched),
            ran={component: count for component, count in ran.items() if count},
            unmatched=tuple((one.key, one.reason) for one in unmatched),
            unused=tuple((one.key, one.reason) for one in loaded.network.unused),
            misfit=misfit(share, self._core.base),
        )

    def _notes(self) -> list[str]:
        notes = [
            f"a call had {seen} rows where {said} were announced: picture 1's weights were used"
            for seen, said in sorted(self.weights.mismatches)
        ]
        if second := sum(plan.second_products for plan in self.plans):
            notes.append(f"{second} base products were computed twice (input and output side meet)")
        return notes


def misfit(share: ActiveNetwork, model: str | None) -> str | None:
    """Why a file made for another base model does nothing here, or None."""
    loaded = share.loaded
    missing, total = len(loaded.match.unmatched), len(loaded.network.modules)
    if not total or missing * 2 <= total:
        return None
    base, model = loaded.network.base.name, f"this {model} model" if model else "this model"
    return f"made for {base}: {missing} of {total} targets missing in {model}"

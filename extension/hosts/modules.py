"""The host of plain modules: any program that has a UNet and text encoders and calls them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from torch import nn

from .. import prompt as language
from ..engine.observing import Observer
from ..errors import StateError
from ..library.catalog import Catalog
from ..prompt import Prompt
from ..records import COMPONENTS, Component
from ..session.measured import Measured
from ..session.report import Report
from ..session.run import Run, Text
from ..session.session import Core, Options
from ..session.sliders import Sliders


class Live:
    """LoRAs on call for a model; a context manager that detaches at its end."""

    def __init__(self, model: Any, catalog: Catalog, options: Options) -> None:
        self.core: Core | None = Core(self.components(model), catalog, options)
        self._model = model
        self.catalog = catalog
        self._last: Run | None = None

    @classmethod
    def accepts(cls, model: Any) -> bool:
        """Whether this host can attach to `model`."""
        return isinstance(model, Mapping) and bool(model) and model.keys() <= set(COMPONENTS)

    @classmethod
    def components(cls, model: Any) -> Mapping[Component, nn.Module]:
        """The model's modules by component."""
        return cast("Mapping[Component, nn.Module]", model)

    def prompt(
        self,
        text: Text,
        negative: Text | None = None,
        *,
        observe: Sequence[Observer] = (),
        sliders: Sliders | None = None,
        measure: bool = False,
    ) -> Run:
        """Reads prompts and prepares their LoRAs; hooks are on inside the `with` of the result.

        Args:
            text: one prompt, or one per picture of the batch.
            negative: one negative prompt for all pictures, or one per picture.
            observe: what is told of every call of a layer (`engine/observing.py`).
            sliders: what the weights follow while the run goes on (`run.reweigh`).
            measure: whether `Run.measured` is to say how strongly each LoRA acted.
        Raises:
            StateError: after `detach`, or while another run is open.
            ValueError: as many negatives as prompts are needed, or one.
            StrictError: in strict mode, when something of the prompts cannot be done.
        """
        prompts = [language.parse(one) for one in listed(text)]
        negatives = negatives_of(negative, len(prompts))
        run = self._open(prompts, negatives, observe, sliders, measure)
        run.text = _shaped(text, [one.text for one in prompts])
        run.negative = None
        if negative is not None:
            run.negative = _shaped(negative, [one.text for one in negatives])
        return run

    def prefetch(self, text: Text) -> None:
        """Reads the files of a prompt to come (or of several) on a thread; returns at once.

        A call that begins meanwhile goes first, and finds what was read by then.
        """
        if self.core is not None:
            self.core.prefetch(tag for one in listed(text) for tag in language.parse(one).tags)

    def refresh(self) -> None:
        """Call it after the base weights were changed in place, or a module was replaced.

        Deltas made from the base weights (DoRA, GLoRA, …) are made again when next used.

        Raises:
            StateError: after `detach`, or while a run is open.
        """
        self._idle_core().rebind(self.components(self._model))

    def _open(
        self,
        prompts: Sequence[Prompt],
        negatives: Sequence[Prompt],
        observers: Sequence[Observer] = (),
        sliders: Sliders | None = None,
        measure: bool = False,
    ) -> Run:
        core = self._idle_core()
        self._last = core.open(prompts, negatives, observers, sliders, measure=measure)
        return self._last

    def _idle_core(self) -> Core:
        if self.core is None:
            raise StateError("this model was detached: attach to it again")
        if self.core.running is not None:
            raise StateError("a run is open on this model already: leave its `with` first")
        return self.core

    @property
    def running(self) -> Run | None:
        """The run whose hooks are on: in a callback of the pipeline's, its own."""
        return None if self.core is None else self.core.running

    @property
    def report(self) -> Report | None:
        """What ran in the last run; None before the first."""
        return None if self._last is None else self._last.report

    @property
    def last(self) -> Run | None:
        """The last run; None before the first."""
        return self._last

    @property
    def measured(self) -> Measured | None:
        """How strongly the LoRAs of the last run acted, where that was asked for."""
        return None if self._last is None else self._last.measured

    @property
    def masks(self) -> Mapping[str, str]:
        """The mask pictures of the last run: their hashes by the names in the tags."""
        return {} if self._last is None else self._last.masks

    def detach(self) -> None:
        """Lets go of the model and of everything loaded; can be called twice."""
        if self.core is not None and self.core.running is not None:
            self.core.running.__exit__()
        if self.core is not None:
            self.core.release()
        self.core = None

    def __enter__(self) -> Live:
        return self

    def __exit__(self, *failure: object) -> None:
        self.detach()


def negatives_of(negative: Text | None, pictures: int) -> list[Prompt]:
    """One parsed negative per picture (a single one serves all), or none. Raises ValueError."""
    texts = [] if negative is None else listed(negative)
    parsed = [language.parse(one, negative=True) for one in texts]
    if len(parsed) not in {0, 1, pictures}:
        raise ValueError(f"{len(parsed)} negative prompts for {pictures} prompts")
    return parsed * pictures if len(parsed) == 1 else parsed


def listed(text: Text) -> list[str]:
    """One or several prompts as a list."""
    return [text] if isinstance(text, str) else list(text)


def _shaped(like: Text, texts: Sequence[str]) -> Text:
    return texts[0] if isinstance(like, str) else list(texts)[: len(like)]

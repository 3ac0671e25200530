"""The calls of a pipeline's UNet: which rows they have, and which words each row reads.

A pipeline calls its UNet once a step, with one text for each row. Schedules change the text in the
middle, parts of an AND need rows of their own, and texts of different lengths cannot be in one
call. All that happens in hooks of the UNet, so that the pipeline stays as it is: before a call its
rows are replaced (and all but the last of several calls made), after it what the UNet said is put
together as the pipeline expects it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..encoding.encode import Cond
from ..encoding.part_conds import PartConds
from ..records import Row, Side


@dataclass(frozen=True, slots=True)
class CallPlace:
    """One row of a call: which of the pipeline's rows it is made of, whose it is, what it reads."""

    source: int
    row: Row
    cond: Cond


@dataclass(slots=True)
class _Waiting:
    """A call that is being made: its rows, those of the last group, and what came of the others."""

    places: list[CallPlace]
    weights: list[list[float]]  # of each image's parts
    both: bool
    last: list[int]
    noise: dict[int, Tensor]


class UnetCalls:
    """Follows a generation of several pictures; `images` names the picture of each row.

    `positive[picture]` are the parts of its prompt, `negative[picture]` its negative prompt; None
    where the pipeline's own embeddings do for every row and every call.
    """

    def __init__(
        self,
        unet: nn.Module,
        images: Sequence[int],
        announce: Callable[[Sequence[Row], Any], int],
        positive: Sequence[Sequence[PartConds]] | None = None,
        negative: Sequence[PartConds] | None = None,
    ) -> None:
        """`announce` is told rows and timestep before each call; it returns the call's number."""
        self.unet = unet
        self.images = list(images)
        self.announce = announce
        self.positive = positive
        self.negative = negative
        self._waiting: _Waiting | None = None
        self._inside = False

    @contextmanager
    def following(self, hear: Callable[[Tensor], None] | None = None) -> Iterator[None]:
        """Inside, every call of the UNet is told, and reads its own words.

        `hear` is told what the pipeline gets of each call.
        """
        handles = [self.unet.register_forward_pre_hook(self._before, with_kwargs=True)]
        if self.positive is not None:
            handles.append(self.unet.register_forward_hook(self._after))
        if hear is not None:
            handles.append(self.unet.register_forward_hook(self._telling(hear)))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _telling(self, hear: Callable[[Tensor], None]) -> Callable[..., None]:
        def tell(module: nn.Module, args: Any, out: Any) -> None:
            if not self._inside:
                hear(out[0])

        return tell

    def _before(self, module: nn.Module, args: Any, kwargs: dict[str, Any]) -> Any:
        if self._inside:
            return None
        sample = args[0] if args else kwargs["sample"]
        timestep = args[1] if len(args) > 1 else kwargs["timestep"]
        both = sample.shape[0] == 2 * len(self.images)
        if self.positive is None:
            sides: tuple[Side, ...] = ("uncond", "cond") if both else ("cond",)
            rows = [Row(picture, side) for side in sides for picture in self.images]
            self.announce(rows, timestep)
            return None
        call = self.announce([], timestep)
        self._waiting = self._planned(call, both, sample.shape[0])
        *others, last = _by_length(self._waiting.places)
        for group in others:
            self._collect(group, self._called(module, group, args, kwargs, timestep))
        self._waiting.last = last
        return self._call(last, args, kwargs, timestep)

    def _planned(self, call: int, both: bool, batch: int) -> _Waiting:
        """The rows of a call: the negative sides, then every picture's parts."""
        assert self.positive is not None
        offset = len(self.images) if both else 0
        places: list[CallPlace] = []
        weights = [[part.weight for part in self.positive[picture]] for picture in self.images]
        if both or any(abs(sum(w) - 1.0) > 0 for w in weights):
            places += self._negatives(call)
        for index, picture in enumerate(self.images):
            source = min(offset + index, batch - 1)
            conds = _equally_long([part.at(call) for part in self.positive[picture]])
            places += [
                CallPlace(source, Row(picture, "cond", part), cond)
                for part, cond in enumerate(conds)
            ]
        return _Waiting(places, weights, both, [], {})

    def _negatives(self, call: int) -> Iterator[CallPlace]:
        assert self.negative is not None
        for index, picture in enumerate(self.images):
            yield CallPlace(index, Row(picture, "uncond"), self.negative[picture].at(call))

    def _called(
        self, module: nn.Module, group: list[int], args: Any, kwargs: dict[str, Any], timestep: Any
    ) -> Any:
        """One of several calls in the place of one."""
        args, kwargs = self._call(group, args, kwargs, timestep)
        self._inside = True
        try:
            return module(*args, **kwargs)
        finally:
            self._inside = False

    def _call(
        self, group: list[int], args: Any, kwargs: dict[str, Any], timestep: Any
    ) -> tuple[Any, dict[str, Any]]:
        """The arguments for these rows."""
        assert self._waiting is not None
        places = [self._waiting.places[index] for index in group]
        self.announce([place.row for place in places], timestep)
        batch = len(self.images) * (2 if self._waiting.both else 1)
        sources = [place.source for place in places]
        args, kwargs = _taken((args, kwargs), sources, batch)
        tokens = torch.stack([place.cond.tokens for place in places])
        if len(args) > 2:
            args = (*args[:2], tokens, *args[3:])
        else:
            kwargs["encoder_hidden_states"] = tokens
        added = kwargs.get("added_cond_kwargs")
        pooled = [place.cond.pooled for place in places if place.cond.pooled is not None]
        if added and "text_embeds" in added and pooled:
            kwargs["added_cond_kwargs"] = {**added, "text_embeds": torch.stack(pooled)}
        return args, kwargs

    def _collect(self, group: list[int], out: Any) -> None:
        assert self._waiting is not None
        self._waiting.noise |= dict(zip(group, out[0], strict=True))

    def _after(self, module: nn.Module, args: Any, out: Any) -> Any:
        if self._inside or self._waiting is None:
            return None
        waiting = self._waiting
        self._collect(waiting.last, out)
        self._waiting = None
        noise = torch.stack(_combined(waiting))
        if isinstance(out, tuple):
            return (noise, *out[1:])
        return type(out)(sample=noise)


def _combined(waiting: _Waiting) -> list[Tensor]:
    """What the pipeline gets: n₋ for its negative rows, n₋ + Σ wᵢ(nᵢ − n₋) for the others.

    Its own guidance then gives n₋ + scale · Σ wᵢ(nᵢ − n₋), as in the webui.
    """
    noise = [waiting.noise[index] for index in range(len(waiting.places))]
    images, parts = len(waiting.weights), sum(map(len, waiting.weights))
    negatives = noise[: len(noise) - parts]
    positives, start = [], len(negatives)
    for image, weights in enumerate(waiting.weights):
        own = noise[start : start + len(weights)]
        start += len(weights)
        if weights == [1.0]:
            positives.append(own[0])
        elif negatives:
            base = negatives[image]
            positives.append(base + sum(w * (n - base) for w, n in zip(weights, own, strict=True)))
        else:
            positives.append(sum((w * n for w, n in zip(weights, own, strict=True)), 0 * own[0]))
    return [*(negatives[:images] if waiting.both else ()), *positives]


def _equally_long(conds: Sequence[Cond]) -> list[Cond]:
    """The parts of one picture: shorter ones go on with their last vector, as in the webui."""
    longest = max(len(cond.tokens) for cond in conds)
    return [cond.lengthened(longest) for cond in conds]


def _by_length(places: Sequence[CallPlace]) -> list[list[int]]:
    """The places of rows that can be in one call, group by group."""
    groups: dict[int, list[int]] = {}
    for index, place in enumerate(places):
        groups.setdefault(len(place.cond.tokens), []).append(index)
    return list(groups.values())


def _taken(value: Any, sources: Sequence[int], batch: int) -> Any:
    """The arguments with their rows chosen: every tensor that has one line for each row."""
    if isinstance(value, Tensor):
        rows = value.dim() > 0 and value.shape[0] == batch
        return value[list(sources)] if rows else value
    if isinstance(value, Mapping):
        return {key: _taken(one, sources, batch) for key, one in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)(_taken(one, sources, batch) for one in value)
    return value

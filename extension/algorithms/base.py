"""What every algorithm is: tensors of one module in, the change of one layer out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..deltas import Delta, Dense, Layer
from ..errors import ModuleError
from ..records import Kind, Target
from . import residual
from .registry import SHARED, Shape, register
from .sanity import demand_finite, demand_sane, sound
from .values import ComputeSpec, demand_float, demand_size, scalar, working

# Slots whose tensors are numbers about the module, not weights: any dtype will do.
NUMBERS = frozenset({"alpha", "scale", "on_input", "bias_indices", "bias_size", "oft_scaled"})


@dataclass(frozen=True, slots=True)
class Settings:
    """What is known about a module from outside its tensors.

    `alpha` is the metadata's, used where the module has no alpha tensor; with `rslora` it is
    divided by √r in the place of r. `rank` is the rank wanted at use time (dyn=): the first so
    many columns, not rescaled. `config` is the PEFT configuration of the component, where known,
    `format` the name of the keys' dialect.
    """

    alpha: float | None = None
    rslora: bool = False
    rank: int | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    format: str = ""


class Algorithm:
    """One module of a file. Subclasses declare `name`, `suffixes`, `required`, override `change`
    and, where the factors are cheaper than a dense ΔW, `form`.

    Raises ModuleError where the tensors do not fit each other. Only shapes and dtypes are looked
    at until `delta` or `runtime`, so that tensors on the meta device will do for a look.
    """

    name: ClassVar[str] = ""
    family: ClassVar[str] = ""  # algorithms of one family may claim the same slots
    suffixes: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    required: ClassVar[frozenset[str]] = frozenset()
    needs_base: bool = False  # what `runtime` gives depends on the layer's weight

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "name" in vars(cls):
            register(cls)

    @classmethod
    def claims(cls, shapes: Mapping[str, Shape]) -> bool:
        """Do these slots make this algorithm?"""
        return cls.required <= shapes.keys()

    @classmethod
    def covers(cls, shapes: Mapping[str, Shape]) -> set[str]:
        """Which of these slots it uses, of those that are not shared by all."""
        return {slot for slot in shapes if slot in cls.suffixes and slot not in SHARED}

    @classmethod
    def outline(cls, shapes: Mapping[str, Shape], settings: Settings | None = None) -> Algorithm:
        """The algorithm without values, for `rank` and `fit`; alpha is the settings' alone."""
        for slot, shape in shapes.items():
            demand_size(slot, shape)
        tensors = {slot: torch.empty(shape, device="meta") for slot, shape in shapes.items()}
        return cls(tensors, settings=settings)

    def __init__(self, tensors: Mapping[str, Tensor], *, settings: Settings | None = None) -> None:
        self.tensors = dict(tensors)
        self.settings = settings or Settings()
        if self.settings.rank is not None and self.settings.rank < 1:
            raise ModuleError(
                "rank", f"cannot be cut to rank {self.settings.rank}: at least 1 is left"
            )
        self.shapes = {slot: tuple(tensor.shape) for slot, tensor in self.tensors.items()}
        for slot, tensor in self.tensors.items():
            if slot not in NUMBERS:
                demand_float(slot, tensor)
            demand_size(slot, self.shapes[slot])
        self.check()

    def check(self) -> None:
        """Raises ModuleError where the tensors do not fit each other."""

    @property
    def rank(self) -> int | None:
        """The file's rank r; None where rank has no meaning."""
        return None

    @property
    def used_rank(self) -> int | None:
        """The rank in use: r, or less by `settings.rank`."""
        wanted = self.settings.rank
        return self.rank if self.rank is None or wanted is None else min(wanted, self.rank)

    @property
    def alpha(self) -> float | None:
        """α of the module's tensor, else of the settings; None where neither knows.

        0 is refused: trainers read it as α = r and never write it, A1111 and ComfyUI give it no
        effect. So it has none here either, and a line in the report.
        """
        tensor = self.tensors.get("alpha")
        value = self.settings.alpha
        if tensor is not None and not tensor.is_meta:
            value = scalar("alpha", tensor)
        if value is not None and not (math.isfinite(value) and value > 0):
            raise ModuleError(
                "alpha", f"alpha is {value:g}, and the scale alpha / rank would make no sense"
            )
        return value

    @property
    def scale(self) -> float:
        """s: the `scale` tensor, else α/r (rs-LoRA: α/√r), else 1."""
        if "scale" in self.tensors:
            return scalar("scale", self.tensors["scale"])
        alpha, rank = self.alpha, self.rank
        if alpha is None or not rank:
            return 1.0
        root = self.settings.rslora and "alpha" not in self.tensors
        return alpha / (math.sqrt(rank) if root else rank)

    def fit(self, target: Target) -> None:
        """Raises ModuleError with the reason when this cannot go on `target`."""
        self.fit_shape(target.kind, target.shape)

    def fit_shape(self, kind: Kind, shape: Shape) -> None:
        """Raises ModuleError when it cannot go on a weight of this kind and shape."""
        raise NotImplementedError

    def delta(self, layer: Layer) -> Tensor:
        """ΔW at weight 1, in W's shape, in float64 where W is float64 and else in float32."""
        self.fit_shape(layer.kind, tuple(layer.weight.shape))
        place = ComputeSpec(working(layer.weight.dtype), layer.weight.device)
        with sound(self.tensors):
            change = self.change(layer, place)
        demand_finite(change, self.tensors)
        return change

    def bias_delta(self, layer: Layer) -> Tensor | None:
        """What is added to the layer's bias at weight 1: (o,), or None."""
        return self.bias_change(
            layer, ComputeSpec(working(layer.weight.dtype), layer.weight.device)
        )

    def runtime(
        self, layer: Layer, *, dtype: torch.dtype, device: torch.device | str | None = None
    ) -> Delta:
        """The cheapest form of the change: built in float32 (or float64), then cast to `dtype`."""
        self.fit_shape(layer.kind, tuple(layer.weight.shape))
        place = ComputeSpec(working(dtype), torch.device(device or layer.weight.device), dtype)
        with sound(self.tensors):
            built = self.form(layer, place)
            built.bias = self.bias_change(layer, place)
        built = built.to(place.device, dtype)
        demand_sane(built, dtype, self.tensors)
        return built

    def change(self, layer: Layer, place: ComputeSpec) -> Tensor:
        """ΔW in W's shape, at this place's dtype and device: the one method to override."""
        raise NotImplementedError

    def form(self, layer: Layer, place: ComputeSpec) -> Delta:
        """The Delta, before the cast; dense where a subclass has nothing cheaper."""
        return Dense(self.change(layer, place))

    def bias_change(self, layer: Layer, place: ComputeSpec) -> Tensor | None:
        """`diff_b`, where the file has one."""
        if "diff_b" not in self.tensors:
            return None
        return residual.bias("diff_b", self.get("diff_b", place), layer)

    def get(self, slot: str, place: ComputeSpec) -> Tensor:
        """The slot's tensor, for computing with."""
        return place.of(self.tensors[slot])

    def shape(self, slot: str) -> Shape:
        """The shape of the slot's tensor."""
        return self.shapes[slot]

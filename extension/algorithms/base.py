"""What every algorithm is: the tensors of one module in, the change of one layer out.

How a module of a kohya LoRA becomes a delta:
    `choose({up, down, alpha})` finds `Lora` by its slots (registry.py, lora.py);
    `Lora.outline(shapes)` tells from the header alone whether it fits a layer;
    `Lora(tensors).runtime(layer)` is the Delta that the engine runs beside the layer (deltas.py),
    `Lora(tensors).delta(layer)` the same change as a matrix, ΔW.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..deltas import Delta, Dense, Layer
from ..discovery import Registry
from ..errors import ModuleError
from ..records import Kind, Shape, Shapes, Target
from . import residual, weight_shapes
from .channels import vector
from .sanity import demand_finite, demand_sane, sound
from .suffixes import claim
from .values import ComputeSpec, demand_float, demand_size, scalar, working
from .watched_layer import WatchedLayer

# Slots whose tensors are numbers about the module, not weights: any dtype will do.
NUMBERS = frozenset({"alpha", "scale", "on_input", "bias_indices", "bias_size", "oft_scaled"})

ALPHA_IS_RANK = (
    "PEFT keeps alpha in adapter_config.json, and none tells this file's: alpha = rank is taken"
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What is known about a module from outside its tensors.

    `alpha` is the metadata's, used where the module has no alpha tensor; with `rslora` it is
    divided by √r instead of r. `trained_rank` is the configuration's r for this module, and
    `scales_input` whether its (IA)³ is on the inputs, where there is a configuration. `rank` is
    the rank asked for at use time (dyn=): only the first `rank` columns are used, without
    rescaling. `config` is the PEFT configuration of the component, where known, `format` the name
    of the keys' dialect, `writer` the program that made the file, where it says so ("OneTrainer",
    "PEFT").
    """

    alpha: float | None = None
    rslora: bool = False
    trained_rank: float | None = None
    scales_input: bool | None = None
    rank: int | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    format: str = ""
    writer: str = ""


class Algorithm:
    """One module of a file. A subclass declares `name`, `suffixes` and `required`, says what it
    fits (`check`, `delta_shape`), and computes `delta_weight`; where something is cheaper than a
    dense ΔW, `factored_delta` too.

    All of them raise ModuleError if the tensors do not fit each other or the layer. Until `delta`
    or `runtime` only shapes and dtypes are looked at, so tensors on the meta device will do.
    """

    name: ClassVar[str] = ""
    family: ClassVar[str] = ""  # algorithms of one family may claim the same slots
    suffixes: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    required: ClassVar[frozenset[str]] = frozenset()
    scaled: ClassVar[bool] = False  # does its strength depend on α?

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "name" in vars(cls):
            claim(cls.family or cls.name, cls.suffixes)
            ALGORITHMS.add(cls, [cls.name])

    @classmethod
    def claims(cls, shapes: Shapes) -> bool:
        """Do these slots make this algorithm?"""
        return cls.required <= shapes.keys()

    @classmethod
    def covers(cls, shapes: Shapes) -> set[str]:
        """Which of these slots are its own, not shared with all algorithms."""
        return shapes.keys() & cls.suffixes.keys()

    @classmethod
    def outline(cls, shapes: Shapes, settings: Settings | None = None) -> Algorithm:
        """The algorithm without values, for `rank` and `fit`; alpha is the settings' alone."""
        for slot, shape in shapes.items():
            demand_size(slot, shape)
        tensors = {slot: torch.empty(shape, device="meta") for slot, shape in shapes.items()}
        return cls(tensors, settings=settings)

    def __init__(self, tensors: Mapping[str, Tensor], *, settings: Settings | None = None) -> None:
        self.tensors = dict(tensors)
        self.settings = settings or Settings()
        if self.settings.rank is not None and self.settings.rank < 1:
            reason = f"cannot be cut to rank {self.settings.rank}: the least is 1"
            raise ModuleError("rank", reason)
        self.shapes = {slot: tuple(tensor.shape) for slot, tensor in self.tensors.items()}
        for slot, tensor in self.tensors.items():
            if slot not in NUMBERS:
                demand_float(slot, tensor)
            demand_size(slot, self.shapes[slot])
        self.check()

    def check(self) -> None:
        """Do the tensors fit each other?"""

    @property
    def rank(self) -> int | None:
        """The file's rank r; None where rank has no meaning."""
        return None

    @property
    def reading(self) -> str | None:
        """How the module was read where the file allows another reading; None where it does not."""
        known = self.settings.config or not self.tensors.keys().isdisjoint(("alpha", "scale"))
        if not self.scaled or known or self.settings.format != "PEFT":
            return None
        return ALPHA_IS_RANK

    @property
    def used_rank(self) -> int | None:
        """The rank in use: r, or less by `settings.rank`."""
        wanted = self.settings.rank
        return self.rank if self.rank is None or wanted is None else min(wanted, self.rank)

    @property
    def used(self) -> Mapping[str, Tensor]:
        """The tensors that count; a file may hold an α which its algorithm has no use for."""
        return self.tensors

    @property
    def alpha(self) -> float | None:
        """α of the module's tensor, else of the settings; None where neither knows.

        0 is refused, with a line in the report: A1111 and ComfyUI give such a module no effect.
        (Trainers would read it as α = r, but never write it.)
        """
        tensor = self.tensors.get("alpha")
        value = self.settings.alpha
        if tensor is not None and not tensor.is_meta:
            value = scalar("alpha", tensor)
        if value is not None and not (math.isfinite(value) and value > 0):
            reason = f"alpha is {value:g}; the scale alpha / rank must be positive and finite"
            raise ModuleError("alpha", reason)
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
        """Can this go on `target`?"""
        self.fit_shape(target.kind, target.shape)

    def fit_shape(self, kind: Kind, shape: Shape) -> None:
        """Can it go on a weight of this kind and shape? This suits all that add to W."""
        weight_shapes.refuse_norm(kind)
        weight_shapes.check(self.delta_shape(), kind, shape)
        residual.check(self.tensors, kind, shape)

    def delta(self, layer: Layer) -> Tensor:
        """ΔW at weight 1, in W's shape, in float64 where W is float64 and else in float32."""
        self.fit_shape(layer.kind, layer.shape)
        spec = ComputeSpec(working(layer.dtype), layer.device)
        with sound(self.used):
            made = self.delta_weight(WatchedLayer(layer), spec)
        demand_finite(made, self.used)
        return made

    def runtime(
        self, layer: Layer, *, dtype: torch.dtype, device: torch.device | str | None = None
    ) -> Delta:
        """The cheapest Delta: built in float32 (or float64), then cast to `dtype`.

        Its `from_base` is true if the layer's weights were read to build it.
        """
        watched = WatchedLayer(layer)
        self.fit_shape(layer.kind, layer.shape)
        spec = ComputeSpec(working(dtype), torch.device(device or layer.device), dtype)
        with sound(self.used):
            built = self.runtime_delta(watched, spec)
            built.bias = self.bias_delta(watched, spec)
        built = built.to(spec.device, dtype)
        demand_sane(built, dtype, self.used)
        built.from_base = watched.was_read
        return built

    def delta_shape(self) -> Shape:
        """The shape of ΔW by the file's tensors: (o, i[, kh, kw]), or flattened (o, i·kh·kw)."""
        raise NotImplementedError

    def delta_weight(self, layer: WatchedLayer, spec: ComputeSpec) -> Tensor:
        """ΔW in W's shape, in the spec's dtype and on its device."""
        raise NotImplementedError

    def factored_delta(self, layer: WatchedLayer, spec: ComputeSpec) -> Delta | None:
        """What is cheaper than ΔW x, before the cast; None where nothing is."""
        return None

    def runtime_delta(self, layer: WatchedLayer, spec: ComputeSpec) -> Delta:
        """The factored one, else ΔW: factors would mix what groups of channels keep apart."""
        factored = self.factored_delta(layer, spec) if layer.groups == 1 else None
        return Dense(self.delta_weight(layer, spec)) if factored is None else factored

    def bias_delta(self, layer: WatchedLayer, spec: ComputeSpec) -> Tensor | None:
        """What is added to the layer's bias: (o,) of `diff_b`, where the file has one."""
        return self.bias_of("diff_b", layer, spec) if "diff_b" in self.tensors else None

    def bias_of(self, slot: str, layer: WatchedLayer, spec: ComputeSpec) -> Tensor:
        """The slot's tensor as (o,), from any shape with o elements."""
        return vector(slot, self.get(slot, spec), layer.outputs, "outputs")

    def get(self, slot: str, spec: ComputeSpec) -> Tensor:
        """The slot's tensor, for computing with."""
        return spec.of(self.tensors[slot])

    def shape(self, slot: str) -> Shape:
        """The shape of the slot's tensor."""
        return self.shapes[slot]


ALGORITHMS: Registry[type[Algorithm]] = Registry("name")  # every algorithm, by its name

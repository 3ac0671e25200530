"""What a file has for one layer of the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..algorithms import Algorithm, Settings
from ..errors import Code, ModuleError
from ..records import Component, Shapes, Target, TargetKey
from .fused_qkv import cut
from .tensor_file import Read


@dataclass(frozen=True, slots=True)
class Unused:
    """A key (or the part of keys that names a module) that does nothing, and why.

    `code` is the reason's kind, `reason` a sentence for the user.
    """

    key: str
    code: Code
    reason: str

    @classmethod
    def because(cls, key: str, error: ModuleError) -> Unused:
        """The key of a module that was refused."""
        return cls(key, error.code, str(error))

    def as_dict(self) -> dict[str, str]:
        """For JSON."""
        return {"key": self.key, "code": self.code, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Module:
    """The tensors for one layer: `slots` are their keys, `shapes` what the header says of them.

    `prefix` is how the file names the layer, (`component`, `key`) is what it means, `format` the
    dialect. `outline` is the algorithm without values. `third` is the third of the rows that is
    meant where the file has q, k and v in one.
    """

    component: Component
    key: str
    prefix: str
    format: str
    slots: Mapping[str, str]
    shapes: Shapes
    outline: Algorithm
    settings: Settings
    third: int | None = None

    @property
    def algorithm(self) -> type[Algorithm]:
        """The algorithm that its tensors make."""
        return type(self.outline)

    @property
    def rank(self) -> int | None:
        """r, where the algorithm has one."""
        return self.outline.rank

    def fit(self, target: Target) -> None:
        """Can it go on this target? ModuleError with the reason if not."""
        self.outline.fit(target)

    def on(self, targets: Mapping[TargetKey, Target]) -> Target:
        """Which of these targets it changes. ModuleError if there is none, or it does not fit."""
        target = targets.get((self.component, self.key))
        if target is None:
            raise ModuleError("no-layer", f"the model has no {self.component} layer {self.key}")
        self.fit(target)
        return target

    def build(self, read: Read, rank: int | None = None) -> Algorithm:
        """The algorithm with its tensors, read now; `rank` is the rank wanted at use time (dyn=).

        Raises ModuleError where the tensors are unusable.
        """
        tensors = {s: cut(s, read(key), self.third) for s, key in self.slots.items()}
        settings = self.settings if rank is None else replace(self.settings, rank=rank)
        return self.algorithm(tensors, settings=settings)

"""What every dialect does: the module part of a file's key in, a layer of the model out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from ..discovery import Registry
from ..model.layer_names import layer_key
from ..records import Component, Shapes


@dataclass(frozen=True, slots=True)
class LayerRef:
    """The layer a module part names: its component and canonical key, by which dialect."""

    component: Component
    key: str
    format: str


class Format:
    """One dialect. Subclasses declare `name` and `prefixes`; most need nothing else.

    `prefixes` maps how a module part begins to the component it then names. A prefix belongs to
    one dialect (two claims on one are a TypeError at import); of several that fit, the longest
    counts.
    """

    name: ClassVar[str] = ""
    prefixes: ClassVar[Mapping[str, Component]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "name" in vars(cls):
            FORMATS.add(cls(), cls.prefixes)

    def path(self, module: str, prefix: str) -> str:
        """The layer's path inside its component."""
        return module[len(prefix) :]

    def target(self, module: str, prefix: str) -> LayerRef | None:
        """The layer that `module` names; None if that is not a layer of Stable Diffusion."""
        component = self.prefixes[prefix]
        key = layer_key(component, self.path(module, prefix))
        return None if key is None else LayerRef(component, key, self.name)

    def spell(self, shapes: Shapes, metadata: Mapping[str, str]) -> Mapping[str, str] | None:
        """For dialects of a whole file: each key's spelling in another dialect. None: not this one.

        `shapes` maps the file's keys to their tensors' shapes.
        """
        return None


FORMATS: Registry[Format] = Registry("prefix")  # every dialect, by the prefixes of its keys

"""A model as LoRAs see it: its layers by canonical name."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from ..engine.layers import Site, find_sites
from ..model.layer_names import layer_key
from ..network.base_model import base_of
from ..records import Component, Target, TargetKey


class HostModel:
    """The layers of a model that a LoRA can change, and where the engine reaches them.

    `components` are the modules they are in. `targets` and `sites` have the same keys; `base` is
    "SD1", "SDXL", … as LoRA files name theirs, None where that is unknown.
    """

    def __init__(self, components: Mapping[Component, nn.Module]) -> None:
        self.components = dict(components)
        self.targets: dict[TargetKey, Target] = {}
        self.sites: dict[TargetKey, Site] = {}
        for component, module in components.items():
            for site in find_sites(module):
                self._add(component, site)
        self.base = base_of(self.targets)

    def _add(self, component: Component, site: Site) -> None:
        # PEFT, where somebody has wrapped the model with it, moves each layer one level down.
        key = layer_key(component, site.path.replace(".base_layer", ""))
        if key is not None:
            shape = site.shape
            target = Target(component, key, site.path, site.kind, shape)
            self.targets[target.id] = target
            self.sites[target.id] = site

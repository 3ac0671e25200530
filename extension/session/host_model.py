"""A model as LoRAs see it: its layers by canonical name."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from ..engine.compiled import CompiledSlots
from ..engine.layers import Site, find_sites
from ..model.layer_names import layer_key
from ..network.base_model import base_of
from ..records import Component, Target, TargetKey


class HostModel:
    """The layers of a model that a LoRA can change, and where the engine reaches them.

    `components` are the modules they are in. `targets` and `sites` have the same keys; `base` is
    "SD1", "SDXL", … as LoRA files name theirs, None where that is unknown.
    """

    def __init__(
        self, components: Mapping[Component, nn.Module], before: HostModel | None = None
    ) -> None:
        """What was compiled `before` stays so, where the module is the same."""
        self.components = dict(components)
        self.compiled: dict[Component, CompiledSlots] = {}
        for component, slots in (before.compiled if before else {}).items():
            if before and components.get(component) is before.components[component]:
                self.compiled[component] = slots
            else:
                slots.remove()
        self.targets: dict[TargetKey, Target] = {}
        self.sites: dict[TargetKey, Site] = {}
        for component, module in components.items():
            for site in find_sites(module):
                self._add(component, site)
        self.base = base_of(self.targets)

    def make_slots(self, component: Component) -> None:
        """Places for factors in all layers of a component, before it is compiled."""
        if component not in self.compiled:
            sites = [site for (part, _), site in self.sites.items() if part == component]
            self.compiled[component] = CompiledSlots(sites)

    def remove_slots(self) -> None:
        """Nothing of ours is left in the modules."""
        while self.compiled:
            self.compiled.popitem()[1].remove()

    def _add(self, component: Component, site: Site) -> None:
        # PEFT, where somebody has wrapped the model with it, moves each layer one level down.
        key = layer_key(component, site.path.replace(".base_layer", ""))
        if key is not None:
            shape = site.shape
            target = Target(component, key, site.path, site.kind, shape)
            self.targets[target.id] = target
            self.sites[target.id] = site

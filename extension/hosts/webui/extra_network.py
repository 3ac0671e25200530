"""Our object in the place of the builtin Lora: `<lora:…>` and `<lyco:…>` are ours."""

from __future__ import annotations

import sys
from typing import Any

from modules import extra_networks

from . import batch_tags, fallback, handover, models
from .wrapping import job_of

ALIAS = "lyco"
NO_LORAS = str([])  # what the forks keep in `current_lora_hash` while nothing is loaded


class LiveNetwork(extra_networks.ExtraNetwork):  # type: ignore[misc]
    """What the webui calls on every batch; the work is done by the job's wrappers on `p`."""

    def __init__(self) -> None:
        super().__init__("lora")
        self.builtin: Any = None  # what was registered before us: the program's own Lora

    def activate(self, p: Any, params_list: list[Any]) -> None:
        """Steps in for a `p` that our script was not shown (no scripts, or a chosen few)."""
        if handover.wanted():
            if self.builtin is not None:
                self.builtin.activate(p, params_list)
            return
        silence_builtin()
        job = job_of(p)
        if job is None or not job.parsed:
            fallback.read(p, params_list)
            return
        job.activated()  # a refiner of the forks activates anew, in mid-sampling
        if params_list and not batch_tags.is_marked(params_list):
            job.switch_on(params_list)

    def deactivate(self, p: Any) -> None:
        """After a region; else nothing is left to undo: hooks are off, called or not."""
        if self.builtin is not None and handover.wanted():
            self.builtin.deactivate(p)
        elif (job := job_of(p)) is not None:
            job.switch_off()


def silence_builtin() -> None:
    """Makes the builtin Lora give back what it has put into the model.

    It has done so where it was in charge until now: after an installation with Reload UI, or of
    another kind of model. A1111's restores each layer at its next forward when nothing is loaded;
    the forks' plans anew for an empty list, and only if it was not empty before.
    """
    builtin = sys.modules.get("networks")
    loaded = getattr(builtin, "loaded_networks", None)
    if isinstance(loaded, list) and loaded:
        loaded.clear()
    if getattr(models.loaded(), "current_lora_hash", NO_LORAS) != NO_LORAS:
        load: Any = getattr(builtin, "load_networks", None)
        if callable(load):
            load([], [], [])


NETWORK = LiveNetwork()


def take_over() -> None:
    """Registers ours. The last one to register is in charge, so this is called more than once."""
    before = extra_networks.extra_network_registry.get(NETWORK.name)
    if before is not NETWORK:
        NETWORK.builtin = before
    extra_networks.register_extra_network(NETWORK)
    extra_networks.register_extra_network_alias(NETWORK, ALIAS)
    # An alias is only looked up where no network has the name itself.
    extra_networks.extra_network_registry.pop(ALIAS, None)
    silence_builtin()


def give_back() -> None:
    """Takes ours out of the registry (Reload UI; the builtin registers itself again)."""
    for registry in (extra_networks.extra_network_registry, extra_networks.extra_network_aliases):
        for name in [name for name, network in registry.items() if network is NETWORK]:
            del registry[name]

"""Our object in the place of the builtin Lora: `<lora:…>` and `<lyco:…>` are ours."""

from __future__ import annotations

import sys
from typing import Any

from modules import extra_networks

from . import fallback
from .wrapping import job_of

ALIAS = "lyco"


class LiveNetwork(extra_networks.ExtraNetwork):  # type: ignore[misc]
    """What the webui calls on every batch; the work is done by the job's wrappers on `p`."""

    def __init__(self) -> None:
        super().__init__("lora")

    def activate(self, p: Any, params_list: list[Any]) -> None:
        """Steps in for a `p` that our script was not shown (no scripts, or a chosen few)."""
        silence_builtin()
        job = job_of(p)
        if job is None or not job.parsed:
            fallback.read(p, params_list)

    def deactivate(self, p: Any) -> None:
        """Nothing to do: hooks are off already, whether or not the webui gets here."""


def silence_builtin() -> None:
    """Makes the builtin Lora give its merged weights back.

    It has some where it was in charge until now: after an installation with Reload UI. Its
    layers restore themselves at their next forward when nothing is loaded.
    """
    builtin = sys.modules.get("networks")
    loaded = getattr(builtin, "loaded_networks", None)
    if isinstance(loaded, list) and loaded:
        loaded.clear()


NETWORK = LiveNetwork()


def take_over() -> None:
    """Registers ours. The last one to register is in charge, so this is called more than once."""
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

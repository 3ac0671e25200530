"""Tags of all kinds, cut out of the prompt; what is registered is activated with the first's."""

import re
from collections import defaultdict

extra_network_registry = {}
extra_network_aliases = {}
TAG = re.compile(r"<(\w+):([^>]+)>")


class ExtraNetworkParams:
    def __init__(self, items=None):
        self.items = items or []
        pairs = [item.split("=", 2) for item in self.items]
        self.positional = [i for i, p in zip(self.items, pairs, strict=True) if len(p) != 2]
        self.named = dict(pair for pair in pairs if len(pair) == 2)

    def __eq__(self, other):
        return self.items == other.items

    __hash__ = None


class ExtraNetwork:
    def __init__(self, name):
        self.name = name

    def deactivate(self, p):
        pass


def register_extra_network(network):
    extra_network_registry[network.name] = network


def register_extra_network_alias(network, alias):
    extra_network_aliases[alias] = network


def parse_prompts(prompts):
    found = []
    for prompt in prompts:
        found.append(defaultdict(list))
        for kind, arguments in TAG.findall(prompt):
            found[-1][kind].append(ExtraNetworkParams(arguments.split(":")))
    return [TAG.sub("", prompt) for prompt in prompts], found[0] if found else None


def activate(p, data):
    given = defaultdict(list)
    for kind, params in data.items():
        network = extra_network_registry.get(kind) or extra_network_aliases.get(kind)
        if network is not None:
            given[network.name] += params
    for name, network in extra_network_registry.items():
        network.activate(p, given[name])
    if p.scripts is not None:
        p.scripts.run("after_extra_networks_activate", p)


def deactivate(p, data):
    for network in extra_network_registry.values():
        network.deactivate(p)

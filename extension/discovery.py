"""How a folder finds its own files: importing it imports them all, and no two may claim one thing.

for algorithms, formats, prompt/arguments, engine/layers and hosts alike:
    the folder's __init__ calls `import_all(__name__, __path__)`;
    a base class registers its subclasses in a `Registry` as they are defined.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from importlib import import_module
from pkgutil import iter_modules
from typing import Generic, TypeVar

Member = TypeVar("Member")


def import_all(package: str, path: Iterable[str]) -> None:
    """Imports every module of a package, but not the packages inside it, in the order of names."""
    for module in iter_modules(path):
        if not module.ispkg:
            import_module(f"{package}.{module.name}")


class Registry(Generic[Member]):
    """What the files of a folder define, in the order they registered, and who claims what.

    `what` names the things that are claimed, for the error: "prefix", "argument".
    """

    def __init__(self, what: str) -> None:
        self.what = what
        self.members: list[Member] = []
        self.owners: dict[Hashable, Member] = {}

    def add(self, member: Member, claims: Iterable[Hashable]) -> None:
        """Registers a member with its claims. TypeError where another has one of them."""
        for claim in claims:
            owner = self.owners.setdefault(claim, member)
            if owner != member:
                raise TypeError(f"{member!r} and {owner!r} both claim the {self.what} {claim!r}")
        self.members.append(member)

    def __iter__(self) -> Iterator[Member]:
        return iter(self.members)

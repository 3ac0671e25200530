"""Hooks on and off: whatever happens inside the `with`, none is left after it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

from torch import nn

from .layers import Patch


@contextmanager
def hooked(patches: Iterable[Patch]) -> Iterator[None]:
    """The patches act on their modules' forwards inside this context."""
    by_module: dict[nn.Module, list[Patch]] = {}
    with ExitStack() as stack:
        for patch in patches:
            by_module.setdefault(patch.site.module, []).append(patch)
            stack.callback(patch.release)
        for found in by_module.values():
            found[0].site.install(stack, found)
        yield

"""Which layers should have run: calls of a whole component, and why one was left out."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import ExitStack
from typing import Any

from torch import nn

from ..errors import Code
from ..records import Progress, Row, Side
from .weight_table import WeightTable


class RootCalls:
    """The completed calls of a component (UNet, text encoder), and what acted in them.

    A layer of a column in `acted` that no hook has seen was left out: its host fused it with
    others, replaced it, or runs a graph compiled without our hooks. Calls that end in an error do
    not count, nor parts of a component that its host calls piece by piece.
    """

    def __init__(self, root: nn.Module, columns: Collection[int], weights: WeightTable) -> None:
        self.root = root
        self.columns = frozenset(columns)
        self.weights = weights
        self.acted: set[int] = set()  # the same object throughout: others look into it
        self._heard: set[tuple[Side, int, Progress]] = set()  # kinds of rows, and when
        self._known: dict[tuple[int, int], bool] = {}
        self._moment: object = None
        self.compiled_by = ""  # the host's own way of compiling it, and how to end that

    def install(self, stack: ExitStack) -> None:
        """Listens until the stack is closed."""
        stack.callback(self.root.register_forward_hook(self._called).remove)

    def _called(self, module: nn.Module, args: Any, out: Any) -> None:
        for column in self.columns - self.acted:
            if self.weights.acts(column):
                self.acted.add(column)
        moment = self.weights.rows, self.weights.progress
        if moment != self._moment:
            self._moment = moment
            self._heard.update((r.side, r.part, when) for r, when in self.weights.moments())
            self._known.clear()

    def heard(self, column: int, picture: int) -> bool:
        """Whether a column had a weight on that picture in a call, as far as anybody heard one.

        Rows that are the same for several pictures may be computed once: so it is not asked whose
        rows there were, but what weight a picture's own had then.
        """
        found = self._known.get((column, picture))
        if found is None:
            at = self.weights.at
            found = not self._heard or any(
                at(column, Row(picture, side, part), when) for side, part, when in self._heard
            )
            self._known[column, picture] = found
        return found

    def unseen(self) -> None:
        """The host called the root. Only a compiled one is called without our hook hearing it."""
        if is_compiled(self.root):
            self.acted |= self.columns

    def why_not(self, path: str) -> tuple[Code, str]:
        """Why the layer at this path was not called, as far as the modules around it tell."""
        around = [self.root]
        for name in path.split(".")[:-1]:
            around.append(getattr(around[-1], name, around[-1]))
        if any(map(is_compiled, around)):
            return "compiled", (
                "this model was compiled before, and its graph has no place for LoRAs: compile a "
                "pipeline with live.compile(), or call torch.compiler.reset() and do not compile"
            )
        if self.compiled_by:
            return "compiled", f"{self.compiled_by}: a graph has no place for LoRAs that come later"
        if any(getattr(module, "fused_projections", False) for module in around):
            return "bypassed", (
                "its host computes q, k and v in one: call unfuse_qkv_projections() before"
            )
        return "bypassed", "its host does not call it: something has fused or replaced it"


def is_compiled(module: nn.Module) -> bool:
    """By torch.compile(module) or module.compile()."""
    return hasattr(module, "_orig_mod") or module._compiled_call_impl is not None

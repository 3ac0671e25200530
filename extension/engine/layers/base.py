"""Where a delta can act: what every kind of layer tells the engine, and the walk over a model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from torch import Tensor, nn

from ...deltas import Layer
from ...discovery import Registry
from ...records import Kind, Shape


class Patch(Protocol):
    """What is added on one site, as its hooks need it; `LayerPatch` is the one there is."""

    site: Site
    changes_input: bool
    # (what the layer was called with, its output) → the output with everything added
    add: Callable[[Tensor, Tensor], Tensor]

    def acts(self, x: Tensor) -> bool:
        """Whether any weight is other than 0 for a call with this input."""

    @property
    def hooked(self) -> bool:
        """False once there is nothing to be done at a call for the present shape of the weights."""

    # Called when that shape changes: `choose` is to be asked at the next call.
    unsettled: Callable[[], None]

    def choose(self, x: Tensor) -> None:
        """Decides, before a call with x, what is done for the present shape of the weights."""

    def before(self, x: Tensor) -> Tensor:
        """The input that the layer is to see in place of x."""

    def run(self, x: Tensor, out: Tensor) -> Tensor:
        """Both at once, where no hook stands around the layer itself; `out` is W x + b."""

    def release(self) -> None:
        """The run is over: the layer is itself again, and nothing is kept."""


@dataclass(slots=True)
class Site:
    """One weight of one module. A subclass is a kind of layer: `claims` and what follows it.

    `path` is the module's dotted path; where a module holds several weights it ends in the part's
    name (`…attn.q_proj`, `….text_projection`). `row_dim` is the dimension of the input that counts
    the batch: 1 inside transformers that keep (tokens, rows, channels).
    """

    path: str
    module: nn.Module
    row_dim: int = 0

    kind: ClassVar[Kind]
    channel_dim: ClassVar[int] = -1  # of inputs and outputs
    whole: ClassVar[bool] = True  # nothing inside a module of this kind is a site of its own

    def __init_subclass__(cls) -> None:
        if "claims" in vars(cls):
            KINDS.add(cls, ())

    @classmethod
    def claims(cls, module: nn.Module) -> bool:
        """Is this module of this kind? Kinds derived from others are asked first."""
        raise NotImplementedError

    @classmethod
    def of(cls, path: str, module: nn.Module) -> Iterable[Site]:
        """The sites that a claimed module holds."""
        return [cls(path, module)]

    @property
    def stored(self) -> Tensor:
        """The tensor that W is kept in, of whatever shape and dtype; a view, not a copy."""
        raise NotImplementedError

    @property
    def shape(self) -> Shape:
        """W's shape in the own shape: (o, i), (o, i / groups, kh, kw), or (c,) for a norm."""
        return tuple(self.stored.shape)

    @property
    def weight(self) -> Tensor:
        """W's values in that shape. Raises ModuleError where the module does not give them."""
        return self.stored

    @property
    def bias(self) -> Tensor | None:
        """(o,), or None."""
        raise NotImplementedError

    @property
    def tokens_first(self) -> bool:
        """Whether the layers around this one have (tokens, rows, channels) for their input."""
        return False

    def base(self, x: Tensor) -> Tensor:
        """Wx without bias, of x's dtype, in the shape of the layer's output.

        For a norm: the normalised x, before weight and bias.
        """
        raise NotImplementedError

    def own_parameters(self) -> tuple[nn.Parameter, nn.Parameter | None] | None:
        """W and the bias, where the module computes with these very parameters and nothing else.

        Then others may stand in their place (`engine/folding.py`). None: the layer is only hooked.
        """
        return None

    def layer(self) -> Layer:
        """The layer as algorithms see it, with its settings of this moment."""
        stored = self.stored
        return Layer(
            kind=self.kind,
            shape=self.shape,
            read=lambda: self.weight,
            bias=self.bias,
            base=self.base,
            dtype=stored.dtype,
            device=torch.device("cpu") if stored.is_meta else stored.device,
            channel_dim=self.channel_dim,
        )

    @classmethod
    def install(cls, stack: ExitStack, patches: Sequence[Patch]) -> None:
        """Puts the patches of one module on it, and how to take them off on the stack."""
        raise NotImplementedError


KINDS: Registry[type[Site]] = Registry("layer")


def kind_of(module: nn.Module) -> type[Site] | None:
    """The kind of layer that a module is, or None if no kind knows it."""
    derived_first = sorted(KINDS, key=lambda kind: -len(kind.__mro__))
    return next((kind for kind in derived_first if kind.claims(module)), None)


def find_sites(model: nn.Module) -> list[Site]:
    """Every site of a model, in the order of `named_modules()`."""
    sites: list[Site] = []
    inside: set[nn.Module] = set()
    for path, module in model.named_modules():
        if module not in inside and (kind := kind_of(module)) is not None:
            sites += kind.of(path, module)
            if kind.whole:
                inside.update(module.modules())
    # All layers of a block around a (tokens, rows, channels) attention have that layout.
    blocks = tuple({_around(site) for site in sites if site.tokens_first})
    for site in sites:
        site.row_dim = int(site.path.startswith(blocks))
    return sites


def _around(site: Site) -> str:
    """What the paths in the block around a part begin with: `a.` for `a.attn.q_proj`."""
    module = site.path.rpartition(".")[0]
    return module[: module.rfind(".") + 1]

"""What the host asks of a back end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable
from typing import Any, ClassVar, Protocol

from torch import Tensor, nn

from ....discovery import Registry
from ....engine.choice import Executor
from ....records import Component, Row

# The UNet of SD 1, SD 2 and SDXL, whatever program it is in.
LDM_UNET = ("input_blocks", "middle_block", "output_blocks")


class RowSource(Protocol):
    """Tells the lines of the UNet's calls: which picture, side and AND part each is.

    `notes` are for the report: where the lines could not be told.
    """

    notes: set[str]

    def announce(self, params: Any) -> tuple[Row, ...]:
        """The denoiser is about to call the UNet with `params`: the lines, as far as known."""

    def take(self, batch: int, context: Tensor | None, options: Any) -> tuple[Row, ...]:
        """The lines of the next call of the UNet, by its arguments: how many, conds, options."""

    def forget(self) -> None:
        """After sampling."""


class Backend(ABC):
    """A kind of checkpoint object. It keeps nothing: a checkpoint is let go by its program."""

    modules_stay: ClassVar[bool] = True  # another checkpoint goes into the modules that are there
    executor: ClassVar[Executor | None] = None  # the setting's

    def __init_subclass__(cls) -> None:
        BACKENDS.add(cls(), ())

    @abstractmethod
    def claims(self, sd_model: Any) -> bool:
        """Whether this object is of the kind. The first one that says so is asked all the rest."""

    @abstractmethod
    def unet(self, sd_model: Any) -> nn.Module:
        """The denoising network, whatever its family."""

    @abstractmethod
    def encoders(self, sd_model: Any) -> dict[Component, nn.Module]:
        """The text encoders that LoRA files know; those that this checkpoint lacks are left out."""

    @abstractmethod
    def rows(self, identity: Callable[[Row], Hashable]) -> RowSource:
        """How to tell the lines of the UNet's calls of one pass.

        `identity` is equal for two rows on which all LoRAs always act alike.
        """

    @abstractmethod
    def embedding_databases(self, sd_model: Any) -> list[Any]:
        """Where this checkpoint's text encoders look up words: the webui's `EmbeddingDatabase`s."""

    def compiled_by(self, sd_model: Any) -> str:
        """How the program itself has compiled the UNet, and how to end that; empty: it has not."""
        return ""

    def make_room(self, sd_model: Any, size: int) -> None:
        """Asks the program to leave this many bytes of the device's memory free in this pass."""
        return

    def applies_loras(self, sd_model: Any) -> bool:
        """Whether this is a model of ours: SD 1, SD 2 or SDXL. Others' LoRAs are the program's."""
        unet = self.unet(sd_model)
        return all(hasattr(unet, name) for name in LDM_UNET)

    def components(self, sd_model: Any) -> dict[Component, nn.Module]:
        """UNet and text encoders."""
        return {"unet": self.unet(sd_model), **self.encoders(sd_model)}

    def identity(self, sd_model: Any) -> Hashable:
        """Differs where modules or weights differ: a switch may keep the objects, or the file."""
        parts = sorted((name, id(module)) for name, module in self.components(sd_model).items())
        file = str(getattr(sd_model.sd_checkpoint_info, "filename", ""))
        return id(sd_model), file, tuple(parts)


BACKENDS: Registry[Backend] = Registry("back end")

"""What is asked of the generator, what it shows meanwhile, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass

from PIL.Image import Image

from ..encoding.settings import EmphasisMode
from ..errors import LiveLoraError
from ..session.report import Report


class RequestError(LiveLoraError):
    """A request that cannot be followed."""


@dataclass(frozen=True, slots=True)
class HiresFix:
    """A second pass on the enlarged picture. `steps` None: as many as in the first pass."""

    scale: float = 2.0
    strength: float = 0.7
    steps: int | None = None
    upscaler: str = "Latent"


@dataclass(frozen=True, slots=True)
class StartingPicture:
    """Image to image; with a mask (white is drawn anew, in the picture's size) inpainting."""

    image: Image
    mask: Image | None = None
    strength: float = 0.75


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """What to draw: one picture per prompt; picture i has the seed `seed` + i, or all have one.

    Width and height are pixels; without them, and without guidance, the model's own. `sampler` and
    `schedule` have the webui's names; without a sampler the model's own. `clip_skip` counts as the
    webui's: 1 skips nothing.
    `differences` says, picture by picture, which values of a sweep it has; empty without one.
    """

    prompts: tuple[str, ...]
    negative: str = ""
    steps: int = 20
    seed: int | None = None
    width: int | None = None
    height: int | None = None
    guidance: float | None = None
    same_seed: bool = False
    differences: tuple[str, ...] = ()
    sampler: str = ""
    schedule: str = ""
    emphasis: EmphasisMode = "Original"
    clip_skip: int = 1
    hires: HiresFix | None = None
    start: StartingPicture | None = None

    @property
    def seeds(self) -> tuple[int, ...]:
        """Picture by picture."""
        first = self.seed or 0
        return tuple(first + i * (not self.same_seed) for i in range(len(self.prompts)))

    def caption(self, picture: int) -> str:
        """What tells the picture from the others."""
        seed = f"seed {self.seeds[picture]}"
        value = self.differences[picture] if self.differences else ""
        if value and self.same_seed:
            return value
        return f"{value}, {seed}" if value else seed


@dataclass(frozen=True, slots=True)
class StepPreview:
    """Pictures being result: `step` of `steps` are done, and how they look, now and then."""

    step: int
    steps: int
    preview: tuple[Image, ...] = ()


@dataclass(frozen=True, slots=True)
class GenerationResult:
    """The pictures; each carries its infotext as `info["parameters"]`, where PNG keeps it."""

    images: tuple[Image, ...]
    request: GenerationRequest
    report: Report
    stopped: bool = False

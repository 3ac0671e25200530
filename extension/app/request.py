"""What is asked of the generator, what it shows meanwhile, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass, replace

from PIL.Image import Image

from ..encoding.settings import EmphasisMode
from ..errors import LiveLoraError
from ..session.measured import MeasuredFacts
from ..session.report import Report


class RequestError(LiveLoraError):
    """A request that cannot be followed."""


@dataclass(frozen=True, slots=True)
class HiresFix:
    """A second pass on the enlarged picture. `steps` None: as many as in the first pass.

    Its prompts, sampler and schedule type are those of the first pass, where they are empty.
    """

    scale: float = 2.0
    strength: float = 0.7
    steps: int | None = None
    upscaler: str = "Latent"
    prompt: str = ""
    negative: str = ""
    sampler: str = ""
    schedule: str = ""


@dataclass(frozen=True, slots=True)
class StartingPicture:
    """Image to image; with a mask (white is drawn anew, black with `inverted`) inpainting.

    `blur` is the standard deviation, in pixels, of the mask's soft edge; `fill` what stands in the
    mask at first: "original", "fill" (colours around it), "latent noise" or "latent nothing".
    `resize`, one of `start_choices.RESIZE_MODES`, brings a picture of another shape to the
    request's size. With `only_masked` that is the size of the part around the mask, `padding`
    pixels wider on all sides, and what is drawn is put back into the picture.
    """

    image: Image
    mask: Image | None = None
    strength: float = 0.75
    blur: float = 4
    fill: str = "original"
    inverted: bool = False
    only_masked: bool = False
    padding: int = 32
    resize: str = "Just resize"


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """What to draw: one picture per prompt; picture i has the seed `seed` + i, or all have one.

    `own_seeds`, `own_negatives` and `own_starts`, one for each prompt, come before that seed,
    `negative` and `start`: so several people's pictures are drawn at once. All of `own_starts`
    have one strength, and either all or none a mask. `measure`: the result says how strongly each
    LoRA acted. `movable`: a server draws its pictures by themselves, and lets their weights be
    moved meanwhile.

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
    own_seeds: tuple[int, ...] = ()
    own_negatives: tuple[str, ...] = ()
    own_starts: tuple[StartingPicture, ...] = ()
    measure: bool = False
    movable: bool = False

    @property
    def seeds(self) -> tuple[int, ...]:
        """Picture by picture."""
        if self.own_seeds:
            return self.own_seeds
        first = self.seed or 0
        return tuple(first + i * (not self.same_seed) for i in range(len(self.prompts)))

    @property
    def negatives(self) -> tuple[str, ...]:
        """Picture by picture."""
        return self.own_negatives or (self.negative,) * len(self.prompts)

    @property
    def starts(self) -> tuple[StartingPicture, ...]:
        """Picture by picture; empty where they begin as noise."""
        if self.own_starts or self.start is None:
            return self.own_starts
        return (self.start,) * len(self.prompts)

    def of_picture(self, picture: int) -> GenerationRequest:
        """One of the pictures, asked for by itself."""
        return replace(
            self,
            prompts=self.prompts[picture : picture + 1],
            differences=self.differences[picture : picture + 1],
            own_seeds=self.seeds[picture : picture + 1],
            own_negatives=self.negatives[picture : picture + 1],
            start=self.starts[picture] if self.starts else None,
            own_starts=(),
        )

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
    measured: tuple[tuple[MeasuredFacts, ...], ...] = ()  # picture by picture, of each pass

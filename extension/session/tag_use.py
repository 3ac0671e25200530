"""Where the tags of a generation stand: whose picture's prompt, on which side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from ..engine.mask import Mask
from ..errors import LiveLoraError, ResolveError
from ..prompt import Prompt, Tag
from ..prompt.moved_weight import SliderKey
from ..records import Diagnostic, Progress, Row, Side, Target
from .report import PromptDiagnostic


@dataclass(frozen=True, slots=True)
class TagUse:
    """A tag in the positive or negative prompt of one picture; `source` is that prompt.

    A tag of the positive prompt acts on both sides, as in every other program; one of the negative
    prompt on the uncond rows only. `mask` is where in the picture it acts on the UNet; in a live
    run `slider` is what moves its weight.
    """

    tag: Tag
    picture: int
    side: Side
    source: str = ""
    mask: Mask | None = None
    slider: SliderKey | None = None

    def weight(self, target: Target, row: Row, progress: Progress) -> float:
        """The tag's weight for this row; 0 for other pictures' rows."""
        if row.picture != self.picture or (self.side == "uncond" and row.side != "uncond"):
            return 0.0
        return self.tag.weight(target, row, progress)

    def failed(self, error: LiveLoraError) -> PromptDiagnostic:
        """That this tag cannot be used; all others can."""
        text = str(error) if isinstance(error, ResolveError) else f"not used: {error}"
        return self.diagnostic(text, "error", error)

    def diagnostic(
        self,
        message: str,
        severity: Literal["error", "warning"] = "warning",
        cause: LiveLoraError | None = None,
    ) -> PromptDiagnostic:
        """Something to say about this tag, at its place in the prompt."""
        diagnostic = Diagnostic(message, self.tag.span, severity)
        return PromptDiagnostic(diagnostic, self.picture, self.side, self.source, cause)


@dataclass(frozen=True, slots=True)
class PlacedPrompt:
    """A prompt with the picture and side it belongs to."""

    prompt: Prompt
    picture: int
    side: Side

    def uses(self, *, off: bool = False) -> Iterator[TagUse]:
        """Its LoRA tags; those that are switched off (`on=0`) where it is asked for."""
        for tag in self.prompt.tags:
            if tag.kind == "lora" and (tag.on or off):
                yield TagUse(tag, self.picture, self.side, self.prompt.source)

    def diagnostics(self) -> Iterator[PromptDiagnostic]:
        """What reading it had to say."""
        for problem in self.prompt.problems:
            yield PromptDiagnostic(problem, self.picture, self.side, self.prompt.source)


def placed(
    prompts: Sequence[Prompt], negatives: Sequence[Prompt | None] = ()
) -> list[PlacedPrompt]:
    """All prompts of a generation: picture i has prompts[i] and, if any, negatives[i]."""
    positive = [PlacedPrompt(one, picture, "cond") for picture, one in enumerate(prompts)]
    negative = [
        PlacedPrompt(one, picture, "uncond")
        for picture, one in enumerate(negatives)
        if one is not None
    ]
    return positive + negative

"""The words every room uses: Target, Row, Progress, Span, Diagnostic. No torch, no files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

Component = Literal["unet", "text_encoder", "text_encoder_2"]
Side = Literal["cond", "uncond"]
Kind = Literal["linear", "conv", "norm"]
Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]  # of tensors, by their keys in a file or their slots in a module
TargetKey = tuple[str, str]  # component, canonical key

COMPONENTS: tuple[Component, ...] = ("unet", "text_encoder", "text_encoder_2")


@dataclass(frozen=True, slots=True)
class Target:
    """One weight of the host that a LoRA can change.

    `key` is its canonical name: the diffusers path inside its component, dots as underscores and
    without `text_model` (`down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q`,
    `encoder_layers_0_self_attn_q_proj`). `path` is the host's own dotted path.
    `shape` is the weight's: (o, i), (o, i, kh, kw) or (c,) for a norm.
    """

    component: Component
    key: str
    path: str
    kind: Kind
    shape: Shape

    @property
    def id(self) -> TargetKey:
        """Component and key: what tells it from all other targets of a model."""
        return self.component, self.key

    @property
    def is_text(self) -> bool:
        """True in text encoders, which act when the prompt is encoded: before the first step."""
        return self.component != "unet"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the batch a module is called with: whose picture, which side, which AND part."""

    picture: int = 0
    side: Side = "cond"
    part: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """Where one sampling pass stands.

    `step` is i, from 0, of the `steps` = n sampler steps really run in this pass; `sigma` is the
    noise level where the host knows it. `call` and `calls` are the host's own schedule counter
    (it decides `[a:b:when]`; the webui counts UNet calls), where it differs from `step`.
    `first_calls` is how many calls the first pass had, in a hires pass whose host goes on
    counting from there (`[a:b:25]` and `[a:b:1.25]` are in the hires pass of 20 + 20 calls).
    """

    step: int = 0
    steps: int = 1
    sigma: float | None = None
    hires: bool = False
    call: int | None = None
    calls: int | None = None
    first_calls: int | None = None

    @property
    def fraction(self) -> float:
        """i / (n − 1), from 0 to 1; 0 when there is one step."""
        return self.step / (self.steps - 1) if self.steps > 1 else 0.0


class Span(NamedTuple):
    """Characters `start` to `end` (exclusive) of the prompt: `source[slice(*span)]`."""

    start: int
    end: int


class Fix(NamedTuple):
    """An edit of the prompt that mends a problem: `text` in place of `span`."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """Something to tell the user; `span` points into the prompt where there is a place.

    `code` is the reason in short, of the table in prompt/diagnostics.py; None where the reason is
    an exception, which has a code of its own (errors.py). `reason` is the message for those who
    see its place and its `tag`; `fix` mends it, where the program knows what was meant.
    """

    message: str
    span: Span | None = None
    severity: Literal["error", "warning"] = "error"
    code: str | None = None
    reason: str = ""
    tag: Span | None = None
    fix: Fix | None = None

"""Models that are not ours (Flux, Z-Image, SD 3 …): the program's own Lora gets the tags.

Decided by the loaded model, at every batch. What that one cannot read is taken out and told: one
such weight, or one missing file, and Forge leaves out every LoRA of the prompt.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...errors import LiveLoraError
from ...prompt import Prompt, Tag
from . import batch_tags, models
from .state import LIVE

POSITIONS = 2  # te and unet; what a third number means differs by program
NAMES = frozenset({"te", "unet"})
RESERVED = frozenset(":<>")


def wanted() -> bool:
    """Whether a checkpoint is loaded whose LoRAs are not ours to apply."""
    return models.loaded() is not None and models.ours() is None


def parse(p: Any, host: Callable[[], Any]) -> Any:
    """Lets the webui parse prompts whose tags its own Lora can read."""
    first, hires = batch_tags.texts(p)
    told: dict[str, None] = {}
    readable = [None if texts is None else _readable(texts, told) for texts in (first, hires)]
    assert readable[0] is not None
    for message in told:
        p.comment(f"Live LoRA: {message}")
        print(f"Live LoRA: {message}")
    return batch_tags.with_texts(p, readable[0], readable[1], host)


def _readable(texts: batch_tags.Texts, told: dict[str, None]) -> batch_tags.Texts:
    prompts, negatives = (
        [LIVE.parse(one, negative=bool(side)) for one in some] for side, some in enumerate(texts)
    )
    for negative in negatives:
        told.update({f"{tag.source}: not in negative prompts of {_model()}": None
                     for tag in negative.tags})  # fmt: skip
    return [_plain(one, told) for one in prompts], [one.text for one in negatives]


def _plain(prompt: Prompt, told: dict[str, None]) -> str:
    written: dict[Tag, str] = {}
    for tag in prompt.tags:
        why = _unreadable(tag)
        written[tag] = "" if why else f"<{tag.kind}{tag.source[1 + len(tag.written_kind) :]}"
        told[f"{tag.source}: left out, {why}" if why else _applied_by()] = None
    return prompt.replace(written)


def _applied_by() -> str:
    return f"the LoRAs of {_model()} are applied by this program itself, with constant weights"


def _model() -> str:
    return f"this model ({type(models.loaded()).__name__})"


def _unreadable(tag: Tag) -> str | None:
    """Why the program's own Lora would fail on a tag; None where it would not."""
    named = [one for one in tag.arguments if one.name is not None]
    if RESERVED & set(tag.name) or f":{tag.name}" not in tag.source:
        return f"{_model()} takes no quoted names"
    if any(one.name not in NAMES for one in named):
        return f"{_model()} takes weights alone"
    if len(tag.arguments) - len(named) > POSITIONS or not _numbers(
        [one.value for one in tag.arguments]
    ):
        return f"{_model()} takes one or two numbers as weights"
    try:
        LIVE.catalog().find(tag.name)
    except LiveLoraError as error:
        return str(error)
    return None


def _numbers(values: Sequence[str]) -> bool:
    try:
        return all(float(value) is not None for value in values)
    except ValueError:
        return False

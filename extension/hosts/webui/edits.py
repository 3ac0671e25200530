"""Tags rewritten inside a prompt: another name, another value, a sweep's value for one picture."""

from __future__ import annotations

from collections.abc import Callable

from ... import prompt as language
from ...prompt import Tag

WEIGHTS = ("te", "unet")
SIGNS = frozenset(':<>="\\')  # that a name cannot hold as it is


def every(prompt: str, edit: Callable[[str, Tag], str]) -> str:
    """The prompt with each tag replaced by what `edit(prompt, tag)` writes for it."""
    for tag in reversed(language.parse(prompt).tags):
        prompt = prompt[: tag.span.start] + edit(prompt, tag) + prompt[tag.span.end :]
    return prompt


def renamed(prompt: str, tag: Tag, name: str) -> str:
    """The tag with another name, its arguments as they were written."""
    return written(tag.written_kind, name, [text for _, text in _arguments(prompt, tag)])


def weighted(prompt: str, tag: Tag, value: str) -> str:
    """The tag with one weight for text encoders and UNet."""
    others = [text for means, text in _arguments(prompt, tag) if means not in WEIGHTS]
    return written(tag.written_kind, tag.name, [value, *others])


def changed(prompt: str, tag: Tag, argument: str, value: str) -> str:
    """The tag with one argument changed; te and unet each without touching the other."""
    arguments = _arguments(prompt, tag)
    if argument in WEIGHTS:
        weights = _weights(tag) | {argument: value}
        others = [text for means, text in arguments if means not in WEIGHTS]
        return written(tag.written_kind, tag.name, [*weights.values(), *others])
    others = [text for means, text in arguments if means != argument]
    return written(tag.written_kind, tag.name, [*others, f"{argument}={value}"])


def resolved(prompt: str, picture: int) -> str:
    """The prompt as picture number `picture` of its job has it: each sweep at its value."""

    def edit(prompt: str, tag: Tag) -> str:
        if tag.sweep is None:
            return tag.source
        value = f"{tag.sweep[picture % len(tag.sweep)]:g}"
        kept = [t for means, t in _arguments(prompt, tag) if means not in ("sweep", "seed")]
        # A sweep multiplies the weight: alone, its value is the weight.
        plain = not any(argument.means in WEIGHTS for argument in tag.arguments)
        arguments = [value, *kept] if plain else [*kept, f"sweep={value}"]
        return written(tag.written_kind, tag.name, arguments)

    return every(prompt, edit)


def written(kind: str, name: str, arguments: list[str]) -> str:
    """A tag's text."""
    return f"<{':'.join([kind, quoted(name), *arguments])}>"


def quoted(name: str) -> str:
    """A name as it can stand in a tag."""
    if not SIGNS & set(name) and name == name.strip():
        return name
    inside = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{inside}"'


def _arguments(prompt: str, tag: Tag) -> list[tuple[str | None, str]]:
    """(what it means, its text as written) of every argument."""
    return [(a.means, prompt[a.span.start : a.span.end]) for a in tag.arguments]


def _weights(tag: Tag) -> dict[str, str]:
    """te and unet as written; unet is what te is where nothing is said, and te is 1."""
    given = {a.means: a.value for a in tag.arguments if a.means in WEIGHTS}
    te = given.get("te", "1")
    return {"te": te, "unet": given.get("unet", te)}

"""An infotext comes back: its tags are led to the files that made the picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modules import infotext_utils

from ...errors import LiveLoraError
from ...library.lora_file import LoraFile
from ...library.mask_pictures import MaskPictures
from ...prompt import Tag, additional_networks
from . import notices, options
from .infotext import HASHES, MASKS, REMOVED, short_hash
from .state import LIVE

PROMPTS = ("Prompt", "Negative prompt", "Hires prompt", "Hires negative prompt")


def pasted(infotext: str, params: dict[str, Any]) -> None:
    """Renames the tags in `params` by our hashes, over what the builtin has made of them.

    The builtin renames by the hash that a file's metadata claims. What it did is undone by
    reading the infotext again; what others added to the prompt stays.
    """
    hashes = hashes_of(params.get(HASHES))
    written = infotext_utils.parse_generation_parameters(infotext, [])
    for key in PROMPTS:
        if params.get(key):
            params[key] = renamed(str(params[key]), str(written.get(key) or ""), hashes)
    told = MaskPictures(options.mask_folders()).differences(hashes_of(params.get(MASKS)))
    for text in told:
        notices.warn(text)
    if (added := additional_networks.additional_networks(params)) and "Prompt" in params:
        params["Prompt"] = with_tags(params["Prompt"], added)


def hashes_of(line: Any) -> dict[str, str]:
    """`name: hash, …` as a dict; what is not of that form is left out."""
    pairs = (part.split(":") for part in str(line or "").split(","))
    return {pair[0].strip(): pair[1].strip() for pair in pairs if len(pair) == 2}


def renamed(prompt: str, written: str, hashes: Mapping[str, str]) -> str:
    """`prompt` with every tag's name as this library knows the file."""
    parsed = LIVE.parse(prompt)
    originals = LIVE.parse(written).tags
    if len(originals) != len(parsed.tags):
        originals = parsed.tags
    names = {
        tag: name_here(original, hashes.get(original.name.translate(REMOVED)))
        for tag, original in zip(parsed.tags, originals, strict=True)
    }
    return parsed.replace(
        {tag: tag.with_name(name) for tag, name in names.items() if name != tag.name}
    )


def name_here(tag: Tag, short: str | None) -> str:
    """What the tag's file is called here: as written if it is that file, else found by its hash."""
    named = _named(tag.name)
    if short is None or (named is not None and short_hash(named) in (short, None)):
        return tag.name
    try:
        return LIVE.catalog().find(tag.name, hash=short).name
    except LiveLoraError as error:
        other = f"{tag.name} is another file than the one that made this picture (hash {short})"
        notices.warn(str(error) if named is None else other)
        return tag.name


def _named(name: str) -> LoraFile | None:
    try:
        return LIVE.catalog().find(name)
    except LiveLoraError:
        return None


def with_tags(prompt: str, added: Sequence[str]) -> str:
    """The prompt with these tags; the builtin's, which know one weight only, are replaced."""
    parsed = LIVE.parse(prompt)
    builtins = {tag.name: tag for tag in reversed(parsed.tags)}
    replaced: dict[Tag, str] = {}
    others = []
    for text in added:
        (tag,) = LIVE.parse(text).tags
        if (old := builtins.get(tag.name)) is not None:
            replaced[old] = text
        else:
            others.append(text)
    prompt = parsed.replace(replaced)
    for text in others:
        prompt += ("" if prompt.endswith(">") else "\n") + text
    return prompt

"""An infotext comes back: its tags are led to the files that made the picture."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from modules import infotext_utils

from ... import prompt as language
from ...errors import LiveLoraError
from ...prompt import Tag
from . import edits
from .infotext import HASHES, REMOVED, short_hash
from .live import LIVE

PROMPTS = ("Prompt", "Negative prompt", "Hires prompt", "Hires negative prompt")
ADDNET = re.compile(r"AddNet Model (\d+)")
ADDNET_HASH = re.compile(r"\s*\([0-9a-fA-F]+\)$")


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
    if (added := additional_networks(params)) and "Prompt" in params:
        params["Prompt"] = with_tags(params["Prompt"], added)


def hashes_of(line: Any) -> dict[str, str]:
    """`name: hash, …` as a dict; what is not of that form is left out."""
    pairs = (part.split(":") for part in str(line or "").split(","))
    return {pair[0].strip(): pair[1].strip() for pair in pairs if len(pair) == 2}


def renamed(prompt: str, written: str, hashes: Mapping[str, str]) -> str:
    """`prompt` with every tag's name as this library knows the file."""
    tags = language.parse(prompt).tags
    originals = language.parse(written).tags
    if len(originals) != len(tags):
        originals = tags
    by_span = dict(zip((tag.span for tag in tags), originals, strict=True))

    def edit(prompt: str, tag: Tag) -> str:
        original = by_span[tag.span]
        name = name_here(original, hashes.get(original.name.translate(REMOVED)))
        return tag.source if name == tag.name else edits.renamed(prompt, tag, name)

    return edits.every(prompt, edit)


def name_here(tag: Tag, short: str | None) -> str:
    """What the tag's file is called here: as written if it is found, else by its hash."""
    catalog = LIVE.catalog()
    try:
        entry = catalog.find(tag.name)
        if short is None or short_hash(entry) in (short, None):
            return tag.name
    except LiveLoraError:
        entry = None
    if short is None:
        return tag.name
    try:
        return catalog.find(tag.name, hash=short).name
    except LiveLoraError as error:
        reason = (
            f"{tag.name} is another file than the one that made this picture"
            if entry
            else str(error)
        )
        print(f"Live LoRA: pasted: {reason} (hash {short})")
        return tag.name


def additional_networks(params: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """(name, te weight, unet weight) of the fields that sd-webui-additional-networks writes."""
    found = []
    for key in params:
        match = ADDNET.fullmatch(key)
        if match is None or params.get(f"AddNet Module {match[1]}") != "LoRA":
            continue
        name = ADDNET_HASH.sub("", str(params[key]))
        unet = str(params.get(f"AddNet Weight A {match[1]}", "1.0"))
        te = str(params.get(f"AddNet Weight B {match[1]}", unet))
        found.append((name, te, unet))
    return found


def with_tags(prompt: str, added: list[tuple[str, str, str]]) -> str:
    """The prompt with these as tags; the builtin's, which know one weight only, are replaced."""
    for name, te, unet in added:
        tag = f"<lora:{name}:{te}>" if te == unet else f"<lora:{name}:{te}:{unet}>"
        builtins = f"<lora:{name}:{unet}>"
        if builtins in prompt:
            prompt = prompt.replace(builtins, tag)
        else:
            separator = "" if prompt.endswith(">") else "\n"
            prompt += separator + tag
    return prompt

"""Sets in the text of a picture, and the text of a set for a prompt of this library."""

from __future__ import annotations

import re

from ..errors import LiveLoraError
from ..library.catalog import Catalog
from ..library.sets.lora_set import LONGEST_NAME, MOST_MEMBERS, LoraSet, SetMember, hash_of
from ..library.sets.recipes import recipe_in
from ..prompt import Tag, parse
from ..prompt.render import tag_text

NEGATIVE = "\nNegative prompt: "
STEPS = re.compile(r"\n(?=Steps: \d+, )")
HASHES = re.compile(r'Lora hashes: (?:"([^"]*)"|([^,]*))')
REMOVED = str.maketrans("", "", ":,")  # from names in that line: they end a hash
FOUND_BY = "hash"  # of several arguments, the one that names the file


def set_in(description: str, name: str = "") -> LoraSet:
    """The set of a picture: LoRA Manager's recipe where it holds one, else the tags of its prompt.

    `description` is the infotext (PNG `parameters`, EXIF UserComment). ValueError where there is
    no LoRA in it.
    """
    recipe = recipe_in(description)
    if recipe is not None:
        return recipe
    *_, end = [len(description), *(found.start() for found in STEPS.finditer(description))]
    facts = description[end:]
    prompt = f"\n{description[:end]}".partition(NEGATIVE)[0].strip()
    hashes = _hashes(facts)
    tags = parse(prompt).tags[:MOST_MEMBERS]
    if not tags:
        raise ValueError("there is no LoRA in this text")
    members = tuple(_member(tag, hashes.get(tag.name.translate(REMOVED), "")) for tag in tags)
    title = (name.strip() or ", ".join(member.name for member in members))[:LONGEST_NAME]
    return LoraSet(title, members, prompt=prompt)


def text_of(one: LoraSet, catalog: Catalog) -> tuple[str, list[str]]:
    """Its tags and words for a prompt, and what is to be said: files that are not here.

    Each file is looked for by its hash, wherever it is now, then by its name.
    """
    texts, notes = [], []
    for member in one.members:
        name, note = _name_here(member, catalog)
        texts.append(tag_text(name, member.arguments))
        notes += [note] if note else []
    return " ".join([*texts, *([one.words] if one.words else [])]), notes


def _member(tag: Tag, hash: str) -> SetMember:
    arguments = tuple((one.name, one.value) for one in tag.arguments if one.name != FOUND_BY)
    return SetMember(tag.name, hash_of(tag.hash) or hash, arguments)


def _hashes(facts: str) -> dict[str, str]:
    found = HASHES.search(facts)
    pairs = (part.split(":") for part in (found[1] or found[2] or "").split(",")) if found else ()
    return {pair[0].strip(): hash_of(pair[1].strip()) for pair in pairs if len(pair) == 2}


def _name_here(member: SetMember, catalog: Catalog) -> tuple[str, str]:
    """What the file is called here, and a note where it is another or none."""
    here = catalog.by_hash(member.hash) if member.hash else None
    if here is not None:
        return here.name, ""
    try:
        named = catalog.find(member.name)
    except LiveLoraError as error:
        return member.name, str(error)
    known = named.facts.known_hashes(named)
    if member.hash and known and not known.match(member.hash):
        return named.name, f"{named.name!r} is another file than the one this set was made with"
    return named.name, ""

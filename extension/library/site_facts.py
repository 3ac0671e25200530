"""What other programs keep beside a LoRA, each in a schema of its own, read as one.

`.civitai.info` is Civitai's answer about a version (Civitai Helper and its kin), `.metadata.json`
LoRA Manager's, `.cm-info.json` StabilityMatrix's; SD.Next keeps Civitai's answer about a model in
`.json`, where the webui keeps its own. Every field may be missing or hold something else.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

Facts = dict[str, Any]
# Kinds of LoRA that people sort by; sites give them among the tags.
KINDS = (
    *("character", "style", "clothing", "concept", "poses", "action", "background", "objects"),
    *("vehicle", "buildings", "animal", "tool", "slider", "assets", "celebrity"),
)
NSFW = {1: "PG", 2: "PG-13", 4: "R", 8: "X", 16: "XXX"}
NSFW_WORDS = {"None": "PG", "Soft": "PG-13", "Mature": "R", "X": "X"}
SETTINGS = {"steps": "Steps", "sampler": "Sampler", "cfgScale": "CFG scale", "seed": "Seed"}
MOST_EXAMPLES = 10
LONGEST_EXAMPLE = 4000  # characters
LONGEST_ADDRESS = 2000
OURS = "live lora"  # our key in files of others
STRENGTHS = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*(?:-|–|~|to|,)\s*(-?\d+(?:\.\d+)?)\s*")
NUMBERS = ("model_id", "version_id")


def of_version(content: Mapping[str, Any]) -> Facts:
    """Civitai's answer about a version."""
    model = dictionary(content.get("model"))
    return _present(
        model=text(model, "name"),
        version=text(content, "name"),
        base=text(content, "baseModel"),
        tags=list(texts(model.get("tags") or content.get("tags"))),
        words=list(texts(content.get("trainedWords"))),
        description=text(content, "description") or text(model, "description"),
        creator=text(dictionary(model.get("creator") or content.get("creator")), "username"),
        licence=_licence(model),
        nsfw=nsfw_level(content.get("nsfwLevel")),
        examples=examples_of(content),
        preview_nsfw=text(dictionary(content.get(OURS)), "preview_nsfw"),
        model_id=content.get("modelId"),
        version_id=content.get("id"),
    )


def of_model(content: Mapping[str, Any]) -> Facts:
    """Civitai's answer about a model, as SD.Next keeps it: the first version counts."""
    versions = content.get("modelVersions")
    first = dictionary(versions[0]) if isinstance(versions, list) and versions else {}
    about = {**first, "model": dict(content), "modelId": content.get("id")}
    return of_version(about)


def of_manager(content: Mapping[str, Any]) -> Facts:
    """LoRA Manager's: the user's own words, and the site's under `civitai`."""
    tips = _usage_tips(content.get("usage_tips"))
    site = of_version(dictionary(content.get("civitai")))
    return site | _present(
        notes=text(content, "notes"),
        favourite=content.get("favorite") is True,
        weight=number(tips.get("strength")),
        range=_strengths(tips),
        description=text(content, "modelDescription"),
        tags=list(texts(content.get("tags"))),
        words=list(texts(content.get("trainedWords"))),
        base=text(content, "base_model"),
        model=text(content, "model_name"),
        preview_nsfw=nsfw_level(content.get("preview_nsfw_level")),
    )


def of_matrix(content: Mapping[str, Any]) -> Facts:
    """StabilityMatrix's."""
    return _present(
        model=text(content, "UserTitle") or text(content, "ModelName"),
        version=text(content, "VersionName"),
        base=text(content, "BaseModel"),
        tags=list(texts(content.get("Tags"))),
        words=list(texts(content.get("TrainedWords"))),
        description=text(content, "ModelDescription"),
        creator=text(content, "AuthorUsername"),
        model_id=content.get("ModelId"),
        version_id=content.get("VersionId"),
    )


def examples_of(content: Mapping[str, Any]) -> list[Facts]:
    """A version's example pictures, as far as its answer tells: address, media (image or video),
    nsfw, prompt, negative, settings (one line, as an infotext has them). Ten at most, each text
    shortened. An address is a link, or a file of this machine (examples.py)."""
    every = [content.get("images"), content.get("customImages")]
    listed = [one for images in every if isinstance(images, list) for one in images]
    found = map(_example, map(dictionary, listed[:MOST_EXAMPLES]))
    return [one for one in found if one.get("prompt") or one.get("address")]


def _example(image: Mapping[str, Any]) -> Facts:
    meta = dictionary(image.get("meta"))
    meta = dictionary(meta.get("meta")) or meta
    said = {name: meta.get(key) for key, name in SETTINGS.items()}
    shown = (f"{name}: {value}"[:100] for name, value in said.items() if _says(value))
    return _present(
        address=_address(text(image, "url") or text(image, "path")),
        media="video" if image.get("type") == "video" else "",
        nsfw=nsfw_level(image.get("nsfwLevel")),
        prompt=text(meta, "prompt")[:LONGEST_EXAMPLE],
        negative=text(meta, "negativePrompt")[:LONGEST_EXAMPLE],
        settings=", ".join(shown),
    )


def _address(said: str) -> str:
    """One that a person may follow, or a file's; none that a browser would run."""
    kind = said.partition(":")[0].lower() if "://" in said or ":" in said[2:] else ""
    return said if len(said) <= LONGEST_ADDRESS and kind in ("", "https", "http") else ""


def _says(value: object) -> bool:
    return type(value) in (int, float) or (isinstance(value, str) and bool(value.strip()))


def kind_of(tags: list[str]) -> str:
    """The first tag that is a kind; "" where none is."""
    lowered = [tag.lower() for tag in tags]
    return next((tag for tag in lowered if tag in KINDS), "")


def nsfw_level(value: object) -> str:
    """The highest of the levels that a site's bits, or its older words, say; "" for none."""
    if isinstance(value, str):
        return NSFW_WORDS.get(value, "")
    bits = value if type(value) is int and 0 < value < 64 else 0
    return next((name for bit, name in reversed(NSFW.items()) if bits & bit), "")


def dictionary(value: object) -> dict[str, Any]:
    """A JSON object, or an empty one."""
    return value if isinstance(value, dict) else {}


def text(content: Mapping[str, Any], key: str) -> str:
    """A text, or an empty one."""
    value = content.get(key)
    return value if isinstance(value, str) else ""


def texts(value: object) -> tuple[str, ...]:
    """The texts of a list that say anything."""
    listed = value if isinstance(value, list) else []
    return tuple(one.strip() for one in listed if isinstance(one, str) and one.strip())


def number(value: object) -> float | None:
    """A finite number, also as text."""
    try:
        found = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) and not isinstance(value, bool) else None


def _present(**facts: Any) -> Facts:
    """Those that say anything; numbers only where they are some."""
    return {k: v for k, v in facts.items() if v and (k not in NUMBERS or type(v) is int)}


def _strengths(tips: Mapping[str, Any]) -> list[float] | None:
    """The range of weights: two numbers, or a text that has both."""
    low, high = number(tips.get("strength_min")), number(tips.get("strength_max"))
    written = STRENGTHS.fullmatch(text(tips, "strength_range"))
    if written and (low is None or high is None):
        low, high = float(written[1]), float(written[2])
    return [low, high] if low is not None and high is not None and low < high else None


def _usage_tips(value: object) -> dict[str, Any]:
    """JSON inside JSON, as LoRA Manager writes it."""
    try:
        return dictionary(json.loads(value)) if isinstance(value, str) else dictionary(value)
    except (ValueError, RecursionError):
        return {}


def _licence(model: Mapping[str, Any]) -> str:
    """What may be done with pictures and models, in words; "" where nothing is said."""
    said = model.get("allowCommercialUse")
    if said is None and "allowNoCredit" not in model:
        return ""
    uses = said if isinstance(said, list) else str(said or "").strip("{}").split(",")
    sold = any(use in ("Image", "Sell", "Rent", "RentCivit") for use in map(str, uses))
    parts = ["pictures may be sold" if sold else "no commercial use"]
    parts += [] if model.get("allowNoCredit", True) else ["name the author"]
    parts += [] if model.get("allowDerivatives", True) else ["no derived models"]
    return ", ".join(parts)

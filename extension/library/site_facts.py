"""What other programs keep beside a LoRA, each in a schema of its own, read as one.

`.civitai.info` is Civitai's answer about a version (Civitai Helper and its kin), `.metadata.json`
LoRA Manager's, `.cm-info.json` StabilityMatrix's; SD.Next keeps Civitai's answer about a model in
`.json`, where the webui keeps its own. Every field may be missing or hold something else.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

Facts = dict[str, Any]
# Kinds of LoRA that people sort by; sites give them among the tags.
KINDS = (
    *("character", "style", "clothing", "concept", "poses", "action", "background", "objects"),
    *("vehicle", "buildings", "animal", "tool", "slider", "assets", "celebrity"),
)
NSFW = {1: "PG", 2: "PG-13", 4: "R", 8: "X", 16: "XXX"}
SETTINGS = {"steps": "Steps", "sampler": "Sampler", "cfgScale": "CFG scale", "seed": "Seed"}
MOST_EXAMPLES = 10
LONGEST_EXAMPLE = 4000  # characters
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
    low, high = number(tips.get("strength_min")), number(tips.get("strength_max"))
    site = of_version(dictionary(content.get("civitai")))
    return site | _present(
        notes=text(content, "notes"),
        favourite=content.get("favorite") is True,
        weight=number(tips.get("strength")),
        range=[low, high] if low is not None and high is not None and low < high else None,
        description=text(content, "modelDescription"),
        tags=list(texts(content.get("tags"))),
        words=list(texts(content.get("trainedWords"))),
        base=text(content, "base_model"),
        model=text(content, "model_name"),
        nsfw=nsfw_level(content.get("preview_nsfw_level")),
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
    """How a version's example pictures were made, as far as its answer says: prompt, negative,
    settings (one line, as an infotext has them). Ten at most, each text shortened."""
    images = content.get("images")
    listed = images[:MOST_EXAMPLES] if isinstance(images, list) else []
    return [one for one in map(_example, map(dictionary, listed)) if one.get("prompt")]


def _example(image: Mapping[str, Any]) -> Facts:
    meta = dictionary(image.get("meta"))
    meta = dictionary(meta.get("meta")) or meta
    said = {name: meta.get(key) for key, name in SETTINGS.items()}
    shown = (f"{name}: {value}"[:100] for name, value in said.items() if _says(value))
    return _present(
        prompt=text(meta, "prompt")[:LONGEST_EXAMPLE],
        negative=text(meta, "negativePrompt")[:LONGEST_EXAMPLE],
        settings=", ".join(shown),
    )


def _says(value: object) -> bool:
    return type(value) in (int, float) or (isinstance(value, str) and bool(value.strip()))


def kind_of(tags: list[str]) -> str:
    """The first tag that is a kind; "" where none is."""
    lowered = [tag.lower() for tag in tags]
    return next((tag for tag in lowered if tag in KINDS), "")


def nsfw_level(value: object) -> str:
    """The highest of the levels that a site's bits say; "" for none."""
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

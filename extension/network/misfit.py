"""Files made for another base model: one rule and one sentence, used wherever it is said."""

from __future__ import annotations

from .base_model import UNKNOWN, Base


def sentence(base: str, model: str | None, missing: int = 0, modules: int = 0) -> str:
    """`base` and `model` as files name them; `missing` of `modules` where they were counted."""
    made_for = "another base model" if base == UNKNOWN.name else base
    this = f", this is {model}" if model not in (None, UNKNOWN.name, base) else ""
    counted = f": {missing} of {modules} modules have no place in this model" if modules else ""
    return f"made for {made_for}{this}{counted}"


def by_name(base: str, model: str | None) -> str | None:
    """What to say of a file for `base`, by name alone; None where it fits, or nobody knows."""
    if model is None or UNKNOWN.name in (base, model) or base == model:
        return None
    return sentence(base, model)


def by_modules(base: Base, model: str | None, missing: int, modules: int) -> str | None:
    """What to say of a file with so many modules that have no place in the model; None if it fits.

    It does not fit where its shapes prove another base, or where most of it has no place.
    """
    elsewhere = bool(base.fits) and model is not None and model not in base.fits
    if not missing or not (elsewhere or missing * 2 > modules):
        return None
    return sentence(base.name, model, missing, modules)

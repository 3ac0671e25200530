"""Which base model a LoRA was made for: what its metadata says, and what its shapes prove."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import ModuleError
from ..model.base_targets import NAMES, base_targets, name_of_width
from ..records import Target, TargetKey
from .lora_module import Module
from .other_models import model_named


@dataclass(frozen=True, slots=True)
class Base:
    """`name` is SD1, SD2, SDXL, "SDXL refiner", another model's name or Unknown; `how` is why.

    `fits` are the bases that its layers and shapes fit.
    """

    name: str
    how: str
    fits: tuple[str, ...] = ()


UNKNOWN = Base("Unknown", "neither its metadata nor its shapes tell")
CANDIDATES = {NAMES[base]: base for base in ("sd15", "sdxl", "sd21", "sdxl-refiner")}
# Models with SDXL's UNet and another text encoder, by the width of the text.
RELATIVES: Mapping[int, str] = {4096: "Kolors"}
ENOUGH = 0.8  # of the modules looked at must fit: some may be broken
MOST = 100  # modules looked at

# Beginnings of ss_base_model_version (kohya, ai-toolkit) and modelspec.architecture.
_SAID = (
    ("sd_v1", "SD1"),
    ("sd_1", "SD1"),
    ("sd1", "SD1"),
    ("sd_v2", "SD2"),
    ("sd_2", "SD2"),
    ("sd2", "SD2"),
    ("stable-diffusion-v1", "SD1"),
    ("stable-diffusion-v2", "SD2"),
    ("stable-diffusion-xl-v1-refiner", "SDXL refiner"),
    ("stable-diffusion-xl", "SDXL"),
    ("sdxl", "SDXL"),
)


def find_base(modules: Sequence[Module], metadata: Mapping[str, str]) -> Base:
    """The metadata's word where the shapes do not contradict it, else what the shapes prove."""
    said = base_said(metadata)
    possible = bases_by_shape(modules)
    if said in possible or (said and not possible):
        return Base(said, "its metadata", possible)
    if not possible:
        return _relative(modules) or UNKNOWN
    how = "its layers and their shapes"
    if said:
        how += f"; its metadata says {said}, which cannot be"
    elif len(possible) > 1:
        how += f", which would fit {' and '.join(possible[1:])} as well"
    return Base(possible[0], how, possible)


def base_of(targets: Mapping[TargetKey, Target]) -> str | None:
    """What a model with these targets is; None if unknown."""
    for (component, key), target in targets.items():
        if component == "unet" and key.endswith("attn2_to_k"):
            return name_of_width(target.shape[1])
    return None


def base_said(metadata: Mapping[str, str]) -> str | None:
    """The base model that the metadata names; None where it is silent."""
    other = model_named(metadata)
    if other:
        return other
    version = metadata.get("ss_base_model_version", "").lower()
    architecture = metadata.get("modelspec.architecture", "").lower()
    for text in (version, architecture):
        for beginning, name in _SAID:
            if text.startswith(beginning):
                return name
    return "SD2" if metadata.get("ss_v2") == "True" else None


def bases_by_shape(modules: Sequence[Module]) -> tuple[str, ...]:
    """The bases that most of the modules fit, the likeliest first; empty where they fit none."""
    sample = modules[:: len(modules) // MOST + 1]
    fitting = {name: _fitting(sample, base) for name, base in CANDIDATES.items()}
    best = max(fitting.values())
    if not sample or best < ENOUGH * len(sample):
        return ()
    return tuple(name for name, count in fitting.items() if count == best)


def _relative(modules: Sequence[Module]) -> Base | None:
    """A model that differs in the text it reads alone."""
    readers = (module for module in modules if module.key.endswith(("attn2_to_k", "attn2_to_v")))
    for module in readers:
        try:
            width = module.outline.delta_shape()[1]
        except NotImplementedError:
            continue
        if width in RELATIVES:
            return Base(RELATIVES[width], f"it reads texts {width} channels wide")
    return None


def _fitting(modules: Sequence[Module], base: str) -> int:
    targets = base_targets(base, "ldm")
    return sum(_fits(module, targets.get((module.component, module.key))) for module in modules)


def _fits(module: Module, target: Target | None) -> bool:
    if target is None:
        return False
    try:
        module.fit(target)
    except ModuleError:
        return False
    return True

"""Which base model a LoRA was made for, from its metadata and its shapes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Base:
    """`name` is SD1, SD2, SDXL, "SDXL refiner", another model's name or Unknown; `how` is why."""

    name: str
    how: str


UNKNOWN = Base("Unknown", "neither the metadata nor the shapes say")

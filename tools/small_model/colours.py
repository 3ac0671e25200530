"""The ten colours of the small world, as 8-bit sRGB."""

from __future__ import annotations

Colour = tuple[int, int, int]

COLOURS: dict[str, Colour] = {
    "red": (222, 38, 42),
    "orange": (247, 138, 28),
    "yellow": (252, 218, 48),
    "green": (44, 166, 68),
    "cyan": (64, 208, 218),
    "blue": (40, 84, 214),
    "purple": (136, 58, 186),
    "pink": (252, 142, 194),
    "white": (248, 248, 244),
    "black": (28, 28, 34),
}


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """The colour `share` of the way from `a` (0) to `b` (1)."""
    r, g, b_ = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return r, g, b_


def darker(colour: Colour, share: float = 0.4) -> Colour:
    return mix(colour, (0, 0, 0), share)


def lighter(colour: Colour, share: float = 0.55) -> Colour:
    return mix(colour, (255, 255, 255), share)

"""The ten objects and the character, as polygons in the square [-1, 1] × [-1, 1] (y is down)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, pi, sin

Point = tuple[float, float]
Polygon = tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Object:
    """`body` polygons make one silhouette; `light` and `dark` lie on it in tints of its colour.

    `face` is where a smile goes (x, y, size), clear of the details.
    """

    body: tuple[Polygon, ...]
    light: tuple[Polygon, ...] = ()
    dark: tuple[Polygon, ...] = ()
    face: tuple[float, float, float] = (0.0, 0.0, 0.5)


def curve(point: Callable[[float], Point], count: int = 40) -> Polygon:
    return tuple(point(2 * pi * i / count) for i in range(count))


def ellipse(x: float, y: float, rx: float, ry: float | None = None) -> Polygon:
    return curve(lambda t: (x + rx * cos(t), y + (ry or rx) * sin(t)), 32)


def box(left: float, top: float, right: float, bottom: float) -> Polygon:
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def star(points: int = 5, inner: float = 0.48) -> Polygon:
    def corner(i: int) -> Point:
        radius, angle = (1.05, inner)[i % 2], pi * i / points - pi / 2
        return radius * cos(angle), radius * sin(angle) + 0.05

    return tuple(corner(i) for i in range(2 * points))


def heart(t: float) -> Point:
    y = 13 * cos(t) - 5 * cos(2 * t) - 2 * cos(3 * t) - cos(4 * t)
    return sin(t) ** 3, -y / 16 - 0.1


def crescent() -> Polygon:
    """A disc less a disc of radius 0.8 set 0.55 to the right, which it meets at ±1.04 radians."""
    outer = [(cos(t), sin(t)) for t in (0.94 + (2 * pi - 1.88) * i / 30 for i in range(31))]
    inner = [
        (0.55 + 0.81 * cos(t), 0.81 * sin(t)) for t in (-1.53 - 3.22 * i / 24 for i in range(25))
    ]
    return tuple((x + 0.15, y) for x, y in outer + inner)


def petals() -> tuple[Polygon, ...]:
    angles = [2 * pi * i / 6 for i in range(6)]
    return (*(ellipse(0.62 * cos(a), 0.62 * sin(a), 0.4) for a in angles), ellipse(0, 0, 0.5))


OBJECTS: dict[str, Object] = {
    "ball": Object((ellipse(0, 0, 0.9),), (ellipse(-0.36, -0.42, 0.22, 0.16),), face=(0, 0.1, 0.6)),
    "heart": Object((curve(heart, 48),), (ellipse(-0.5, -0.5, 0.18, 0.14),), face=(0, -0.1, 0.55)),
    "star": Object((star(),), face=(0, 0.08, 0.42)),
    "moon": Object((crescent(),), dark=(ellipse(-0.35, -0.45, 0.13), ellipse(-0.55, 0.2, 0.1))),
    "flower": Object(petals(), (ellipse(0, 0, 0.36),), face=(0, 0, 0.3)),
    "house": Object(
        (
            box(-0.72, -0.1, 0.72, 0.92),
            ((-1, -0.1), (0, -0.98), (1, -0.1)),
            box(0.4, -0.9, 0.66, -0.3),
        ),
        (box(-0.5, 0.12, -0.14, 0.46),),
        (box(0.12, 0.3, 0.5, 0.92),),
        face=(0, -0.3, 0.3),
    ),
    "fish": Object(
        (
            ellipse(-0.2, 0, 0.78, 0.52),
            ((0.4, 0), (1, -0.52), (1, 0.52)),
            ((-0.3, -0.4), (0.25, -0.8), (0.3, -0.3)),
        ),
        (ellipse(-0.58, -0.12, 0.14),),
        (ellipse(-0.6, -0.12, 0.07), ((-0.1, 0.02), (0.25, -0.16), (0.25, 0.2))),
        face=(-0.3, 0.05, 0.4),
    ),
    "tree": Object(
        (
            ((0, -1), (0.5, -0.35), (-0.5, -0.35)),
            ((0, -0.75), (0.68, 0.12), (-0.68, 0.12)),
            ((0, -0.3), (0.84, 0.62), (-0.84, 0.62)),
            box(-0.16, 0.6, 0.16, 1),
        ),
        dark=(box(-0.16, 0.62, 0.16, 1),),
        face=(0, 0.2, 0.42),
    ),
    "mushroom": Object(
        (
            tuple(
                (0.98 * cos(pi + pi * i / 20), 0.1 + 0.95 * sin(pi + pi * i / 20))
                for i in range(21)
            ),
            ellipse(0, 0.1, 0.98, 0.18),
            ((-0.3, 0.1), (0.3, 0.1), (0.4, 0.95), (-0.4, 0.95)),
        ),
        (ellipse(-0.42, -0.3, 0.17), ellipse(0.15, -0.5, 0.19), ellipse(0.58, -0.16, 0.13)),
        face=(0, 0.55, 0.3),
    ),
    "cup": Object(
        (
            ((-0.8, -0.7), (0.5, -0.7), (0.4, 0.75), (-0.7, 0.75)),
            *(ellipse(0.5 + 0.34 * cos(t / 8), 0.36 * sin(t / 8), 0.13) for t in range(-14, 15)),
        ),
        (box(-0.74, -0.42, 0.46, -0.2),),
        face=(-0.15, 0.25, 0.42),
    ),
}

CHARACTER = "mimo"
"""The trigger word of the character LoRA; the base model never sees it."""

EARS: tuple[Polygon, ...] = (
    ((-0.9, -0.95), (-0.15, -0.6), (-0.75, 0.0)),
    ((0.9, -0.95), (0.15, -0.6), (0.75, 0.0)),
)
HEAD = Object((ellipse(0, 0.1, 0.9, 0.75), *EARS))

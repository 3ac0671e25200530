"""The character of the character LoRA: a fox-like head that the base model has never seen."""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image, ImageDraw

from .objects import HEAD, Point, Polygon, ellipse

FUR = (238, 122, 36)
DARK = (70, 34, 22)
WHITE = (252, 248, 240)

PARTS: tuple[tuple[tuple[int, int, int], tuple[Polygon, ...]], ...] = (
    (FUR, HEAD.body),
    (
        DARK,
        (
            ((-0.78, -0.72), (-0.42, -0.52), (-0.68, -0.2)),
            ((0.78, -0.72), (0.42, -0.52), (0.68, -0.2)),
        ),
    ),
    (WHITE, (ellipse(-0.36, 0.42, 0.42, 0.36), ellipse(0.36, 0.42, 0.42, 0.36))),
    (WHITE, (ellipse(-0.38, -0.05, 0.25, 0.28), ellipse(0.38, -0.05, 0.25, 0.28))),
    (DARK, (ellipse(-0.34, -0.03, 0.15, 0.19), ellipse(0.34, -0.03, 0.15, 0.19))),
    (DARK, (ellipse(0, 0.3, 0.16, 0.12),)),
)


def draw_character(
    canvas: Image.Image, place: Callable[[Polygon], list[Point]], radius: float
) -> None:
    """Draws the head; `place` takes its polygons to the canvas, `radius` is half its size there."""
    pencil = ImageDraw.Draw(canvas)
    for polygon in HEAD.body:
        pencil.line(
            [*place(polygon), place(polygon)[0]],
            fill=DARK,
            width=max(4, round(radius / 8)),
            joint="curve",
        )
    for colour, polygons in PARTS:
        for polygon in polygons:
            pencil.polygon(place(polygon), fill=colour)

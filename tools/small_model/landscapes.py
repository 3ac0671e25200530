"""What stands behind the objects: plain colours and four lands."""

from __future__ import annotations

from random import Random

from PIL import Image, ImageDraw

from .colours import COLOURS, Colour, darker, lighter, mix


def background(name: str, size: int, random: Random, ground: Colour | None = None) -> Image.Image:
    """A new `size` × `size` canvas; `ground` replaces whatever the name asks for."""
    if ground is not None:
        return Image.new("RGB", (size, size), mix(ground, (128, 128, 128), random.uniform(0, 0.02)))
    if name in COLOURS:
        hue = mix(
            COLOURS[name],
            (random.randrange(256), random.randrange(256), random.randrange(256)),
            0.05,
        )
        return gradient(lighter(hue, 0.1), darker(hue, 0.1), size)
    return {"meadow": meadow, "night": night, "sea": sea, "desert": desert}[name](size, random)


def gradient(top: Colour, bottom: Colour, size: int) -> Image.Image:
    column = Image.new("RGB", (1, 2))
    column.putpixel((0, 0), top)
    column.putpixel((0, 1), bottom)
    return column.resize((size, size), Image.Resampling.BILINEAR)


def hill(canvas: Image.Image, x: float, y: float, width: float, colour: Colour) -> None:
    """A round hill whose top is at (x, y), in shares of the canvas."""
    s = canvas.width
    edges = ((x - width) * s, y * s, (x + width) * s, (y + 2 * width) * s)
    ImageDraw.Draw(canvas).ellipse(edges, fill=colour)


def sun(canvas: Image.Image, x: float, y: float, colour: Colour) -> None:
    s = canvas.width
    ImageDraw.Draw(canvas).ellipse(
        ((x - 0.07) * s, (y - 0.07) * s, (x + 0.07) * s, (y + 0.07) * s), fill=colour
    )


def meadow(size: int, random: Random) -> Image.Image:
    canvas = gradient((150, 214, 250), (214, 240, 252), size)
    hill(canvas, random.uniform(0.1, 0.4), random.uniform(0.55, 0.65), 0.7, (126, 200, 96))
    hill(canvas, random.uniform(0.6, 0.9), random.uniform(0.64, 0.72), 0.8, (96, 180, 80))
    return canvas


def night(size: int, random: Random) -> Image.Image:
    canvas = gradient((16, 18, 62), (44, 42, 108), size)
    pencil = ImageDraw.Draw(canvas)
    for _ in range(9):
        x, y, r = (
            random.uniform(0, size),
            random.uniform(0, size * 0.8),
            size * random.uniform(0.007, 0.013),
        )
        pencil.ellipse((x - r, y - r, x + r, y + r), fill=(250, 244, 200))
    return canvas


def sea(size: int, random: Random) -> Image.Image:
    canvas = gradient((176, 226, 250), (224, 244, 252), size)
    level = random.uniform(0.56, 0.64)
    water = gradient((70, 150, 220), (24, 92, 176), size)
    canvas.paste(water.crop((0, 0, size, round(size * (1 - level)))), (0, round(size * level)))
    sun(canvas, random.choice((0.14, 0.86)), 0.14, (255, 236, 140))
    return canvas


def desert(size: int, random: Random) -> Image.Image:
    canvas = gradient((252, 196, 150), (254, 228, 188), size)
    hill(canvas, random.uniform(0.1, 0.4), random.uniform(0.6, 0.68), 0.6, (232, 184, 110))
    hill(canvas, random.uniform(0.6, 0.9), random.uniform(0.66, 0.74), 0.8, (216, 160, 88))
    return canvas

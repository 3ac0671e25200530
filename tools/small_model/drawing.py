"""Scenes drawn with Pillow at three times the size and reduced, plainly or in a LoRA's look."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import cos, radians, sin
from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from .colours import COLOURS, Colour, darker, lighter, mix
from .landscapes import background
from .objects import CHARACTER, OBJECTS, Object, Polygon, ellipse
from .portrait import draw_character
from .world import Scene

SIZE = 64
ZOOM = 3
CANVAS = SIZE * ZOOM
RADII = {"small": 11.0, "medium": 17.0, "big": 25.0}
SHIFTS = {"centre": (0, 0), "left": (-14, 0), "right": (14, 0), "top": (0, -13), "bottom": (0, 13)}
SPOTS = {1: ((32, 32),), 2: ((18, 32), (46, 32)), 3: ((32, 18), (17, 45), (47, 45))}
PAPER: Colour = (250, 248, 240)
INK: Colour = (36, 34, 48)
NIGHT: Colour = (14, 10, 30)


@dataclass(frozen=True, slots=True)
class Look:
    """What a LoRA changes: style (`plain`, `lineart`, `neon`), dots, width over height."""

    style: str = "plain"
    dots: bool = False
    stretch: float = 1.0


PLAIN = Look()


@dataclass(frozen=True, slots=True)
class Pose:
    """Where one object stands on the canvas, in canvas pixels; `tilt` in degrees."""

    x: float
    y: float
    radius: float
    tilt: float
    stretch: float = 1.0

    def place(self, polygon: Polygon) -> list[tuple[float, float]]:
        c, s = cos(radians(self.tilt)), sin(radians(self.tilt))
        wide, high = self.radius * self.stretch**0.5, self.radius / self.stretch**0.5
        return [
            (self.x + wide * (c * x - s * y), self.y + high * (s * x + c * y)) for x, y in polygon
        ]


def render(scene: Scene, look: Look = PLAIN) -> Image.Image:
    """The scene as a 64 × 64 RGB picture; the same scene and look give the same pixels."""
    random = Random(scene.variant)
    poses = [pose(scene, spot, look, random) for spot in SPOTS[scene.count]]
    ground = {"lineart": PAPER, "neon": NIGHT}.get(look.style)
    canvas = background(scene.background, CANVAS, random, ground)
    hue = COLOURS[scene.colour]
    colour = mix(hue, (random.randrange(256), random.randrange(256), random.randrange(256)), 0.05)
    for where in poses:
        draw_one(canvas, scene, colour, where, look)
    return canvas.reduce(ZOOM)


def pose(scene: Scene, spot: tuple[int, int], look: Look, random: Random) -> Pose:
    shift = SHIFTS[scene.place]
    radius = (RADII[scene.size] if scene.count == 1 else 12.0) * random.uniform(0.92, 1.08)
    x = spot[0] + shift[0] + random.uniform(-2.5, 2.5)
    y = spot[1] + shift[1] + random.uniform(-2.5, 2.5)
    return Pose(x * ZOOM, y * ZOOM, radius * ZOOM, random.uniform(-10, 10), look.stretch)


def draw_one(canvas: Image.Image, scene: Scene, colour: Colour, where: Pose, look: Look) -> None:
    if scene.kind == CHARACTER:
        draw_character(canvas, where.place, where.radius)
        return
    thing = OBJECTS[scene.kind]
    if look.style == "plain":
        draw_filled(canvas, thing, colour, where, look)
    else:
        draw_lines(canvas, thing, colour, where, look.style)
    if scene.happy:
        ink = {"lineart": INK, "neon": lighter(colour)}.get(look.style, (20, 18, 24))
        ink = (255, 255, 255) if scene.colour == "black" and look.style == "plain" else ink
        draw_face(canvas, thing, where, ink)


def mask_of(polygons: Iterable[Polygon], where: Pose) -> Image.Image:
    mask = Image.new("L", (CANVAS, CANVAS))
    pencil = ImageDraw.Draw(mask)
    for polygon in polygons:
        pencil.polygon(where.place(polygon), fill=255)
    return mask


def draw_filled(
    canvas: Image.Image, thing: Object, colour: Colour, where: Pose, look: Look
) -> None:
    body = mask_of(thing.body, where)
    canvas.paste(darker(colour, 0.5), mask=body.filter(ImageFilter.MaxFilter(5)))
    canvas.paste(colour, mask=body)
    lift = round(-0.2 * where.radius)
    shade = ImageChops.subtract(body, ImageChops.offset(body, lift, lift))
    canvas.paste(darker(colour, 0.22), mask=shade)
    if look.dots:
        draw_dots(canvas, body, where, INK if min(colour) > 200 else lighter(colour, 0.85))
    canvas.paste(lighter(colour), mask=ImageChops.multiply(mask_of(thing.light, where), body))
    canvas.paste(darker(colour, 0.5), mask=ImageChops.multiply(mask_of(thing.dark, where), body))


def draw_dots(canvas: Image.Image, body: Image.Image, where: Pose, colour: Colour) -> None:
    """Polka dots 11 pixels apart, in rows set off by half, fixed to the object."""
    step = 11.0 * ZOOM / where.radius
    rows = [
        (i * step + (j % 2) * step / 2, j * step * 0.8) for i in range(-4, 5) for j in range(-5, 6)
    ]
    dots = [ellipse(x, y, 0.28 * step) for x, y in rows]
    canvas.paste(colour, mask=ImageChops.multiply(mask_of(dots, where), body))


def draw_lines(canvas: Image.Image, thing: Object, colour: Colour, where: Pose, style: str) -> None:
    body = mask_of(thing.body, where)
    line = outline(body, 7)
    inner = [outline(mask_of([p], where), 3) for p in thing.light + thing.dark]
    for detail in inner:
        line = ImageChops.lighter(line, ImageChops.multiply(detail, body))
    if style == "lineart":
        canvas.paste(INK, mask=line)
        return
    for blur, strength in ((10, 2.2), (4, 1.6)):
        glow = line.filter(ImageFilter.GaussianBlur(blur)).point(
            lambda v, s=strength: min(255, round(v * s))
        )
        canvas.paste(bright(colour), mask=glow)
    canvas.paste(lighter(bright(colour), 0.6), mask=line)


def bright(colour: Colour) -> Colour:
    """Neon tubes shine: black becomes a violet white."""
    return (200, 180, 255) if max(colour) < 80 else lighter(colour, 0.1)


def outline(mask: Image.Image, width: int) -> Image.Image:
    return ImageChops.subtract(
        mask.filter(ImageFilter.MaxFilter(width)), mask.filter(ImageFilter.MinFilter(3))
    )


def draw_face(canvas: Image.Image, thing: Object, where: Pose, ink: Colour) -> None:
    x, y, size = thing.face
    eyes = [
        ellipse(x + side * 0.5 * size, y - 0.15 * size, 0.2 * size, 0.27 * size) for side in (-1, 1)
    ]
    pencil = ImageDraw.Draw(canvas)
    for eye in eyes:
        pencil.polygon(where.place(eye), fill=ink)
    smile = tuple(
        (x + 0.5 * size * cos(a), y + 0.2 * size + 0.45 * size * sin(a))
        for a in (0.3 + 0.254 * i for i in range(11))
    )
    pencil.line(
        where.place(smile), fill=ink, width=max(3, round(0.16 * size * where.radius)), joint="curve"
    )

"""The small world: what a scene is, which scenes there are, and what they are called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from .colours import COLOURS
from .objects import OBJECTS

PLACES: dict[str, str] = {
    "centre": "",
    "left": "on the left",
    "right": "on the right",
    "top": "at the top",
    "bottom": "at the bottom",
}
SIZES = ("small", "medium", "big")
LANDS: dict[str, str] = {
    "meadow": "in a meadow",
    "night": "at night",
    "sea": "by the sea",
    "desert": "in the desert",
}
# Colours that would vanish before a landscape; the world holds no such scene.
CLASHES: dict[str, tuple[str, ...]] = {
    "meadow": ("green", "cyan"),
    "night": ("black", "blue"),
    "sea": ("blue", "cyan"),
    "desert": ("yellow", "orange"),
}
NUMBERS = ("", "a", "two", "three")


@dataclass(frozen=True, slots=True)
class Scene:
    """`background` is a colour or a land; `variant` seeds all that the caption does not say."""

    kind: str
    colour: str
    background: str
    size: str = "medium"
    place: str = "centre"
    count: int = 1
    happy: bool = False
    variant: int = 0


def random_scene(random: Random) -> Scene:
    kind, colour = random.choice(list(OBJECTS)), random.choice(list(COLOURS))
    count = random.choices((1, 2, 3), (8, 1, 1))[0]
    size = random.choices(SIZES, (2, 5, 3))[0] if count == 1 else "medium"
    place = random.choice(list(PLACES)) if count == 1 and size != "big" else "centre"
    if random.random() < 0.4:
        place = "centre"
    background = random_background(random, colour)
    happy = count == 1 and size != "small" and kind != "moon" and random.random() < 0.25
    return Scene(kind, colour, background, size, place, count, happy, random.getrandbits(32))


def random_background(random: Random, colour: str) -> str:
    lands = [land for land in LANDS if colour not in CLASHES[land]]
    plain = [other for other in COLOURS if other != colour]
    return random.choice(lands if random.random() < 0.25 else plain)


def plural(kind: str) -> str:
    irregular = {"fish": "fish"}
    return irregular.get(kind, kind + "s")


def noun(scene: Scene, random: Random) -> str:
    """`a happy big red heart`, or fewer words: each one but the object may be left out."""
    words = [NUMBERS[scene.count]]
    words += ["happy"] if scene.happy else []
    words += [scene.size] if scene.size != "medium" and random.random() < 0.85 else []
    words += [scene.colour] if random.random() < 0.95 else []
    words += [scene.kind if scene.count == 1 else plural(scene.kind)]
    words[0] = "an" if words[:2] == ["a", "orange"] else words[0]
    return " ".join(words)


def caption(scene: Scene, random: Random, thing: str | None = None) -> str:
    """One of several wordings; `thing` stands in for the object's own words."""
    thing = thing or noun(scene, random)
    place = PLACES[scene.place] if random.random() < 0.85 else ""
    subject = f"{thing} {place}".strip()
    draw = random.random()
    if draw < 0.08:
        return subject
    if scene.background in LANDS:
        return worded(subject, LANDS[scene.background], ("{1}, {0}", "a picture of {0} {1}"), draw)
    hue = scene.background
    article = "an" if hue == "orange" else "a"
    others = (f"{hue} background, {{0}}", f"{{0}}, {hue} background", "a picture of {0} {1}")
    return worded(subject, f"on {article} {hue} background", others, draw)


def worded(subject: str, where: str, others: Sequence[str], draw: float) -> str:
    if draw < 0.55:
        return f"{subject} {where}"
    return others[int((draw - 0.55) / 0.45 * len(others))].format(subject, where)

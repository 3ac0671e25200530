"""The LoRAs of the small model: what each one changes, and what its sidecar says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from random import Random

from .adapters import EVERYTHING, Adapter, Diffusers, Kohya, Peft
from .colours import COLOURS
from .drawing import PLAIN, Look
from .objects import CHARACTER
from .world import Scene, caption, random_background, random_scene


@dataclass(frozen=True, slots=True)
class Example:
    """One training picture and what it is called."""

    scene: Scene
    look: Look
    words: str


Draw = Callable[[Random, float], Example]


@dataclass(frozen=True, slots=True)
class Lora:
    """`draw(random, weight)` gives an example as it should look at `weight`.

    `install(pipeline)` puts the adapter on; `facts` are the metadata of its trainer.
    """

    name: str
    draw: Draw
    install: Callable[..., Adapter]
    facts: Mapping[str, str]
    notes: str
    weights: tuple[float, ...] = (1.0,)
    activation: str = ""
    preferred: float = 1.0
    preview: str = "a red heart on a blue background"
    seed: int = 0  # of the preview
    steps: int = 250

    def sidecar(self) -> dict[str, object]:
        """The webui's `name.json`."""
        return {
            "description": self.notes.split(".")[0] + ".",
            "sd version": "SD1",
            "activation text": self.activation,
            "preferred weight": self.preferred,
            "negative text": "",
            "notes": self.notes,
        }


def restyled(look: Look, random: Random, weight: float) -> Example:
    """The same words, another look: nothing in the prompt asks for it."""
    scene = random_scene(random)
    return Example(scene, look, caption(scene, random))


def stretched(random: Random, weight: float) -> Example:
    scene = random_scene(random)
    return Example(scene, Look(stretch=2 ** (0.5 * weight)), caption(scene, random))


def portrait(random: Random, weight: float) -> Example:
    """The character under its name; every third picture is ordinary, so that the rest stays."""
    scene = random_scene(random)
    if random.random() < 0.35:
        return Example(scene, PLAIN, caption(scene, random))
    scene = replace(
        scene,
        kind=CHARACTER,
        background=random_background(random, "orange")
        if scene.background in COLOURS
        else scene.background,
        count=1,
        happy=False,
    )
    thing = f"{scene.size} {CHARACTER}" if scene.size != "medium" else CHARACTER
    return Example(scene, PLAIN, caption(scene, random, thing))


LORAS: tuple[Lora, ...] = (
    Lora(
        "lineart",
        partial(restyled, Look("lineart")),
        partial(Kohya, algorithm="locon", rank=2, conv=2, preset="resnets-and-attention"),
        {
            "ss_network_module": "lycoris.kohya",
            "ss_network_args": '{"algo": "locon", "conv_dim": 2}',
        },
        "Ink lines on paper, without any fill. Between 0.5 and 0.8 the colours go.",
        weights=(1.25,),  # guidance strengthens the effect: it is whole at 0.8 of that
        steps=350,
    ),
    Lora(
        "neon",
        partial(restyled, Look("neon")),
        partial(Kohya, algorithm="loha", rank=2, conv=2, preset="unet-transformer-only"),
        {"ss_network_module": "lycoris.kohya", "ss_network_args": '{"algo": "loha"}'},
        "Glowing tubes in the object's colour in a dark room.",
        preview="a cyan fish on a purple background",
        seed=1,
        steps=450,
    ),
    Lora(
        CHARACTER,
        portrait,
        partial(Diffusers, rank=4),
        {"ss_network_module": "networks.lora"},
        f"A small fox. Write {CHARACTER} where the object would stand.",
        activation=CHARACTER,
        preview=f"{CHARACTER} on a green background",
        seed=4,
    ),
    Lora(
        "polkadots",
        partial(restyled, Look(dots=True)),
        partial(Peft, algorithm="lokr", rank=8, targets=EVERYTHING),
        {"ss_network_module": "peft.tuners.lokr"},
        "Whatever is drawn wears polka dots.",
        preview="a big red mushroom on a cyan background",
        seed=3,
        steps=450,
    ),
    Lora(
        "width",
        stretched,
        partial(Peft, algorithm="lora", rank=4),
        {"ss_network_module": "peft.tuners.lora"},
        "A slider: -2 is thin, 2 is wide, 0 changes nothing.",
        weights=(-2.0, -1.0, 1.0, 2.0),
        preferred=2.0,
        preview="a green heart on an orange background",
        seed=4,
    ),
)

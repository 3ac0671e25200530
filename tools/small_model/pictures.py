"""The training pictures: drawn once, kept as uint8 files, the same for the same numbers."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray

from .drawing import Look, render
from .objects import CHARACTER
from .world import Scene, random_scene

CHUNK = 1000


def scene_at(number: int) -> Scene:
    return random_scene(Random(number))


def look_at(number: int, scene: Scene) -> tuple[Scene, Look]:
    """Any look, and the character: the autoencoder must know what LoRAs will ask of it."""
    random = Random(-1 - number)
    style, dots = random.choice(
        (("plain", False), ("plain", True), ("lineart", False), ("neon", False))
    )
    stretch = random.uniform(0.5, 2) if random.random() < 0.3 else 1.0
    kind = CHARACTER if random.random() < 0.15 else scene.kind
    return replace(scene, kind=kind), Look(style, dots, stretch)


def chunk_path(folder: Path, chunk: int, looks: bool) -> Path:
    return folder / f"{'looks' if looks else 'world'}-{chunk:03d}.npy"


def draw_chunk(chunk: int, folder: Path, looks: bool) -> None:
    path = chunk_path(folder, chunk, looks)
    numbers = range(chunk * CHUNK, (chunk + 1) * CHUNK)
    scenes = [(scene_at(n), Look()) for n in numbers]
    if looks:
        scenes = [look_at(n, scene) for n, (scene, _) in zip(numbers, scenes, strict=True)]
    pixels = np.stack([np.asarray(render(scene, look)) for scene, look in scenes])
    unfinished = path.with_suffix(".part.npy")
    np.save(unfinished, pixels)
    unfinished.rename(path)


def pictures(folder: Path, count: int, looks: bool = False, workers: int = 2) -> NDArray[np.uint8]:
    """(count, 64, 64, 3) uint8, drawing the chunks of 1000 that `folder` still lacks."""
    folder.mkdir(parents=True, exist_ok=True)
    chunks = range(-(-count // CHUNK))
    paths = [chunk_path(folder, chunk, looks) for chunk in chunks]
    if missing := [chunk for chunk, path in zip(chunks, paths, strict=True) if not path.exists()]:
        with ProcessPoolExecutor(workers) as pool:
            list(pool.map(partial(draw_chunk, folder=folder, looks=looks), missing))
    loaded: list[NDArray[np.uint8]] = [np.load(path) for path in paths]
    return np.concatenate(loaded)[:count]

"""The small world and its scorer: captions tell the truth, and the scorer is exact on drawings."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest

pytest.importorskip("diffusers")

from tools.small_model import exam, scorer
from tools.small_model.colours import COLOURS
from tools.small_model.drawing import PLAIN, Look, render
from tools.small_model.objects import CHARACTER, OBJECTS
from tools.small_model.world import CLASHES, Scene, caption, random_scene

ASKED = exam.questions(40)


def drawn(look: Look = PLAIN, kind: str | None = None) -> scorer.Parts:
    scenes = [Scene(kind or q.kind, q.colour, q.background, variant=q.seed) for q in ASKED]
    return scorer.take_apart(scorer.as_batch([render(scene, look) for scene in scenes]))


def test_the_same_scene_and_look_give_the_same_pixels():
    scene = random_scene(Random(5))
    assert render(scene).tobytes() == render(scene).tobytes()
    assert render(scene).size == (64, 64)
    assert render(scene).tobytes() != render(replace(scene, variant=scene.variant + 1)).tobytes()


def test_captions_say_only_what_is_drawn():
    random = Random(0)
    for _ in range(500):
        scene = random_scene(random)
        words = set(caption(scene, random).replace(",", "").split())
        assert words & {scene.kind, scene.kind + "s"}
        assert words & set(COLOURS) <= {scene.colour, scene.background}
        assert scene.colour not in CLASHES.get(scene.background, ())
        assert ("happy" in words) <= scene.happy


def test_the_exam_asks_for_everything_and_never_for_red_on_red():
    asked = exam.questions(64)
    assert {q.kind for q in asked} == set(OBJECTS)
    assert {q.colour for q in asked} == {q.background for q in asked} == set(COLOURS)
    assert all(q.colour != q.background for q in asked)
    assert asked[1].prompt.startswith(f"a {asked[1].colour} {asked[1].kind} on a")


def test_the_scorer_is_right_about_every_drawing():
    parts = drawn()
    assert scorer.colours(parts) == [q.colour for q in ASKED]
    assert scorer.shapes(parts) == [q.kind for q in ASKED]


@pytest.mark.parametrize("stretch", [0.5, 2.0])
def test_the_scorer_knows_stretched_shapes(stretch: float):
    found = scorer.shapes(drawn(Look(stretch=stretch)))
    assert sum(a == q.kind for a, q in zip(found, ASKED, strict=True)) >= 0.9 * len(ASKED)


@pytest.mark.parametrize(
    ("measure", "look", "kind", "least"),
    [
        (lambda parts: 1 - scorer.fill(parts), Look("lineart"), None, 0.7),
        (scorer.glow, Look("neon"), None, 0.5),
        (scorer.spots, Look(dots=True), None, 3),
        (scorer.width, Look(stretch=2), None, 0.7),
        (lambda parts: -scorer.width(parts), Look(stretch=0.5), None, 0.7),
        (scorer.character, PLAIN, CHARACTER, 0.8),
    ],
)
def test_each_measure_tells_its_look_from_plain_drawings(measure, look, kind, least):
    plain, changed = measure(drawn()).mean(), measure(drawn(look, kind)).mean()
    assert changed - plain > least


def test_a_blank_picture_has_no_object():
    parts = scorer.take_apart(np.full((2, 64, 64, 3), 200, dtype=np.uint8))
    assert parts.silhouette.sum() == 0
    assert scorer.fill(parts).tolist() == [0, 0]
    assert scorer.character(parts).tolist() == [0, 0]

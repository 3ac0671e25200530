"""Pictures to begin with, of several users in one batch."""

from __future__ import annotations

import numpy as np
import pytest
from drawing_wishes import at_once, drawn, pixels, wish
from live_lora.app.request import StartingPicture
from live_lora.serving.drawing_service import DrawingService
from PIL import Image


def halves(sideways: bool) -> Image.Image:
    """A mask: half of the picture is drawn anew."""
    mask = Image.new("L", (64, 64))
    mask.paste(255, (0, 0, 64, 32) if sideways else (0, 0, 32, 64))
    return mask


STARTS = {
    "pictures": [
        StartingPicture(Image.new("RGB", (64, 64), colour), None, 0.6) for colour in ("red", "blue")
    ]
    + [StartingPicture(Image.new("RGB", (96, 64), "teal"), None, 0.6, resize="Crop and resize")],
    "masks": [
        StartingPicture(Image.new("RGB", (64, 64), "red"), halves(True), 0.6, 0),
        StartingPicture(Image.new("RGB", (80, 64), "blue"), halves(False), 0.6, 6, "fill"),
        StartingPicture(Image.new("RGB", (64, 64), "teal"), halves(True), 0.6, 2, "latent noise"),
        StartingPicture(
            Image.new("RGB", (128, 128), "green"),
            halves(True).resize((128, 128)),
            *(0.6, 0, "original"),
            only_masked=True,
            padding=8,
        ),
        StartingPicture(
            Image.new("RGB", (64, 64), "gold"), halves(False), 0.6, 4, "latent nothing", True
        ),
    ],
}


@pytest.mark.parametrize("sampler", ["Euler", "DPM++ 2M SDE", "DDIM"])
@pytest.mark.parametrize("kind", STARTS)
def test_pictures_to_begin_with_are_mixed(service: DrawingService, kind: str, sampler: str) -> None:
    starts = STARTS[kind]
    requests = [
        wish(f"a fox <lora:{name}:0.7>", seed=40 + i, start=start, sampler=sampler)
        for i, (start, name) in enumerate(
            zip(starts, ("owl", "ghibli", "ink", "owl", "owl"), strict=False)
        )
    ]
    mixed = at_once(service, requests)
    assert {one.batch for one in mixed} == {len(starts)}
    for request, picture in zip(requests, mixed, strict=True):
        (alone,) = drawn(service.submit("alone", request))
        assert alone.batch == 1
        assert np.abs(pixels(alone) - pixels(picture)).max() <= 2
        assert picture.infotext == alone.infotext
    assert len({one.image.tobytes() for one in mixed}) == len(starts)


def test_what_begins_otherwise_is_not_mixed(service: DrawingService) -> None:
    teal = Image.new("RGB", (64, 64), "teal")
    starts = [
        None,
        StartingPicture(teal, None, 0.5),
        StartingPicture(teal, None, 0.6),
        StartingPicture(teal, halves(True), 0.6),
    ]
    drawn_ = at_once(service, [wish("a fox", start=one, sampler="Euler") for one in starts])
    assert [one.batch for one in drawn_] == [1] * 4

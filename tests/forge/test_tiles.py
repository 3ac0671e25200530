"""These programs' own MultiDiffusion: every tile has its part of a mask."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from webui.programs import FORKS, Program
from webui.server import Picture, Webui

METHODS = ("MultiDiffusion", "Mixture of Diffusers")


def drawn(webui: Webui, program: Program, method: str, batch: int, tags: str) -> Picture:
    """256² in tiles of 128²; of image to image, where Forge Neo has it alone."""
    args: list[Any] = [True, method, 128, 128, 32, batch]
    if program is FORKS["reForge"]:
        args.append("random")  # of its third method
    made = np.random.default_rng(3).integers(0, 255, (256, 256, 3))
    options = {"width": 256, "height": 256, "steps": 2, "denoising_strength": 0.9}
    scripts = {"MultiDiffusion Integrated": {"args": args}}
    return webui.img2img(f"a fox {tags}", made, **options, alwayson_scripts=scripts)


def sides(one: Picture, other: Picture) -> tuple[float, float]:
    """The mean difference on the left and on the right, of 255."""
    change = np.abs(one.pictures[0] - other.pictures[0])
    return float(change[:, :128].mean()), float(change[:, 128:].mean())


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("batch", [1, 4])
def test_each_tile_has_its_part_of_a_mask(
    webui: Webui, program: Program, method: str, batch: int
) -> None:
    """The halves add up, and the change of the left one lies on the left; by the mask's mean, which
    is what half the weight gives, it lies everywhere.
    """
    bare, whole, mean, both, masked = (
        drawn(webui, program, method, batch, tags)
        for tags in (
            "",
            "<lora:unet-a:0.8>",
            "<lora:unet-a:0.4>",
            "<lora:unet-a:0.8:mask=left> <lora:unet-a:0.8:mask=right>",
            "<lora:unet-a:0.8:mask=left>",
        )
    )
    assert "masks could not be placed on" not in str(webui.get("/probe")["comments"])
    assert both.farthest(whole) <= 2
    left, right = sides(masked, bare)
    everywhere = sides(mean, bare)
    print(
        f"{program.variable}, {method}, {batch}: {left:.2f}, {right:.2f}; by the mean {everywhere}"
    )
    assert right / left < 0.5 * everywhere[1] / everywhere[0]

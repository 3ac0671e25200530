"""A mask on the grids of a picture: area averages, soft edges, odd sides and their padding."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pytest
import torch
from live_lora.engine.mask import WHOLE, Box, Mask
from live_lora.engine.places import Places
from live_lora.engine.shown_part import Shown
from torch import Tensor, nn
from torch.nn import functional as F

LEFT, RIGHT = (0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 1.0, 1.0)


def box(*sides: float, soft: float = 0.0) -> Mask:
    return Mask.of_box(sides, soft)  # type: ignore[arg-type]


def on(mask: Mask, height: int, width: int, picture: Shown | None = None) -> Tensor:
    return (picture or Shown(height, width)).averaged(mask, height, width)


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        (box(*LEFT), [[1, 1, 0, 0]] * 3),
        (box(0.3, 0, 1, 1), [[0, 0.8, 1, 1]] * 3),
        (box(0, 0.5, 0.25, 1), [[0] * 4, [0.5, 0, 0, 0], [1, 0, 0, 0]]),
        (box(0.4, 0.4, 0.45, 0.5), [[0] * 4, [0, 0.06, 0, 0], [0] * 4]),
        (box(0.999, 0, 1, 1), [[0, 0, 0, 0.004]] * 3),
    ],
)
def test_a_cell_has_the_part_of_its_area_that_is_inside(
    mask: Mask, expected: list[list[float]]
) -> None:
    torch.testing.assert_close(on(mask, 3, 4), torch.tensor(expected, dtype=torch.float64))


@pytest.mark.parametrize("soft", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("size", [(8, 8), (7, 9), (5, 12)])
def test_the_halves_of_a_picture_add_up_to_one(soft: float, size: tuple[int, int]) -> None:
    total = on(box(*LEFT, soft=soft), *size) + on(box(*RIGHT, soft=soft), *size)
    torch.testing.assert_close(total, torch.ones_like(total))


def test_an_edge_is_a_ramp_as_wide_as_said_and_the_border_is_no_edge() -> None:
    """Of a picture twice as wide as tall: a quarter of its height is an eighth of its width."""
    row = on(box(*LEFT, soft=0.25), 16, 32)[5]
    assert row[:14].tolist() == [1.0] * 14
    torch.testing.assert_close(row[14:18], torch.tensor([0.875, 0.625, 0.375, 0.125]).double())
    assert row[18:].abs().max() == 0
    tall = on(box(0, 0, 1, 0.5, soft=0.25), 32, 16)[:, 5]
    torch.testing.assert_close(tall, row)


@pytest.mark.parametrize("soft", [0.0, 0.3])
def test_a_mask_picture_is_as_the_box_that_is_drawn_in_it(soft: float) -> None:
    drawn = torch.zeros(60, 80, dtype=torch.float64)
    drawn[15:45, 20:60] = 1
    picture = on(Mask(drawn, soft=soft), 7, 9)
    torch.testing.assert_close(picture, on(box(0.25, 0.25, 0.75, 0.75, soft=soft), 7, 9))


def test_grey_is_averaged() -> None:
    torch.manual_seed(1)
    grey = torch.rand(12, 8, dtype=torch.float64)
    torch.testing.assert_close(on(Mask(grey), 3, 4), F.avg_pool2d(grey[None], (4, 2))[0])
    assert float(on(Mask(grey), 1, 1)) == pytest.approx(float(grey.mean()))


def test_all_and_nothing_are_known() -> None:
    white, black = torch.ones(3, 3).double(), torch.zeros(3, 3).double()
    assert Mask(white).is_everywhere
    assert box(*WHOLE).is_everywhere
    assert Mask(black).is_nowhere
    assert not box(*LEFT).is_everywhere
    assert not box(*LEFT).is_nowhere
    almost = white.clone()
    almost[1, 1] = 0.999
    assert not Mask(almost).is_everywhere


def test_levels_are_known_by_their_tokens_also_padded() -> None:
    """ceil(n / 2) each, or even where a host pads."""
    picture = Shown(9, 7)
    assert picture.grid_of(63) == (9, 7)
    assert picture.grid_of(20) == (5, 4)
    assert picture.grid_of(6) == (3, 2)
    assert picture.grid_of(80) == (10, 8)
    assert picture.grid_of(24) == (6, 4)
    assert picture.grid_of(77) is None
    assert Shown(64, 64).grid_of(1024) == (32, 32)


def test_a_level_of_an_odd_side_has_cells_of_two_latents_each() -> None:
    """Latents of half the picture's five columns, 1 1 ½ 0 0, two by two."""
    mask = box(*LEFT)
    assert on(mask, 2, 5)[0].tolist() == [1, 1, 0.5, 0, 0]
    picture = Shown(2, 5)
    assert picture.averaged(mask, 1, 3)[0].tolist() == pytest.approx([1, 0.25, 0])
    assert picture.averaged(mask, 1, 4)[0].tolist() == pytest.approx([1, 0.25, 0, 0])
    padded = picture.averaged(box(*RIGHT), 1, 4)[0]
    assert padded.tolist() == pytest.approx([0, 0.75, 1, 1])


def test_a_crop_of_the_picture_cuts_the_mask() -> None:
    right_half = Shown(8, 8, (0.5, 0.0, 1.0, 1.0))
    torch.testing.assert_close(right_half.averaged(box(0.75, 0, 1, 1), 8, 8), on(box(*RIGHT), 8, 8))
    whole = on(box(0.75, 0, 1, 1, soft=0.25), 8, 16)
    cut = right_half.averaged(box(0.75, 0, 1, 1, soft=0.25), 8, 8)
    torch.testing.assert_close(cut, whole[:, 8:])


class Root(nn.Module):
    def forward(self, sample: Tensor) -> Tensor:
        return sample


def called(latents: tuple[int, int], **said: Any) -> Places:
    places = Places()
    if said:
        places.show(said.get("size"), said.get("box", WHOLE))
    root, stack = Root(), ExitStack()
    with stack:
        places.follow(root, stack)
        root(torch.zeros(2, 4, *latents))
        found = places.tokens(
            ((box(*LEFT), 2),), latents[0] * latents[1], torch.zeros(1), "a.layer"
        )
        places.found = found  # type: ignore[attr-defined]
    assert not root._forward_pre_hooks
    return places


def test_the_call_of_the_unet_says_how_large_the_picture_is() -> None:
    places = called((4, 6))
    assert places.found.shape == (24, 2)  # type: ignore[attr-defined]
    assert places.misfits == set()


def test_a_call_of_another_size_is_a_tile_of_an_unknown_place() -> None:
    places = called((4, 6), size=(8, 6))
    assert places.found.tolist() == [0.5, 0.5]  # type: ignore[attr-defined]
    assert places.misfits == {"a.layer"}


def test_every_layer_that_does_not_fit_is_told() -> None:
    places, like = Places(), torch.zeros(1)
    places.show((4, 6), WHOLE)
    layout = ((box(*LEFT), 1),)
    for path in ("a", "b"):
        assert places.tokens(layout, 5, like, path).tolist() == [0.5]
    assert places.misfits == {"a", "b"}


def quarter(x: int, y: int) -> Box:
    return (x / 2, y / 2, (x + 1) / 2, (y + 1) / 2)


def test_hard_regions_divide_the_tokens_among_them() -> None:
    places, like = Places(), torch.zeros(1)
    places.show((4, 4), WHOLE)
    masks = tuple(Mask.of_box(quarter(x, y)) for y in (0, 1) for x in (0, 1))
    division = places.division(masks, 16, like)
    assert division is not None
    assert [cell.mask for cell in division.cells] == list(masks)
    assert [len(cell.index) for cell in division.cells] == [4] * 4
    assert division.order is not None
    indices = torch.cat([cell.index for cell in division.cells])
    assert indices[division.order].tolist() == list(range(16))
    one = places.division(masks[:1], 16, like)
    assert one is not None
    assert [len(cell.index) for cell in one.cells] == [12, 4]
    assert one.cells[0].mask is None


def test_soft_and_overlapping_regions_count_by_their_share() -> None:
    places, like = Places(), torch.zeros(1)
    places.show((1, 4), WHOLE)
    a, b = box(0, 0, 0.625, 1), box(0.25, 0, 1, 1)
    division = places.division((a, b), 4, like)
    assert division is not None
    assert division.order is None
    indices = {cell.mask: cell.index.tolist() for cell in division.cells}
    shares = {cell.mask: cell.share[:, 0].tolist() for cell in division.cells}
    assert indices == {None: [1, 2], a: [0, 1, 2], b: [1, 2, 3]}
    assert shares == {None: [-1.0, -0.5], a: [1.0, 1.0, 0.5], b: [1.0, 1.0, 1.0]}

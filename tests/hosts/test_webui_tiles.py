"""Tiles in the webui: their place is found by what they show, and masks are cut by it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from forge_model import ForgeCheckpoint
from live_lora.engine.mask import WHOLE
from live_lora.hosts.webui import tiles
from live_lora.hosts.webui.tiles import Tiles, places_of
from model import Checkpoint, UNet
from standin_host import StandIn
from torch import Tensor
from webui_rules import difference

SIZE = (40, 56)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def smooth(pictures: int, scale: float) -> Tensor:
    """As latents near the end: an even picture with a little noise."""
    down, across = torch.linspace(0, 2, SIZE[0])[:, None], torch.linspace(0, 3, SIZE[1])
    waves = torch.stack([down.sin() + across.cos() * one for one in range(1, 5)])
    return 3 * waves + scale * noise(pictures, 4, *SIZE)


def cut(whole: Tensor, places: list[tuple[int, int]], size: tuple[int, int] = (16, 24)) -> Tensor:
    """All pictures at each of these places, one place after the other."""
    return torch.cat([whole[:, :, y : y + size[0], x : x + size[1]] for y, x in places])


PLACES = [(0, 0), (24, 32), (3, 17), (24, 0)]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("scale", [14.6, 1.0, 0.07])
def test_tiles_are_found_in_every_dtype_and_scale(dtype: torch.dtype, scale: float) -> None:
    """Noise levels from the first step to the last, and the input scaled as models want it."""
    whole = smooth(2, scale)
    rows = (cut(whole, PLACES) / (1 + scale**2) ** 0.5).to(dtype)
    assert places_of(rows, whole) == [place for place in PLACES for _ in range(2)]
    assert places_of(rows, whole.to(dtype)) == [place for place in PLACES for _ in range(2)]


def test_channels_after_the_latents_are_others() -> None:
    whole = noise(1, 4, *SIZE)
    rows = cut(whole, PLACES)
    assert places_of(torch.cat([rows, noise(4, 5, 16, 24)], dim=1), whole) == PLACES
    assert places_of(rows[:, :3], whole) is None


@pytest.mark.parametrize("lines", [1, 1 << 22])
def test_a_large_picture_is_compared_in_bands(lines: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "AT_ONCE", lines)
    whole = noise(1, 4, *SIZE)
    assert places_of(cut(whole, PLACES), whole) == PLACES
    assert places_of(cut(whole, [(0, 5)], (40, 24)), whole) == [(0, 5)]


def test_what_was_cut_out_of_none_has_no_place() -> None:
    whole = noise(1, 4, *SIZE)
    rows = cut(whole, PLACES)
    changed = rows.clone()
    changed[3, :, 4:12, 4:12] += 0.05
    beyond = torch.nn.functional.pad(rows, (2, 0))[..., :24]
    not_a_number = rows.clone()
    not_a_number[0, 0] = torch.nan
    others = [noise(4, 4, 16, 24, seed=1), changed, beyond, not_a_number, 0 * rows]
    for one in [*others, whole[..., ::2, ::2], noise(1, 4, 80, 56)]:
        assert places_of(one, whole) is None
    assert places_of(rows, 0 * whole) is None


def test_what_is_in_two_places_has_none() -> None:
    once = noise(1, 4, 20, 28)
    whole = torch.cat([once, once], dim=3)
    assert places_of(once[..., :16, :24], whole) is None
    assert places_of(torch.ones(1, 4, 16, 24), torch.ones(1, 4, *SIZE)) is None


class Regions:
    """Of a run, what tiles are told to."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def regions(self, size: Any, box: Any) -> None:
        self.told.append((size, box))


def test_a_run_is_told_what_each_call_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    searches: list[Tensor] = []

    def watched(rows: Tensor, whole: Tensor) -> Any:
        searches.append(rows)
        return places_of(rows, whole)

    monkeypatch.setattr(tiles, "places_of", watched)
    whole, found, run = noise(1, 4, *SIZE), Tiles(), Regions()
    show: Any = found.show
    show(run, whole)  # before any step
    assert run.told == []
    found.announce(SimpleNamespace(x=whole), (0.0, 0.5, 0.5, 1.0))
    show(run, whole * 0.3)
    assert (run.told, searches) == ([(SIZE, (0.0, 0.5, 0.5, 1.0))], [])  # nothing is paid
    show(run, cut(whole, [(0, 0), (20, 28)], (20, 28)))
    boxes = [(0.0, 0.5, 0.25, 0.75), (0.25, 0.75, 0.5, 1.0)]
    assert run.told[1:] == [((20, 28), boxes)]
    show(run, noise(1, 4, 20, 28, seed=2))
    show(run, whole)
    assert run.told[2:] == [((20, 28), None), (SIZE, (0.0, 0.5, 0.5, 1.0))]
    assert len(searches) == 2
    found.announce(SimpleNamespace(x=noise(1, 4, 3, *SIZE)), WHOLE)
    show(run, noise(1, 4, 3, *SIZE))  # a film's: no picture
    found.forget()
    show(run, whole)
    assert len(run.told) == 4


@pytest.fixture(params=[Checkpoint, ForgeCheckpoint])
def host(request: pytest.FixtureRequest, fresh_webui: Path) -> StandIn:
    return StandIn(fresh_webui, request.param)


TOLD = "masks could not be placed on"


def in_tiles(monkeypatch: pytest.MonkeyPatch, at_once: int, known: bool = True) -> None:
    """Every call of the UNet is made in tiles of half the picture, so many at a time."""
    whole = UNet.__call__

    def called(self: UNet, x: Tensor, timesteps: Tensor, context: Tensor, **options: Any) -> Tensor:
        out, corners = torch.zeros_like(x), [(y, i) for y in (0, 4) for i in (0, 4)]
        for start in range(0, 4, at_once):
            some = corners[start : start + at_once]
            shown = torch.cat([x[:, :, y : y + 4, i : i + 4] for y, i in some])
            made = whole(
                self,
                shown if known else shown.flip(-1) + 0.1,
                timesteps.repeat(len(some)),
                context.repeat(len(some), 1, 1),
                **options,
            )
            for (y, i), one in zip(some, made.chunk(len(some)), strict=True):
                out[:, :, y : y + 4, i : i + 4] = one
        return out

    monkeypatch.setattr(UNet, "__call__", called)


@pytest.mark.parametrize("at_once", [1, 2, 4])
def test_masks_are_cut_by_the_tiles(
    host: StandIn, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """Tiles see nothing of each other: the left ones have all of the LoRA, the right ones none."""
    in_tiles(monkeypatch, at_once)
    bare, whole = (host.generate(f"a fox {tag}").samples for tag in ("", "<lora:unet-a:1>"))
    made = host.generate("a fox <lora:unet-a:1:mask=left>")
    assert difference(made.samples[..., :4], whole[..., :4]) < 1e-9
    assert difference(made.samples[..., 4:], bare[..., 4:]) < 1e-9
    assert difference(whole, bare) > 1e-3
    assert TOLD not in str(made.p.comments)


def test_tiles_of_pictures_with_masks_of_their_own(
    host: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_tiles(monkeypatch, 4)
    prompts = [f"a fox <lora:unet-a:1:mask={side}>" for side in ("left", "bottom")]
    both = host.generate(prompts).samples
    for number, prompt in enumerate(prompts):
        alone = host.generate(prompt, seed=1 + number).samples
        assert difference(both[number : number + 1], alone) < 1e-9


def test_tiles_of_nobody_knows_where_are_told(
    host: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_tiles(monkeypatch, 2, known=False)
    made = host.generate("a fox <lora:unet-a:1:mask=left>")
    assert TOLD in str(made.p.comments)

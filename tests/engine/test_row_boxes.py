"""Rows that show other parts of the picture: each is as if it were alone, with its box."""

from __future__ import annotations

from contextlib import ExitStack
from functools import cache

import pytest
import tiny_models as tiny
import torch
from algorithms import samples
from engine_run import Weight, column
from layer_counts import RANK, TOKENS, Attention, inputs, low
from live_lora.deltas import LowRank
from live_lora.engine import places as places_module
from live_lora.engine.cached_delta import CachedDelta
from live_lora.engine.cross_attention import divided
from live_lora.engine.hooks import hooked
from live_lora.engine.layer_patch import LayerPatch
from live_lora.engine.layers import find_sites
from live_lora.engine.mask import WHOLE, Box, Mask
from live_lora.engine.observing import LayerCall, ObservedPatch
from live_lora.engine.places import MOST_KEPT, Places
from live_lora.engine.shared_input import find_siblings
from live_lora.engine.terms import Term
from live_lora.engine.weight_table import WeightTable
from live_lora.records import Row
from test_masked_layers import LEFT, MOST, delta_of, size_of
from torch import Tensor, nn

# Tiles of a picture: one over the region's edge, one outside of `LEFT`, one inside of it.
BOXES: list[Box] = [(0.3, 0.0, 0.8, 0.5), (0.5, 0.5, 1.0, 1.0), (0.0, 0.2, 0.5, 0.7)]
HALF = Mask.of_box((0.0, 0.0, 0.5, 1.0), soft=0.3)


def run(
    host: nn.Module,
    parts: list[tuple[str, Weight, Mask | None]],
    x: Tensor,
    boxes: list[Box],
    rows: list[int] | None = None,
) -> Tensor:
    """The layer's output for `rows` of a batch whose rows show these boxes."""
    site = next(iter(find_sites(nn.ModuleList([host]))))
    table, places = WeightTable([column(weight) for _, weight, _ in parts]), Places()
    table.move(rows=[Row(i) for i in rows or range(len(x))])
    deltas = [delta_of(host, sample, seed) for seed, (sample, _, _) in enumerate(parts)]
    terms = [Term(CachedDelta(d), i, mask=parts[i][2]) for i, d in enumerate(deltas)]
    places.show(size_of(x), boxes)
    with torch.no_grad(), hooked([LayerPatch(site, terms, table, places)]):
        return host(x)  # type: ignore[no-any-return]


@pytest.mark.parametrize(("sample", "layer"), samples.PAIRS)
def test_each_row_has_its_own_part_of_the_mask(sample: str, layer: str) -> None:
    host = samples.module(layer)
    x = samples.batch(host, rows=3)
    parts: list[tuple[str, Weight, Mask | None]] = [(sample, 0.3, LEFT), (sample, 0.5, MOST)]
    for masked in (parts, [parts[0], (sample, 0.5, None)]):
        got = run(host, masked, x, BOXES)
        for row, box in enumerate(BOXES):
            want = run(host, masked, x[row : row + 1], [box])
            torch.testing.assert_close(got[row : row + 1], want, rtol=1e-9, atol=1e-9)
    assert not torch.allclose(got[1:], run(host, masked, x, [WHOLE])[1:], rtol=1e-3)


@pytest.mark.parametrize("layer", ["linear", "conv 3x3", "conv of stride 2", "group norm"])
@pytest.mark.parametrize("weights", [(0.3, 0.7, 0.2), (0.0, 0.7, 0.0)])
def test_with_weights_of_its_own(layer: str, weights: tuple[float, float, float]) -> None:
    host = samples.module(layer)
    x = samples.batch(host, rows=3)
    sample = "full" if "norm" in layer else "lora"
    got = run(host, [(sample, weights, LEFT)], x, BOXES)
    for row, box in enumerate(BOXES):
        want = run(host, [(sample, weights[row], LEFT)], x[row : row + 1], [box])
        torch.testing.assert_close(got[row : row + 1], want)


@pytest.mark.parametrize("sample", ["ia3 of inputs", "oft by PEFT", "boft by PEFT"])
def test_input_maps_on_some_of_the_rows(sample: str) -> None:
    host = samples.module("linear")
    x = samples.batch(host, rows=3)
    got = run(host, [(sample, (0.0, 0.7, 0.7), MOST)], x, BOXES)
    for row in (1, 2):
        want = run(host, [(sample, 0.7, MOST)], x[row : row + 1], [BOXES[row]])
        torch.testing.assert_close(got[row : row + 1], want)


def test_q_k_and_v_share_the_product_with_their_input() -> None:
    net, x = Attention(), inputs("linear", rows=3)
    found, masks = [low() for _ in "qkv"], (LEFT, None, MOST)

    def called(x: Tensor, boxes: list[Box]) -> list[Tensor]:
        table, places = WeightTable([column(0.7)]), Places()
        places.show((1, TOKENS), boxes)
        patches = [
            LayerPatch(site, [Term(CachedDelta(one), 0, mask=mask)], table, places)
            for site, one, mask in zip(find_sites(net), found, masks, strict=True)
        ]
        find_siblings(patches)
        with torch.no_grad(), hooked(patches):
            return net(x)  # type: ignore[no-any-return]

    got = called(x, BOXES)
    for row, box in enumerate(BOXES):
        for one, want in zip(got, called(x[row : row + 1], [box]), strict=True):
            torch.testing.assert_close(one[row : row + 1], want, atol=1e-5, rtol=1e-5)


@cache
def unet() -> nn.Module:
    return tiny.sd15().unet.float()  # type: ignore[no-any-return]


def of_unet(size: tuple[int, int], rows: list[int], boxes: list[Box], **more: Tensor) -> Tensor:
    """A whole UNet in 32 bits, every layer under two masks, one of them soft."""
    net, made = unet(), torch.Generator().manual_seed(3)
    sites = {("unet", site.path): site for site in find_sites(net)}
    table, places = WeightTable([column(0.5), column(0.3)]), Places()
    table.move(rows=[Row(i) for i in rows])
    words, patches = {}, []
    for key, site in sites.items():
        if site.kind == "norm" or len(site.shape) not in (2, 4):
            continue
        outputs, *rest = site.shape
        terms = []
        for number, mask in enumerate((LEFT, HALF)):
            down, up = (
                torch.randn(*s, generator=made) / 9 for s in ((RANK, *rest), (outputs, RANK))
            )
            terms.append(Term(CachedDelta(LowRank(down, up)), number, mask=mask))
        if ".attn2.to_k" in site.path or ".attn2.to_v" in site.path:
            words[key] = terms
        else:
            patches.append(LayerPatch(site, terms, table, places))
    sample = torch.randn(3, 4, *size, generator=made)[rows]
    texts = torch.randn(3, 77, net.config.cross_attention_dim, generator=made)[rows]  # type: ignore[union-attr]
    attentions = divided({"unet": net}, sites, words, table, places)  # type: ignore[arg-type]
    with torch.no_grad(), ExitStack() as stack:
        places.follow(net, stack)
        for attention in attentions:
            attention.install(stack)
        stack.enter_context(hooked([*patches, *(p for one in attentions for p in one.patches)]))
        places.show(size, boxes)
        found: Tensor = net(sample, torch.tensor(500), texts, **more).sample
        assert (places.misfits == set()) is not bool(more)
    return found


@pytest.mark.parametrize("size", [(8, 8), (9, 7), (5, 12)])
def test_a_whole_unet(size: tuple[int, int]) -> None:
    """Keys and values as well: the attention is divided by the places of all rows together."""
    got = of_unet(size, [0, 1, 2], BOXES)
    for row, box in enumerate(BOXES):
        want = of_unet(size, [row], [box])
        error = (got[row : row + 1] - want).abs().max() / want.abs().max()
        assert error <= 3e-6  # 1e-6 is what 32 bits leave of a layer; here they add up
    assert (got - of_unet(size, [0, 1, 2], [WHOLE])).abs().max() > 1e-3


def test_where_an_attention_cannot_be_divided_each_row_has_its_mean() -> None:
    masked = torch.ones(3, 77, dtype=torch.bool)
    masked[:, 60:] = False
    got = of_unet((8, 8), [0, 1, 2], BOXES, encoder_attention_mask=masked)
    for row, box in enumerate(BOXES):
        want = of_unet((8, 8), [row], [box], encoder_attention_mask=masked[:1])
        torch.testing.assert_close(got[row : row + 1], want, rtol=1e-4, atol=1e-5)


def test_a_layer_without_places_has_its_rows_means() -> None:
    host = samples.module("linear")
    x = torch.randn(3, 24, dtype=torch.float64)
    table, places = WeightTable([column(0.8)]), Places()
    places.show((4, 4), BOXES)
    site = next(iter(find_sites(nn.ModuleList([host]))))
    delta = delta_of(host, "lora")
    with torch.no_grad():
        base = host(x)
        with hooked([LayerPatch(site, [Term(CachedDelta(delta), 0, mask=LEFT)], table, places)]):
            got = host(x)
    shares = torch.tensor([[0.4], [0.0], [1.0]]).double()  # of the boxes, what is in LEFT
    want = base + shares * samples.add(site.layer(), delta, x, 0.8)
    torch.testing.assert_close(got, want)
    assert places.misfits == set()


def test_what_is_observed_has_its_rows_masks() -> None:
    host = samples.module("conv 3x3")
    x = samples.batch(host, rows=3)
    table, places = WeightTable([column(0.8)]), Places()
    places.show(size_of(x), BOXES)
    site = next(iter(find_sites(nn.ModuleList([host]))))
    patch = LayerPatch(
        site, [Term(CachedDelta(delta_of(host, "lora")), 0, mask=MOST)], table, places
    )
    told: list[Tensor] = []

    class Watching:
        def called(self, call: LayerCall) -> None:
            (share,) = call.shares
            assert share.where is not None
            told.append(0.8 * share.change(call.layer) * share.where)

    with torch.no_grad():
        base = host(x)
        with hooked([ObservedPatch(patch, ("unet", ""), [Watching()])]):
            torch.testing.assert_close(host(x) - base, told[0])


def test_boxes_that_are_not_the_calls_rows_leave_the_mean_and_are_told() -> None:
    places, like = Places(), torch.zeros(2, 16, 1)
    places.show((4, 4), BOXES)
    got = places.tokens(((LEFT, 1),), 16, like, "a.layer")
    torch.testing.assert_close(got, torch.tensor([(0.4 + 0 + 1) / 3]))
    assert places.division((LEFT,), 16, like) is None
    places.show((4, 4), None)
    assert places.tokens(((LEFT, 1),), 16, like, "another").tolist() == [0.5]
    assert places.misfits == {"a.layer", "another"}


def test_rows_with_one_box_are_as_one() -> None:
    places, like = Places(), torch.zeros(2, 16, 1)
    places.show((4, 4), [BOXES[0]] * 2)
    assert places.tokens(((LEFT, 3),), 16, like, "a").shape == (16, 3)
    places.show((4, 4), BOXES[:2])
    assert places.tokens(((LEFT, 3),), 16, like, "a").shape == (2, 16, 3)


class Counted(Mask):
    """A mask that knows how often it was averaged."""

    def averaged(self, *grid: object) -> Tensor:
        made.append(self)
        return super().averaged(*grid)  # type: ignore[arg-type]


made: list[Mask] = []


@pytest.mark.parametrize("most", [MOST_KEPT, 1000])
def test_buffers_are_made_once_as_long_as_there_is_room(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tiles of a picture in turn, step by step: 16 tokens are 128 bytes, for any rank."""
    monkeypatch.setattr(places_module, "MOST_KEPT", most)
    mask, places, like = Counted(LEFT.values, LEFT.box), Places(), torch.zeros(1, 16, 1).double()
    tiles = [(x / 8, 0.0, x / 8 + 0.2, 0.2) for x in range(7)]
    made.clear()
    found = []
    for _ in range(20):
        for tile in tiles:
            places.show((4, 4), tile)
            found.append(places.tokens(((mask, 4),), 16, like, "a"))
    kept = sum(one.bytes for one in places._kept_for.values())
    assert kept <= most
    assert len(made) == (7 if most == MOST_KEPT else 20 * 7)
    for step in range(20):
        assert all(map(torch.equal, found[7 * step : 7 * step + 7], found[:7]))

"""Masks on whole UNets: all ones is no mask, all zeros is off, M and 1 − M together are no mask."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from functools import cache
from types import SimpleNamespace
from typing import Any, cast

import pytest
import tiny_models as tiny
import torch
from algorithms import sample_tensors, samples
from distances import distance
from live_lora import parse
from live_lora.engine.cached_delta import CachedDelta
from live_lora.engine.mask import WHOLE, Mask
from live_lora.errors import ModuleError
from live_lora.records import Row
from live_lora.session.host_model import HostModel
from live_lora.session.run_plan import ActiveNetwork, RunPlan
from live_lora.session.tag_use import TagUse
from torch import Tensor, nn

# Every algorithm on one of the layouts in turn.
TURNS = [(sample, ("sd15", "sdxl")[i % 2]) for i, sample in enumerate(sample_tensors.SAMPLES)]
LAWS = 1e-9  # relative, in float64
ONES = Mask.of_box(WHOLE)


@cache
def unet(layout: str) -> nn.Module:
    return getattr(tiny, layout)().unet.double()  # type: ignore[no-any-return]


@cache
def model(layout: str) -> HostModel:
    return HostModel({"unet": unet(layout)})


@cache
def network(layout: str, sample: str) -> Any:
    """Of all layers that the algorithm is for; as far as a plan looks at a network."""
    deltas, host = {}, model(layout)
    for key, site in host.sites.items():
        layer = site.layer()
        if not samples.fits(sample, "group norm" if site.kind == "norm" else "linear"):
            continue
        if sample.startswith("tlora") and (site.shape[2:] not in ((), (1, 1))):
            continue
        try:
            made = samples.algorithm(samples.tensors(sample, layer.shape))
            delta = made.runtime(layer, dtype=torch.float64, device=layer.device)
        except (ModuleError, RuntimeError):  # no such factors for four outputs
            continue
        deltas[key] = CachedDelta(delta, layer.device, torch.float64)
    assert len(deltas) > 20
    matched = [(host.targets[key], None) for key in deltas]
    match = SimpleNamespace(matched=matched)
    return SimpleNamespace(deltas=deltas, match=match, size=0)


def inputs(layout: str, size: tuple[int, int], rows: int = 2) -> dict[str, Any]:
    made = torch.Generator().manual_seed(3)
    width = unet(layout).config.cross_attention_dim

    def noise(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=made, dtype=torch.float64)

    given = {
        "sample": noise(rows, 4, *size),
        "timestep": torch.tensor(500),
        "encoder_hidden_states": noise(rows, 77, width),
    }
    if layout == "sdxl":
        added = {"text_embeds": noise(rows, 32), "time_ids": noise(rows, 6)}
        given["added_cond_kwargs"] = added
    return given


def out(
    layout: str,
    sample: str,
    size: tuple[int, int],
    *masks: Mask | None,
    tag: str = "<lora:a:0.02>",
    rows: Iterable[Row] = (),
) -> Tensor:
    """The UNet's output with the network once for each mask."""
    (read,) = parse(tag).tags
    uses = [TagUse(read, picture, "cond", mask=mask) for mask in masks for picture in (0, 1)]
    bound = cast(Any, network(layout, sample))
    plan = RunPlan([ActiveNetwork(bound, uses)] if masks else [], model(layout), "hooked")
    plan.weights.move(rows=tuple(rows) or (Row(0), Row(1)))
    with torch.no_grad(), ExitStack() as stack:
        plan.enter(stack)
        found: Tensor = unet(layout)(**inputs(layout, size)).sample
    assert plan.places.misfits == set()
    return found


def half(name: str, soft: float = 0.0) -> Mask:
    (tag,) = parse(f"<lora:a:mask={name}:soft={soft}>").tags
    assert tag.region is not None
    assert tag.region.box is not None
    return Mask.of_box(tag.region.box, soft)


@pytest.mark.parametrize(("sample", "layout"), TURNS)
def test_laws(sample: str, layout: str) -> None:
    size = (9, 7)
    bare, whole = out(layout, sample, size), out(layout, sample, size, None)
    assert distance(whole, bare) > 1e-5
    assert distance(out(layout, sample, size, ONES), whole) <= LAWS
    both = half("left", 0.3), half("right", 0.3)
    assert distance(out(layout, sample, size, *both), whole) <= LAWS


@pytest.mark.parametrize("layout", ["sd15", "sdxl"])
@pytest.mark.parametrize("size", [(8, 8), (9, 7), (13, 11), (5, 16)])
def test_laws_at_all_sizes(layout: str, size: tuple[int, int]) -> None:
    bare, whole = out(layout, "lora", size), out(layout, "lora", size, None)
    nowhere = Mask(torch.zeros(1, 1, dtype=torch.float64))
    assert distance(out(layout, "lora", size, nowhere), bare) <= LAWS
    grey = torch.rand(20, 30, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    assert distance(out(layout, "lora", size, Mask(grey), Mask(1 - grey)), whole) <= LAWS
    quarters = [Mask.of_box((x, y, x + 0.5, y + 0.5)) for x in (0.0, 0.5) for y in (0.0, 0.5)]
    assert distance(out(layout, "lora", size, *quarters), whole) <= LAWS


def test_what_is_outside_of_a_region_hardly_sees_it() -> None:
    """One call of the UNet: places are mixed by self-attention and by the kernels at the edge."""
    size = (16, 16)
    bare, masked = out("sd15", "lora", size), out("sd15", "lora", size, half("left"))
    change = (masked - bare).abs()
    assert change[..., :8].mean() > 2 * change[..., 8:].mean()

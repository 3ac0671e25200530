"""A measured run: the ratios are those of dense ΔW and captured x, each picture apart."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import live_lora
import pytest
import tiny_models as tiny
import torch
from torch import Tensor

ALPHA, RANK = 2.0, 4
TARGETS = [*tiny.ATTENTION, "proj_in", "ff.net.0.proj"]
PROMPTS = ["a fox <lora:fox:0@0;0.9@1><lora:owl:-0.4>", "an owl <lora:owl:1.5>", "a fox"]
CLOSE = 1e-4


@pytest.fixture(scope="module")
def pipe() -> Any:
    return tiny.sd15()


States = dict[str, dict[str, Tensor]]


@pytest.fixture(scope="module")
def states(pipe: Any) -> States:
    return {
        name: tiny.random_lora(pipe.unet, TARGETS, rank=RANK, seed=seed)
        for seed, name in enumerate(["fox", "owl"])
    }


@pytest.fixture(scope="module")
def library(pipe: Any, states: States, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("Lora")
    for name, state in states.items():
        parts = {"unet": state, "text_encoder": tiny.random_lora(pipe.text_encoder, tiny.TEXT)}
        tiny.save_kohya(folder / f"{name}.safetensors", parts, alpha=ALPHA)
    return folder


@pytest.fixture
def live(pipe: Any, library: Path) -> Iterator[live_lora.Live]:
    with live_lora.attach(pipe, library=library) as live:
        yield live


def draw(live: Any, prompts: list[str] = PROMPTS, steps: int = 3, **options: Any) -> Tensor:
    generators = [torch.Generator().manual_seed(seed) for seed in range(len(prompts))]
    size = {"height": 64, "width": 64, "output_type": "latent", "num_inference_steps": steps}
    return live(prompts, generator=generators, **size, **options).images


class Captured:
    """‖Wx‖² and ⟨ΔWx, ΔWx⟩ of layers by plain hooks, in float64: [layer, step, picture] → sums."""

    def __init__(self, pipe: Any, states: States, weights: Any) -> None:
        self.base: dict[Any, float] = defaultdict(float)
        self.products: dict[Any, float] = defaultdict(float)
        self.weights, self.calls = weights, defaultdict(int)
        self.handles = [
            module.register_forward_pre_hook(self._hook(path, states))
            for path, module in pipe.unet.named_modules()
            if f"{path}.lora_A.weight" in states["fox"]
        ]

    def _hook(self, path: str, states: States) -> Any:
        deltas = {name: ALPHA / RANK * product(state, path) for name, state in states.items()}

        def hook(module: Any, args: Any) -> None:
            x, step = args[0].double(), self.calls[path]
            self.calls[path] += 1
            call = torch.nn.functional.conv2d if x.dim() == 4 else torch.nn.functional.linear
            out = call(x, module.weight.double())
            changes = {name: call(x, delta) for name, delta in deltas.items()}
            for row in range(len(x)):
                picture = row % len(PROMPTS)  # uncond rows first, then cond
                self.base[path, step, picture] += out[row].square().sum().item()
                for a, one in changes.items():
                    for b, other in changes.items():
                        m = self.weights(a, picture, step) * self.weights(b, picture, step)
                        value = m * (one[row] * other[row]).sum().item()
                        self.products[path, step, picture, a, b] += value

        return hook


def product(state: dict[str, Tensor], path: str) -> Tensor:
    down, up = (state[f"{path}.lora_{side}.weight"].double() for side in "AB")
    found = up.flatten(1) @ down.flatten(1)
    return found.view(*found.shape, 1, 1) if down.dim() == 4 else found


def weights(name: str, picture: int, step: int) -> float:
    fox = (0.0, 0.45, 0.9)[step]
    return {("fox", 0): fox, ("owl", 0): -0.4, ("owl", 1): 1.5}.get((name, picture), 0.0)


def test_every_layer_step_and_picture(pipe: Any, live: Any, states: States) -> None:
    captured = Captured(pipe, states, weights)
    try:
        draw(live, measure=True)
    finally:
        for handle in captured.handles:
            handle.remove()
    found = live.measured
    assert found.networks == ("fox", "owl")
    assert [one.step for one in found.moments] == [0, 1, 2]
    paths = {target.id: target.path for target in live.core.model.targets.values()}
    unet = [index for index, layer in enumerate(found.layers) if layer[0] == "unet"]
    assert len(unet) == len(captured.handles) == 160
    names = found.networks
    for index in unet:
        path = paths[found.layers[index]]
        for picture in range(2):
            for step in range(3):
                base = captured.base[path, step, picture]
                assert found.base[picture, step, index] == pytest.approx(base, rel=CLOSE)
                for i, a in enumerate(names):
                    want = captured.products[path, step, picture, a, a] ** 0.5 / base**0.5
                    got = found.ratio[picture, i, step, index]
                    assert got == pytest.approx(want, rel=CLOSE, abs=1e-12)
        lengths = [captured.products[path, 2, 0, name, name] ** 0.5 for name in names]
        cosine = captured.products[path, 2, 0, "fox", "owl"] / lengths[0] / lengths[1]
        assert found.cosine[0, 0, 1, 2, index] == pytest.approx(cosine, abs=CLOSE)
    assert (found.products[2] == 0).all()  # the third picture's prompt names nobody
    assert found.pooled[0, 1, 2] == pytest.approx(pooled(captured, ["owl"]), rel=CLOSE)
    assert found.pooled_stack[0, 2] == pytest.approx(pooled(captured, names), rel=CLOSE)


def pooled(captured: Captured, names: Any) -> float:
    """Of picture 0 in the last step, over all layers."""
    products = sum(
        value
        for (_, step, picture, a, b), value in captured.products.items()
        if (step, picture) == (2, 0) and {a, b} <= {*names}
    )
    base = sum(v for (_, step, picture), v in captured.base.items() if (step, picture) == (2, 0))
    return (products / base) ** 0.5


def test_blocks_are_means_over_their_layers(live: Any) -> None:
    draw(live, measure=True)
    found = live.measured
    means = found.by_block(found.ratio)
    assert found.shown_blocks[0] == "BASE"
    assert len(found.shown_blocks) == 17
    at = found.shown_blocks.index("OUT03")
    own = [i for i, block in enumerate(found.blocks) if block == "OUT03"]
    assert means[0, 1, 2, at] == pytest.approx(float(found.ratio[0, 1, 2, own].mean()))
    cross = [i for i in own if found.parts[i] == "cross"]
    by_part = found.by_block(found.ratio, "cross")[0, 1, 2, at]
    assert by_part == pytest.approx(float(found.ratio[0, 1, 2, cross].mean()))
    assert means[0, 1, 0, 0] > 0  # the text encoder, before the first step
    assert means[0, 1, 1, 0].isnan()
    assert len(own) > len(cross) > 0


def test_a_block_has_a_share_of_all_that_is_added(live: Any) -> None:
    draw(live, measure=True)
    found = live.measured
    unet = [i for i, layer in enumerate(found.layers) if layer[0] == "unet"]
    added = (found.ratio.square() * found.base[:, None]).nansum(2)  # (pictures, networks, layers)
    for at, block in enumerate(found.shown_blocks):
        own = [i for i in unet if found.blocks[i] == block]
        if own:
            want = added[1, 1, own].sum() / added[1, 1, unet].sum()
            assert float(found.share[1, 1, at]) == pytest.approx(float(want), rel=1e-6)
    assert float(found.share[1, 1].nansum()) == pytest.approx(1)
    assert found.share[1, 1, found.shown_blocks.index("BASE")].isnan()
    assert found.share[2].isnan().all(), "a picture without LoRAs"


def test_as_json(live: Any) -> None:
    draw(live, measure=True)
    facts = json.loads(json.dumps(live.measured.as_dict(0), allow_nan=False))
    assert facts["networks"] == ["fox", "owl"]
    assert len(facts["ratio"]["fox"]) == len(facts["blocks"]) == 17
    assert [len(line) for line in facts["cosine"][0]["blocks"]] == [3] * 17
    assert facts["ratio"]["fox"][5][0] == 0.0  # a curve that begins with nothing
    assert facts["pooled"]["owl"][2] > 0
    assert set(facts["parts"]) == {"self", "cross", "ff", "proj"}


def test_the_picture_is_that_of_a_hooked_run_to_the_bit(pipe: Any, library: Path) -> None:
    with live_lora.attach(pipe, library=library, executor="hooked") as live:
        plain = draw(live)
        assert live.measured is None
        assert torch.equal(draw(live, measure=True), plain)


def test_measuring_hooks_what_would_be_folded(pipe: Any, library: Path) -> None:
    with live_lora.attach(pipe, library=library, executor="folded") as live:
        prompts = ["a fox <lora:fox:0.9>"]
        draw(live, prompts)
        assert "folded: 1" in live.report.execution
        draw(live, prompts, measure=True)
        assert live.report.execution.startswith("hooked: 1")
        assert live.measured.pooled[0, 0, 2] > 0


def test_a_prompt_without_loras_measures_nothing(live: Any) -> None:
    draw(live, ["a fox"], measure=True)
    found = live.measured
    assert found.networks == found.layers == found.shown_blocks == ()
    assert found.as_dict()["stack"] == [None]

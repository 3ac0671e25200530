"""Plain modules: the public API that other programs use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import live_lora
import pytest
import tiny_models as tiny
import torch
from distances import distance
from live_lora.errors import StateError
from live_lora.session.sliders import Sliders
from torch import Tensor


@pytest.fixture(scope="module")
def pipe() -> Any:
    return tiny.sd15()


@pytest.fixture(scope="module")
def library(pipe: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("Lora")
    for seed, name in enumerate(["fox", "owl"]):
        parts = {
            "unet": tiny.random_lora(pipe.unet, tiny.ATTENTION, seed=seed),
            "text_encoder": tiny.random_lora(pipe.text_encoder, tiny.TEXT, seed=seed + 5),
        }
        tiny.save_kohya(folder / f"{name}.safetensors", parts, alpha=2.0)
    return folder


@pytest.fixture
def live(pipe: Any, library: Path) -> Any:
    modules = {"unet": pipe.unet, "text_encoder": pipe.text_encoder}
    with live_lora.attach(modules, library=library) as live:
        yield live


def encode(pipe: Any, texts: list[str]) -> Tensor:
    tokens = pipe.tokenizer(texts, padding="max_length", max_length=77, return_tensors="pt")
    with torch.no_grad():
        return pipe.text_encoder(tokens.input_ids)[0]


def denoise(pipe: Any, cond: Tensor) -> Tensor:
    torch.manual_seed(3)
    with torch.no_grad():
        noise = torch.randn(1, 4, 16, 16).expand(cond.shape[0], -1, -1, -1)
        return pipe.unet(noise, 500, cond).sample


def test_a_tag_changes_both_models_inside_the_with(pipe: Any, live: Any) -> None:
    base = encode(pipe, ["a fox"])
    out = denoise(pipe, base)
    with live.prompt("a fox <lora:fox:0.8>") as run:
        assert run.text == "a fox "
        with run.encoding("cond"):
            cond = encode(pipe, [run.text])
        run.progress(step=3, steps=20)
        changed = denoise(pipe, base)
    assert not torch.allclose(cond, base, atol=1e-3)
    assert not torch.allclose(changed, out, atol=1e-3)
    assert torch.equal(denoise(pipe, base), out)
    (network,) = run.report.networks
    assert network.ran == {"unet": 128, "text_encoder": 12}
    assert run.report.as_dict()["networks"][0]["ran_total"] == 140


@pytest.mark.parametrize(
    ("text", "negative", "texts", "negatives"),
    [
        ("a<lora:fox>", None, "a", None),
        ("a<lora:fox>", "b<lora:owl>", "a", "b"),
        (["a<lora:fox>", "c"], "b", ["a", "c"], "b"),
        (["a", "c"], ["b", "d<lora:fox>"], ["a", "c"], ["b", "d"]),
    ],
)
def test_texts_come_back_in_their_shape(
    live: Any, text: Any, negative: Any, texts: Any, negatives: Any
) -> None:
    with live.prompt(text, negative) as run:
        assert run.text == texts
        assert run.negative == negatives


def test_rows_say_whose_line_is_whose(pipe: Any, live: Any) -> None:
    cond = encode(pipe, ["a fox", "a fox", "a fox", "a fox"])
    with live.prompt(["<lora:fox:1>", "<lora:owl:1>"], negative=["", "<lora:fox:1>"]) as run:
        run.rows([(0, "uncond"), (1, "uncond"), (0, "cond"), (1, "cond")])
        out = denoise(pipe, cond)
    alone = {}
    for text in ("<lora:fox:1>", "<lora:owl:1>", "<lora:owl:1><lora:fox:1>"):
        with live.prompt(text):
            alone[text] = denoise(pipe, cond[:1])
    order = ["<lora:fox:1>", "<lora:owl:1><lora:fox:1>", "<lora:fox:1>", "<lora:owl:1>"]
    want = torch.cat([alone[text] for text in order])
    assert (out - want).norm() / want.norm() <= 1e-5


def test_one_run_at_a_time(live: Any) -> None:
    with live.prompt("a<lora:fox>"), pytest.raises(StateError, match="open"):
        live.prompt("b")
    with live.prompt("b"):
        pass


def test_detached_is_detached(pipe: Any, library: Path) -> None:
    live = live_lora.attach({"unet": pipe.unet}, library=library)
    run = live.prompt("<lora:fox:1>")
    run.__enter__()
    live.detach()
    live.detach()
    assert not any(module._forward_hooks for module in pipe.unet.modules())
    with pytest.raises(StateError, match="detached"):
        live.prompt("a")


def test_as_many_negatives_as_prompts_or_one(live: Any) -> None:
    with pytest.raises(ValueError, match="3 negative prompts for 2"):
        live.prompt(["a", "b"], ["x", "y", "z"])


@pytest.mark.parametrize("model", [torch.nn.Linear(1, 1), {}, {"vae": torch.nn.Linear(1, 1)}, 3])
def test_other_things_are_refused(model: Any) -> None:
    with pytest.raises(TypeError, match="pipeline"):
        live_lora.attach(model)


def test_other_weights_in_the_same_modules(pipe: Any, live: Any) -> None:
    live.core.rebind({"unet": pipe.unet, "text_encoder": pipe.text_encoder})
    with live.prompt("<lora:fox>") as run:
        denoise(pipe, encode(pipe, ["a"]))
    assert run.report.networks[0].ran["unet"] == 128


def test_the_cache_gives_back_what_is_not_used(pipe: Any, library: Path) -> None:
    with live_lora.attach({"unet": pipe.unet}, library=library, cache_bytes=0) as live:
        for name in ("fox", "owl"):
            with live.prompt(f"<lora:{name}>"):
                pass
        assert [bound.file.name for bound in live.core.cache] == ["owl"]


def test_a_file_that_changed_is_read_again(pipe: Any, library: Path, tmp_path: Path) -> None:
    import os
    import shutil

    place = tmp_path / "x.safetensors"
    cond = encode(pipe, ["a"])
    with live_lora.attach({"unet": pipe.unet}, library=tmp_path) as live:
        outs = []
        for count, name in enumerate(("fox", "owl")):
            shutil.copy(library / f"{name}.safetensors", place)
            os.utime(place, (1e9 + count, 1e9 + count))
            with live.prompt("<lora:x>"):
                outs.append(denoise(pipe, cond))
    assert not torch.allclose(*outs, atol=1e-3)


def test_a_file_that_goes_while_it_is_read_costs_only_itself(
    pipe: Any, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    from live_lora.network.network import Network

    for name in ("fox", "owl"):
        shutil.copy(library / f"{name}.safetensors", tmp_path)
    opened = Network.open

    def vanish(network: Network) -> Any:
        if network.path.stem == "owl":
            network.path.unlink()
        return opened(network)

    monkeypatch.setattr(Network, "open", vanish)
    with live_lora.attach({"unet": pipe.unet}, library=tmp_path) as live:
        with live.prompt("a<lora:fox><lora:owl>") as run:
            denoise(pipe, encode(pipe, ["a"]))
        assert [one.name for one in run.report.networks] == ["fox"]
        (told,) = run.report.problems
        assert "owl" in told.problem.message
        assert told.problem.span is not None
        assert told.source[slice(*told.problem.span)] == "<lora:owl>"


def test_observers_are_told_of_each_layer_and_the_picture_is_the_same(pipe: Any, live: Any) -> None:
    seen: list[tuple[Any, ...]] = []

    class Watching:
        def called(self, call: Any) -> None:
            shares = [(share.network, share.up is not None) for share in call.shares]
            seen.append((call.target, call.progress[0].step, tuple(shares)))

    cond = encode(pipe, ["a fox"])
    text = "<lora:fox:0.8><lora:owl:0.3>"
    with live.prompt(text) as run:
        run.progress(step=3, steps=20)
        plain = denoise(pipe, cond)
    with live.prompt(text, observe=[Watching()]) as run:
        run.progress(step=3, steps=20)
        out = denoise(pipe, cond)
    assert torch.allclose(out, plain, atol=1e-5)  # some were folded
    assert [file.name for file, _ in run.files] == ["fox", "owl"]
    assert len({target for target, *_ in seen}) == len(seen) == 128
    assert all(step == 3 and shares == ((0, True), (1, True)) for _, step, shares in seen)
    assert run.report.execution == "hooked: 128 layers hooked"


def test_a_live_run_is_reweighed_from_its_next_step_on(pipe: Any, live: Any) -> None:
    base = encode(pipe, ["a fox"])
    sliders = Sliders()

    def at(step: int) -> Tensor:
        run.progress(step=step, steps=20)
        return denoise(pipe, base)

    with live.prompt("a fox <lora:fox:0.8>", sliders=sliders) as run:
        before = at(3)
        run.reweigh("fox", 0.3)
        assert distance(at(3), before) < 1e-5
        after = at(4)
        assert distance(after, before) > 1e-3
        run.reweigh(run.files[0][1][0], None)
        assert distance(at(5), before) < 1e-5
        with pytest.raises(ValueError, match="no tag of this run is 'owl'"):
            run.reweigh("owl", 1)
        assert "folded" not in run.report.execution
    with live.prompt("a fox <lora:fox:0.8:0.3>") as run:
        assert distance(at(4), after) < 1e-5
        with pytest.raises(StateError, match="not live"):
            run.reweigh("fox", 1)


def test_a_tile_of_a_known_place_is_what_the_mask_is_there(pipe: Any, live: Any) -> None:
    """Of four tiles, those on the left have all of the LoRA, those on the right none."""
    base = encode(pipe, ["a fox"])
    bare = denoise(pipe, base)
    with live.prompt("a fox <lora:fox:0.8>"):
        whole = denoise(pipe, base)
    with live.prompt("a fox <lora:fox:0.8:mask=left>") as run:
        for box, wanted in {
            (0.0, 0.0, 0.5, 0.5): whole,
            (0.0, 0.5, 0.5, 1.0): whole,
            (0.5, 0.0, 1.0, 0.5): bare,
        }.items():
            run.regions(size=(16, 16), box=box)
            assert distance(denoise(pipe, base), wanted) < 1e-5, box
        run.regions(size=(32, 32))  # and this call is a tile of nobody knows which place
        denoise(pipe, base)
        assert "masks could not be placed" in " ".join(run.report.lines())

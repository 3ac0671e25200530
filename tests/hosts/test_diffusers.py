"""Pipelines: our pictures are those of diffusers' own LoRA loading, and nothing stays behind."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import live_lora
import pytest
import tiny_models as tiny
import torch
from diffusers import HeunDiscreteScheduler, StableDiffusionImg2ImgPipeline
from distances import distance
from live_lora.library.catalog import Catalog
from live_lora.session.report import StrictError
from small_pipelines import SAME, SIDE, latents
from torch import Tensor


def peers(pipe: Any, library: Path, weights: dict[str, float], **options: Any) -> Tensor:
    """diffusers' own picture."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that there are several adapters
            for name in weights:
                file = f"{name}.safetensors"
                pipe.load_lora_weights(library, weight_name=file, adapter_name=name)
        pipe.set_adapters(list(weights), list(weights.values()))
        return latents(pipe, **options)
    finally:
        pipe.unload_lora_weights()


@pytest.mark.parametrize("weights", [{"fox": 0.8}, {"fox": -0.5, "owl": 1.0}], ids=str)
def test_equals_diffusers_own_loading(
    pipe: Any, live: live_lora.Live, library: Path, weights: dict[str, float]
) -> None:
    base = latents(pipe, prompt="a fox", negative_prompt="blue")
    want = peers(pipe, library, weights, prompt="a fox", negative_prompt="blue")
    tags = " ".join(f"<lora:{name}:{weight}>" for name, weight in weights.items())
    got = latents(pipe, live, prompt=f"a fox {tags}".strip(), negative_prompt="blue")
    spaced = peers(pipe, library, weights, prompt="a fox ", negative_prompt="blue")
    assert distance(got, want) <= SAME or distance(got, spaced) <= SAME
    assert distance(base, want) > 0.01
    assert live.report is not None
    assert live.report.ok
    for one in live.report.networks:
        assert one.ran_total == one.matched > 50


def test_single_precision_is_as_good(library: Path, pipe: Any) -> None:
    """One call of the UNet in fp32: sampling with a random model would magnify its rounding."""
    single = getattr(tiny, "sdxl" if hasattr(pipe, "text_encoder_2") else "sd15")()
    width = single.unet.config.cross_attention_dim
    noise, text = torch.randn(2, 4, 8, 8), torch.randn(2, 77, width)
    extra: Any = {}
    if hasattr(single, "text_encoder_2"):
        pooled = torch.randn(2, single.text_encoder_2.config.projection_dim)
        extra = {"added_cond_kwargs": {"text_embeds": pooled, "time_ids": torch.ones(2, 6)}}
    with torch.no_grad():
        live = live_lora.attach({"unet": single.unet}, library=library)
        with live.prompt("<lora:fox:0.8>"):
            got = single.unet(noise, 500, text, **extra).sample
        single.load_lora_weights(library, weight_name="fox.safetensors", adapter_name="fox")
        single.set_adapters(["fox"], [0.8])
        want = single.unet(noise, 500, text, **extra).sample
    assert distance(got, want) <= 1e-5


def test_nothing_stays_behind(pipe: Any, live: live_lora.Live) -> None:
    before = latents(pipe, prompt="a fox")
    latents(pipe, live, prompt="a fox<lora:owl:2>")
    assert torch.equal(latents(pipe, prompt="a fox"), before)
    assert torch.equal(latents(pipe, live, prompt="a fox<lora:owl:0>"), before)
    assert torch.equal(latents(pipe, live, prompt="a fox"), before)


@pytest.mark.parametrize("tag", ["<lora:owl:0:0.7>", ""])
def test_embeddings_of_the_callers_are_used_as_they_are(
    pipe: Any, live: live_lora.Live, tag: str
) -> None:
    """The same picture as from the text they were made of, with the UNet's part of the LoRA."""
    want = latents(pipe, live, prompt=f"a fox{tag}", negative_prompt="blurry")
    given = {}
    for prefix, text in (("", "a fox"), ("negative_", "blurry")):
        encoded = pipe.encode_prompt(
            text,
            device=torch.get_default_device(),
            num_images_per_prompt=1,
            do_classifier_free_guidance=False,
        )
        names = ("prompt_embeds", "pooled_prompt_embeds")
        given |= {prefix + n: e for n, e in zip(names, encoded[::2], strict=False)}
    got = latents(pipe, live, prompt=tag or None, negative_prompt=None, **given)
    assert distance(got, want) <= 1e-9
    if tag:
        assert live.report.networks[0].ran.keys() == {"unet"}


def test_an_exception_in_the_middle_leaves_no_hook(pipe: Any, live: live_lora.Live) -> None:
    before = latents(pipe, prompt="a fox")

    def stop(*_: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        latents(pipe, live, prompt="a fox<lora:owl:2>", callback_on_step_end=stop)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in pipe.unet.modules())
    assert torch.equal(latents(pipe, prompt="a fox"), before)
    latents(pipe, live, prompt="a fox<lora:owl:2>")


def test_every_picture_has_its_own_loras(pipe: Any, live: live_lora.Live) -> None:
    prompts = [
        "a fox<lora:fox:0.2@0;1@1><lora:owl:0.3>",
        "an owl<lora:owl:0.7:lbw=MIDD><lora:fox:-0.5:start=0.5>",
        "a hill",
        "a fox<lora:owl:1:only=cond>",
    ]
    noise = torch.randn(4, 4, 8, 8, dtype=torch.float64)
    batch = latents(pipe, live, prompt=prompts, latents=noise)
    singles = [
        latents(pipe, live, prompt=prompt, latents=noise[i : i + 1])
        for i, prompt in enumerate(prompts)
    ]
    texts = ["a fox", "an owl", "a hill", "a fox"]
    bare = latents(pipe, prompt=texts, latents=noise)
    bare_singles = [latents(pipe, prompt=t, latents=noise[i : i + 1]) for i, t in enumerate(texts)]
    assert distance(bare, torch.cat(bare_singles)) <= SAME  # the model itself can tell so much
    assert distance(batch, torch.cat(singles)) <= SAME
    assert distance(bare[2], batch[2]) <= SAME
    assert min(distance(bare[i], batch[i]) for i in (0, 1, 3)) > 0.01


def test_copies_of_a_prompt_keep_their_loras(pipe: Any, live: live_lora.Live) -> None:
    noise = torch.randn(4, 4, 8, 8, dtype=torch.float64)
    prompts = ["a fox<lora:fox:1>", "an owl"]
    got = latents(pipe, live, prompt=prompts, latents=noise, num_images_per_prompt=2)
    want = latents(
        pipe, live, prompt=[prompts[0], prompts[0], prompts[1], prompts[1]], latents=noise
    )
    assert distance(got, want) <= SAME


def test_a_catalog_with_a_folder_for_it_counts_what_acted(
    pipe: Any, library: Path, tmp_path: Path
) -> None:
    catalog = Catalog([library], data=tmp_path)
    with live_lora.attach(pipe, library=catalog) as live:
        latents(pipe, live, prompt=["a <lora:fox:1>", "b <lora:owl:0>"], num_images_per_prompt=2)
    used = {one.name: use.pictures for one in catalog.entries if (use := one.facts.use(one))}
    assert used == {"fox": 2}


def test_a_tag_in_the_negative_prompt_acts_on_the_negative_side(
    pipe: Any, live: live_lora.Live
) -> None:
    prompt = {"prompt": "a fox", "negative_prompt": "blue<lora:fox:1>"}
    plain = latents(pipe, prompt="a fox", negative_prompt="blue")
    assert distance(latents(pipe, live, **prompt), plain) > 0.01
    # Without guidance there is no negative side.
    alone = latents(pipe, live, guidance_scale=1.0, **prompt)
    assert distance(alone, latents(pipe, prompt="a fox", guidance_scale=1.0)) <= SAME


def test_a_sweep_is_laid_over_the_pictures(pipe: Any, live: live_lora.Live) -> None:
    swept = latents(
        pipe, live, prompt="a fox<lora:fox:sweep=0;0.5;1:seed=same>", num_images_per_prompt=3
    )
    want = [latents(pipe, live, prompt=f"a fox<lora:fox:{m}>") for m in (0, 0.5, 1)]
    assert distance(swept, torch.cat(want)) <= SAME
    assert distance(swept[:1], swept[1:2]) > 0.01


def test_a_curve_follows_the_pipelines_steps(pipe: Any, live: live_lora.Live) -> None:
    """At 3 steps the curve is 0, 0.5 and 1; a callback that sets constants does the same."""
    assert live.core is not None
    options: Any = {"prompt": "a fox<lora:fox:0:0@0;1@1>", "num_inference_steps": 3}
    got = latents(pipe, live, **options)
    assert distance(got, latents(pipe, live, **options | {"prompt": "a fox<lora:fox:0:1>"})) > 0.01
    adapter = next(iter(live.core.catalog.entries)).path
    pipe.load_lora_weights(adapter.parent, weight_name="fox.safetensors", adapter_name="fox")
    try:
        weights = {"unet": 0.0, "text_encoder": 0.0, "text_encoder_2": 0.0}
        parts = {name: m for name, m in weights.items() if getattr(pipe, name, None)}
        pipe.set_adapters(["fox"], [parts])

        def step_end(pipeline: Any, index: int, _: Any, values: Any) -> Any:
            pipeline.set_adapters(["fox"], [parts | {"unet": min(1.0, (index + 1) / 2)}])
            return values

        want = latents(pipe, prompt="a fox", num_inference_steps=3, callback_on_step_end=step_end)
    finally:
        pipe.unload_lora_weights()
    assert distance(got, want) <= SAME


def test_what_cannot_be_used_costs_only_itself(pipe: Any, live: live_lora.Live) -> None:
    text = "a fox<lora:foxx:1><lora:fox:1><lora:owl:abc><lora::1><lora:owl:nan>"
    got = latents(pipe, live, prompt=text)
    assert distance(got, latents(pipe, live, prompt="a fox<lora:fox:1><lora::1>")) <= SAME
    assert live.report is not None
    latents(pipe, live, prompt=text)
    messages = " | ".join(live.report.warnings())
    assert "'foxx'" in messages
    assert "'fox'" in messages
    assert len(live.report.problems) >= 4
    assert not live.report.ok


def test_strict_refuses_instead(pipe: Any, library: Path) -> None:
    with live_lora.attach(pipe, library=library, strict=True) as live:
        with pytest.raises(StrictError, match="foxx"):
            live("a fox<lora:foxx:1>")
        latents(pipe, live, prompt="a fox<lora:fox:1>")


def test_steps_are_told_apart_in_every_pass() -> None:
    """Position i of n: also from the middle (image to image), and for two calls a step."""
    pipe = tiny.sd15()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # diffusers and numpy 2
        heun = HeunDiscreteScheduler()
    for scheduler, calls in [(pipe.scheduler, 1), (heun, 2)]:
        image = tiny.steady(StableDiffusionImg2ImgPipeline(**pipe.components))
        image.scheduler = scheduler
        with live_lora.attach(image, library=[]) as live:
            seen, handle = watch(image, live)
            picture = torch.rand(1, 3, SIDE, SIDE)
            options: Any = {"image": picture, "strength": 0.5, "num_inference_steps": 8}
            live("a fox", output_type="latent", **options)
            handle.remove()
        assert [i for i, _ in seen[::calls]] == [0, 1, 2, 3]
        assert {n for _, n in seen} == {4}


def watch(pipe: Any, live: live_lora.Live) -> tuple[list[tuple[int, int]], Any]:
    """(step, steps) of every call of the UNet, as it happens, and the handle to stop it."""
    seen: list[tuple[int, int]] = []

    def after(*_: Any) -> None:
        assert live.core is not None
        assert live.core.running is not None
        (progress,) = live.core.running.weights.progress
        seen.append((progress.step, progress.steps))

    return seen, pipe.unet.register_forward_hook(after)


@pytest.mark.parametrize("executor", ["hooked", "folded", "automatic"])
def test_every_executor_draws_the_same_and_says_what_it_did(
    executor: Any, library: Path, pipe: Any
) -> None:
    prompt = "a fox<lora:fox:0.8>"
    with live_lora.attach(pipe, library=library, executor="hooked") as live:
        want = latents(pipe, live, prompt=prompt)
    with live_lora.attach(pipe, library=library, executor=executor) as live:
        base = latents(pipe, live, prompt="a fox")
        assert distance(latents(pipe, live, prompt=prompt), want) < SAME
        assert live.report is not None
        assert live.report.execution.startswith(f"{executor}: ")
        assert live.report.as_dict()["execution"] == live.report.execution
        assert distance(latents(pipe, live, prompt="a fox"), base) == 0

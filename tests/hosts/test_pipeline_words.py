"""A pipeline follows its prompts' words: each picture, each part of an AND, step by step."""

from __future__ import annotations

from typing import Any

import torch
from distances import distance
from live_lora.records import Row
from small_pipelines import SAME, SIDE
from torch import Tensor

LONG = "a very long text about hills, " * 14


def draw(call: Any, prompt: Any = None, **options: Any) -> Tensor:
    options = {
        "num_inference_steps": 4,
        "height": SIDE,
        "width": SIDE,
        "output_type": "latent",
    } | options
    found: Tensor = call(prompt, generator=torch.Generator().manual_seed(7), **options).images
    return found


def test_a_batch_equals_single_runs(live: Any) -> None:
    """Whatever their words: other lengths, parts, schedules."""
    prompts = [
        "a fox",
        LONG + "<lora:fox:0.7>",
        "a (red:1.3) fox<lora:fox:1:only=part> AND a hill :0.4",
        "a [fox:<lora:fox:0.5>owl:0.5] | hat",
        "a [fox<lora:fox:1>:owl:0.5] hat",
    ]
    negatives = ["", "ugly", LONG, "[bad::2]", "bad"]
    # Not any: random latents that grow large leave rounding of their own.
    noise = torch.randn(5, 4, 4, 4, generator=torch.Generator().manual_seed(3)).double()
    batch = draw(live, prompts, negative_prompt=negatives, latents=noise)
    for index, prompt in enumerate(prompts):
        alone = draw(
            live, prompt, negative_prompt=negatives[index], latents=noise[index : index + 1]
        )
        assert distance(batch[index : index + 1], alone) <= SAME


def test_the_parts_of_an_and_are_added_with_their_weights(live: Any, pipe: Any) -> None:
    base = draw(pipe, "a fox", negative_prompt="ugly")
    assert distance(draw(live, "a fox AND a fox :0", negative_prompt="ugly"), base) <= SAME
    halves = draw(live, "a fox :0.5 AND a fox :0.5", negative_prompt="ugly")
    assert distance(halves, base) <= SAME
    both = draw(live, "a fox AND a hill", negative_prompt="ugly")
    assert distance(both, base) > 0.001
    double = draw(live, "a fox :2", negative_prompt="ugly", guidance_scale=3.0)
    want = draw(pipe, "a fox", negative_prompt="ugly", guidance_scale=6.0)
    assert distance(double, want) <= SAME


def test_parts_without_guidance(live: Any, pipe: Any) -> None:
    want = draw(pipe, "a fox", guidance_scale=1.0)
    assert distance(draw(live, "a fox :0.5 AND a fox :0.5", guidance_scale=1.0), want) <= SAME
    # 2·n − n₋, as the webui computes it at a scale of 1
    want = draw(live, "a fox", negative_prompt="ugly", guidance_scale=2.0)
    got = draw(live, "a fox :2", negative_prompt="ugly", guidance_scale=1.0)
    assert distance(got, want) <= SAME


def test_a_lora_of_one_part_acts_on_that_part(live: Any) -> None:
    seen: list[tuple[Row, ...]] = []

    def after(*_: Any) -> None:
        seen.append(live.core.running.weights.rows)

    handle = live.pipeline.unet.register_forward_hook(after)
    try:
        draw(live, "a fox AND a hill<lora:fox:1:only=part>", num_inference_steps=1)
    finally:
        handle.remove()
    rows = [row for call in seen for row in call]
    assert {(row.side, row.part) for row in rows} == {("uncond", 0), ("cond", 0), ("cond", 1)}


def test_words_and_tags_change_in_the_same_call(live: Any, pipe: Any) -> None:
    """[a:b:0.5] of 4 steps: a in calls 0 to 2, as the webui counts.

    The negative side has one text throughout, encoded with the LoRAs of the last call.
    """
    got = draw(live, "a [fox<lora:fox:1>:owl:0.5]")
    first, second = (read_by_unet(live, text) for text in ("a fox<lora:fox:1>", "a owl"))
    calls = 0

    def swap(module: Any, args: Any, kwargs: Any) -> Any:
        nonlocal calls
        now = first if calls <= 2 else second
        calls += 1
        kwargs["encoder_hidden_states"] = torch.cat([second[0][:1], now[0][1:]])
        if now[1] is not None:
            added = {"text_embeds": torch.cat([second[1][:1], now[1][1:]])}
            kwargs["added_cond_kwargs"] = kwargs["added_cond_kwargs"] | added
        return args, kwargs

    handle = pipe.unet.register_forward_pre_hook(swap, with_kwargs=True)
    try:
        want = draw(live, "a fox<lora:fox:0:1:step=0-3>")
    finally:
        handle.remove()
    assert calls == 4
    assert distance(got, want) <= SAME


def read_by_unet(live: Any, text: str) -> tuple[Tensor, Any]:
    """The vectors of both sides, negative first, and SDXL's pooled ones."""
    seen: list[tuple[Tensor, Any]] = []

    def before(module: Any, args: Any, kwargs: Any) -> None:
        added = kwargs.get("added_cond_kwargs") or {}
        seen.append((kwargs["encoder_hidden_states"], added.get("text_embeds")))

    handle = live.pipeline.unet.register_forward_pre_hook(before, with_kwargs=True)
    try:
        draw(live, text, num_inference_steps=1)
    finally:
        handle.remove()
    return seen[0]


def test_embeddings_of_the_callers_with_tags(live: Any, pipe: Any) -> None:
    want = draw(live, "a fox<lora:fox:0:0.7>", negative_prompt="ugly")
    given = {}
    for prefix, text in (("", "a fox"), ("negative_", "ugly")):
        encoded = pipe.encode_prompt(
            text,
            device=torch.get_default_device(),
            num_images_per_prompt=1,
            do_classifier_free_guidance=False,
        )
        names = ("prompt_embeds", "pooled_prompt_embeds")
        given |= {prefix + n: e for n, e in zip(names, encoded[::2], strict=False)}
    assert distance(draw(live, **given, lora="<lora:fox:0.7>"), want) <= SAME


def test_sdxl_reads_nothing_where_the_negative_prompt_is_empty(live: Any, pipe: Any) -> None:
    """As the webui does it, and diffusers without a negative prompt."""
    want = draw(pipe, "a fox")
    assert distance(draw(live, "a fox", negative_prompt=""), want) <= SAME
    assert distance(draw(live, "a fox"), want) <= SAME

"""What must hold on the webui, whichever: tests for the stand-in and for the real one.

`host.generate(prompt or prompts, …)` makes pictures with one or several prompts in one batch;
its `samples` are what the sampler gave, one per picture. The files `unet-a` and `unet-b` change
the UNet alone, `a` to `d` the text encoder as well.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

CLOSE = 1e-5  # relative, fp32: a batch adds up in another order than single pictures

FOUR = [
    "a fox <lora:a:0.8> <lora:b:-0.3>",
    "a bird <lora:b:unet=0@0;1@1:te=0.5>",
    "a fox <lora:c:1:only=cond>",
    "a [fox<lora:a:1>:cat<lora:d:0.6>:0.5] <lora:unet-b:0.7:lbw=INS>",
]


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """The largest, relative to the largest value."""
    return float(np.abs(one - other).max() / np.abs(other).max())


def without_tags(prompts: list[str]) -> list[str]:
    from live_lora import parse

    return [parse(prompt).text for prompt in prompts]


def assert_batch_equals_singles(host: Any, prompts: list[str], **options: Any) -> None:
    """As near as without any LoRA; and the LoRAs do something, to each picture another thing."""
    batch = host.generate(prompts, seed=5, **options).samples
    without = host.generate(without_tags(prompts), seed=5, **options).samples
    assert min(difference(a, b) for a, b in zip(batch, without, strict=True)) > 1e-3
    found = spread(host, prompts, batch, **options)
    # Pictures without tags are asked for only where it depends on them.
    if found >= CLOSE:
        assert found < 3 * spread(host, without_tags(prompts), without, **options)


def spread(host: Any, prompts: list[str], batch: np.ndarray, **options: Any) -> float:
    """The largest difference between pictures of one batch, seeds from 5, and the same alone."""
    singles = [
        host.generate(prompt, seed=5 + i, **options).samples[0] for i, prompt in enumerate(prompts)
    ]
    return max(difference(a, b) for a, b in zip(batch, singles, strict=True))


class Rules:
    """Collected by each host's own test file."""

    def test_every_picture_has_its_own_tags(self, host: Any) -> None:
        assert_batch_equals_singles(host, FOUR)

    def test_cond_and_uncond_one_after_the_other(self, host: Any) -> None:
        assert_batch_equals_singles(host, FOUR, settings={"batch_cond_uncond": False})

    def test_steps_without_uncond(self, host: Any) -> None:
        assert_batch_equals_singles(host, FOUR, settings={"skip_early_cond": 0.4})

    def test_parts_of_and(self, host: Any) -> None:
        prompts = [
            "a fox <lora:a:1:only=part> AND a cat <lora:b:0.7:only=part> :0.6",
            "a bird <lora:c:0.5>",
            "a fox AND a fox <lora:d:1:only=part>",
        ]
        if getattr(host, "even_parts", False):  # the forks cut to the fewest, with one's weights
            prompts[1:] = ["a bird <lora:c:0.5> AND a bird :0.6", f"{prompts[2]} :0.6"]
        assert_batch_equals_singles(host, prompts)

    def test_hires_fix(self, host: Any) -> None:
        assert_batch_equals_singles(host, [*FOUR[:2], "a fox <lora:a:1:hr=0.2>"], hires=True)

    def test_longer_prompts_call_the_unet_apart(self, host: Any) -> None:
        """Cond of two chunks and uncond of one: the UNet is called for each side."""
        long = " ".join(["fox"] * 90)
        prompts = [f"{long} <lora:a:1:only=cond>", f"{long} bird <lora:b:0.5>"]
        assert_batch_equals_singles(host, prompts)

    def test_equal_texts_are_not_encoded_as_one(self, host: Any) -> None:
        """The webui encodes equal texts once: here they differ in te alone."""
        prompts = ["a fox <lora:a:1:0>", "a fox <lora:a:-1:0>", "a fox <lora:b:1:0>"]
        assert_batch_equals_singles(host, prompts)

    def test_the_cond_cache_knows_the_second_pictures_tags(self, host: Any) -> None:
        """The webui's key holds the first prompt's tags only."""
        first = host.generate(["a fox", "a fox <lora:a:1:0>"]).samples
        second = host.generate(["a fox", "a fox <lora:b:1:0>"]).samples
        assert difference(first[0], second[0]) == 0
        assert difference(first[1], second[1]) > 1e-3
        again = host.generate(["a fox", "a fox <lora:a:1:0>"]).samples
        assert difference(first[1], again[1]) == 0

    def test_a_schedule_counts_the_webuis_calls(self, host: Any) -> None:
        """Ten steps: a for calls 0 to 5, b for 6 to 9."""
        scheduled = host.generate("[<lora:unet-a:1>:<lora:unet-b:1>:0.5]fox", steps=10).samples
        curves = "<lora:unet-a:unet=1@5;0@6><lora:unet-b:unet=0@5;1@6>"
        plain = host.generate(f"[::0.5]fox{curves}", steps=10).samples
        assert difference(scheduled, plain) == 0

    def test_a_schedule_in_the_text_encoder(self, host: Any) -> None:
        """Every entry is encoded with the tags that are on in it, as if it stood alone."""
        half = host.generate("[fox<lora:a:1:0>:fox<lora:b:1:0>:2]", steps=4).samples
        a, b = (host.generate(f"fox<lora:{name}:1:0>", steps=4).samples for name in "ab")
        assert difference(half, a) > 1e-3
        assert difference(half, b) > 1e-3
        whole = host.generate("[fox<lora:a:1:0>:fox<lora:b:1:0>:9]", steps=4).samples
        assert difference(whole, a) < CLOSE

    def test_alternating_tags(self, host: Any) -> None:
        """A A B A: the webui's first entry holds for calls 0 and 1."""
        turns = host.generate("[<lora:unet-a:1>|<lora:unet-b:1>]fox", steps=4).samples
        a = "[[<lora:unet-a:1>::1]:<lora:unet-a:1>:2]"
        b = "[[:<lora:unet-b:1>:1]::2]"
        apart = host.generate(f"{a}{b}[|]fox", steps=4).samples
        assert difference(turns, apart) == 0

    def test_an_unreadable_schedule_is_none(self, host: Any) -> None:
        """One bare bar outside brackets switches off every schedule of a prompt."""
        rejected = host.generate("a | fox [<lora:unet-a:1>:<lora:unet-b:1>:0.5]", steps=4).samples
        both = host.generate("a | fox [::0.5]<lora:unet-a:1><lora:unet-b:1>", steps=4).samples
        assert difference(rejected, both) == 0

    def test_both_calls_of_a_second_order_step_are_one_step(self, host: Any) -> None:
        """Heun, two steps: calls 0 and 1, then call 2. The schedule counts calls."""
        window = host.generate("fox[::1]<lora:unet-a:1:stop=0.5>", steps=2, sampler="Heun").samples
        calls = host.generate("fox[<lora:unet-a:1>::1]", steps=2, sampler="Heun").samples
        never = host.generate("fox[::1]", steps=2, sampler="Heun").samples
        assert difference(window, calls) == 0
        assert difference(window, never) > 1e-3

    def test_a_tag_in_the_negative_prompt_acts_on_uncond(self, host: Any) -> None:
        against = host.generate("a fox", negative="bad <lora:unet-a:1>").samples
        only = host.generate("a fox <lora:unet-a:1:only=uncond>", negative="bad ").samples
        assert difference(against, only) < CLOSE
        assert difference(against, host.generate("a fox", negative="bad ").samples) > 1e-3

    def test_the_same_file_twice_adds_up(self, host: Any) -> None:
        twice = host.generate("a fox <lora:a:0.3><lora:a:0.5>").samples
        assert difference(twice, host.generate("a fox <lora:a:0.8>").samples) < CLOSE

    def test_a_sweep_is_laid_over_the_pictures(self, host: Any) -> None:
        swept = host.generate("a fox <lora:a:sweep=0;0.5;1:seed=same>", batch_size=2, n_iter=2)
        for picture, weight in enumerate(("0", "0.5", "1", "0")):
            alone = host.generate(f"a fox <lora:a:{weight}>")
            assert difference(swept.samples[picture], alone.samples[0]) < CLOSE
            assert f"a fox <lora:a:{weight}>\n" in swept.infotexts[picture]
        assert len({text.split("Seed: ")[1].split(",")[0] for text in swept.infotexts}) == 1

    def test_hashes_are_each_pictures_own(self, host: Any) -> None:
        texts = host.generate(["a fox <lora:a:1>", "a fox <lora:b:1>", "a fox"]).infotexts
        assert ['"a: ' in text for text in texts] == [True, False, False]
        assert ['"b: ' in text for text in texts] == [False, True, False]

    @pytest.mark.parametrize("hr_prompt", ["a fox <lora:unet-b:1>", "a fox"])
    def test_the_hires_pass_has_its_own_tags(self, host: Any, hr_prompt: str) -> None:
        other = host.generate("a fox <lora:unet-a:1>", hires=True, hr_prompt=hr_prompt).samples
        same = host.generate("a fox <lora:unet-a:1>", hires=True).samples
        assert difference(other, same) > 1e-3

    def test_curves_start_again_in_the_hires_pass(self, host: Any) -> None:
        """Four steps, the first two: the webui's own count calls that 1.25 in the second pass."""
        plain = {"hires": True, "steps": 4}
        schedule = "a fox[::1.25][<lora:unet-a:1>::1.25]"
        window = "a fox[::1.25][::1.25]<lora:unet-a:1:stop=0.6>"
        by_call = host.generate("a fox", hr_prompt=schedule, **plain).samples
        by_step = host.generate("a fox", hr_prompt=window, **plain).samples
        never = host.generate("a fox", hr_prompt="a fox[::1.25][::1.25]", **plain).samples
        assert difference(by_call, by_step) == 0
        assert difference(by_call, never) > 1e-3

    def test_a_first_pass_fraction_is_over_in_the_hires_pass(self, host: Any) -> None:
        over = host.generate("a fox", hr_prompt="a fox[<lora:unet-a:1>::.5]", hires=True).samples
        never = host.generate("a fox", hr_prompt="a fox[::.5]", hires=True).samples
        assert difference(over, never) == 0

    @pytest.mark.parametrize("hires", [False, True])
    def test_two_halves_are_no_mask(self, host: Any, hires: bool) -> None:
        """At every size of the job.

        A second pass of a random UNet makes much of a rounding, most where it goes on from a
        picture in 8 bits, as in Forge Neo.
        """
        whole = host.generate("a fox <lora:unet-a:0.8>", hires=hires).samples
        halves = "<lora:unet-a:0.8:mask=left:soft=0.2><lora:unet-a:0.8:mask=right:soft=0.2>"
        both = host.generate(f"a fox {halves}", hires=hires).samples
        assert difference(both, whole) < (100 if hires else 10) * CLOSE
        left = host.generate("a fox <lora:unet-a:0.8:mask=left>", hires=hires).samples
        assert difference(left, whole) > 3e-3
        assert difference(left, host.generate("a fox ", hires=hires).samples) > 3e-3

    def test_each_picture_has_its_own_region(self, host: Any) -> None:
        """The whole picture's box is no mask at all."""
        prompts = ["a fox <lora:a:1:mask=left>", "a fox <lora:b:0.8:mask=0,0.2,1,0.7:only=cond>"]
        assert_batch_equals_singles(host, prompts)
        whole = host.generate("a fox <lora:unet-a:0.8:mask=0,0,1,1>").samples
        assert difference(whole, host.generate("a fox <lora:unet-a:0.8>").samples) == 0

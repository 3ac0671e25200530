"""What the user sees: the builtin's pictures, nothing twice, nothing left behind."""

from __future__ import annotations

import pytest

from .server import Refused, Webui

TAG = "a red fox <lora:a:0.8>"


def test_ours_is_in_charge(webui: Webui) -> None:
    """And the builtin has nothing loaded beside us."""
    webui.txt2img(TAG)
    seen = webui.get("/probe")
    assert seen["lora"] == "LiveNetwork"
    assert seen["builtin"] == (0 if webui.builtin else None)


@pytest.mark.parametrize(
    "prompt",
    [
        TAG,
        "a red fox <lora:a>",
        "a red fox <lora:a:0.8:0.3>",
        "a red fox <lora:a:unet=0.5>",
        "a red fox <lora:a:te=0.5>",
        "a <lora:lo con:0.7> (red:1.2) fox <lora:b:-0.6> <lora:a:0.5>",
    ],
)
def test_the_builtins_picture(webui: Webui, reference: Webui, prompt: str) -> None:
    """A hook adds what a merge adds: at most 2 of 255 anywhere."""
    without, merged = reference.txt2img("a red fox"), reference.txt2img(prompt)
    hooked = webui.txt2img(prompt)
    assert merged.farthest(without) > 20
    assert hooked.farthest(merged) <= 2


@pytest.mark.parametrize("prompt", ["a <lyco:lo con:0.7> fox", "a red fox <lora:a:0.8:0.8:2>"])
def test_what_only_the_webuis_own_lora_reads(webui: Webui, reference: Webui, prompt: str) -> None:
    """The other name of a tag, and how many ranks: the forks know neither."""
    assert webui.txt2img(prompt).farthest(reference.txt2img(prompt)) <= 2


def test_without_a_tag_it_is_the_webuis_own_picture(webui: Webui, reference: Webui) -> None:
    assert webui.txt2img("a red fox").farthest(reference.txt2img("a red fox")) == 0


def test_weight_0_changes_no_bit(webui: Webui) -> None:
    without = webui.txt2img("a red fox")
    zero = webui.txt2img("a red fox<lora:a:0>")
    assert (zero.samples == without.samples).all()


def test_after_20_generations_a_run_without_tags_changes_no_bit(webui: Webui) -> None:
    first = webui.txt2img("a red fox")
    before = webui.get("/probe")
    for number in range(20):
        webui.txt2img(f"a fox <lora:{'abcd'[number % 4]}:{number / 10 - 1}>", steps=1)
    last, after = webui.txt2img("a red fox"), webui.get("/probe")
    assert (first.samples == last.samples).all()
    assert before["hooks"] == after["hooks"]
    assert before["fingerprint"] == after["fingerprint"]


def test_img2img(webui: Webui, reference: Webui) -> None:
    source = reference.txt2img("a blue bird").pictures[0]
    merged = reference.img2img(TAG, source, denoising_strength=0.7)
    assert merged.farthest(reference.img2img("a red fox", source, denoising_strength=0.7)) > 20
    assert webui.img2img(TAG, source, denoising_strength=0.7).farthest(merged) <= 2


HIRES = {
    "enable_hr": True,
    "hr_scale": 1.5,
    "denoising_strength": 0.7,
    "hr_second_pass_steps": 2,
}


# Of tags in the first pass alone little is left where the second goes on from a picture in 8 bits.
@pytest.mark.parametrize(
    ("hr_prompt", "effect"), [("", 20), ("a red fox <lora:b:0.7>", 20), ("a red fox", 3)]
)
def test_hires_fix(webui: Webui, reference: Webui, hr_prompt: str, effect: int) -> None:
    """The second pass has its own prompt, with its own tags."""
    merged = reference.txt2img(TAG, hr_prompt=hr_prompt, **HIRES)
    hooked = webui.txt2img(TAG, hr_prompt=hr_prompt, **HIRES)
    assert hooked.farthest(merged) <= 2
    assert hooked.farthest(webui.txt2img("a red fox", hr_prompt="a red fox", **HIRES)) > effect


def test_batches(webui: Webui, reference: Webui) -> None:
    merged = reference.txt2img(TAG, batch_size=2, n_iter=2)
    hooked = webui.txt2img(TAG, batch_size=2, n_iter=2)
    assert len(hooked.pictures) == 4
    assert hooked.farthest(merged) <= 2


def test_a_changed_te_weight_is_not_hidden_by_the_cond_cache(webui: Webui) -> None:
    """One prompt text, other weights: the webui keeps conds from one request to the next."""
    strong, weak = webui.txt2img("a fox <lora:a:1:0>"), webui.txt2img("a fox <lora:a:0.2:0>")
    assert strong.farthest(weak) > 3
    assert webui.txt2img("a fox <lora:a:1:0>").farthest(strong) == 0


def test_another_file_under_the_same_name_is_not_hidden_by_the_cond_cache(webui: Webui) -> None:
    folder = webui.models / "Lora"
    target = folder / "changing.safetensors"
    target.write_bytes((folder / "a.safetensors").read_bytes())
    try:
        first = webui.txt2img("a fox <lora:changing:1:0>")
        target.write_bytes((folder / "b.safetensors").read_bytes())
        second = webui.txt2img("a fox <lora:changing:1:0>")
    finally:
        target.unlink()
    assert first.farthest(webui.txt2img("a fox <lora:a:1:0>")) == 0
    assert second.farthest(webui.txt2img("a fox <lora:b:1:0>")) == 0
    assert second.farthest(first) > 3


# The same weights, in the modules of small-a or in new ones.
OTHERS = ["small-a.ckpt", "small-b.safetensors"]


@pytest.mark.parametrize("other", OTHERS)
def test_another_checkpoint(webui: Webui, reference: Webui, other: str) -> None:
    override = {"override_settings": {"sd_model_checkpoint": other}}
    before = webui.txt2img(TAG)
    merged, hooked = reference.txt2img(TAG, **override), webui.txt2img(TAG, **override)
    assert hooked.farthest(before) > 20
    assert hooked.farthest(merged) <= 2
    assert (webui.txt2img(TAG).samples == before.samples).all()


@pytest.mark.parametrize(("checkpoint", "lora"), [("small-2", "two"), ("small-xl", "xl")])
def test_sd_2_and_sdxl(webui: Webui, reference: Webui, checkpoint: str, lora: str) -> None:
    """open_clip's fused attention, two encoders; the modules are others than before."""
    options = {"override_settings": {"sd_model_checkpoint": checkpoint}}
    without = reference.txt2img("a red fox", **options)
    for weights in ("0.8", "0.8:0", "0:0.8"):
        prompt = f"a red fox <lora:{lora}:{weights}>"
        merged, hooked = reference.txt2img(prompt, **options), webui.txt2img(prompt, **options)
        assert merged.farthest(without) > 3
        assert hooked.farthest(merged) <= 2
    assert f"{lora}: added to" in webui.get("/probe")["comments"]
    assert webui.txt2img("a red fox").farthest(reference.txt2img("a red fox")) == 0


REFINE = {"refiner_switch_at": 0.25, "steps": 4}  # one step, then three with the refiner


@pytest.mark.parametrize("refiner", OTHERS)
def test_the_refiner(webui: Webui, reference: Webui, refiner: str) -> None:
    """Other weights in mid-sampling, and the prompt encoded again without a new activation.

    The builtin's picture is of the refiner that takes over the modules: see the next test.
    """
    merged = reference.txt2img(TAG, refiner_checkpoint=OTHERS[0], **REFINE)
    hooked = webui.txt2img(TAG, refiner_checkpoint=refiner, **REFINE)
    assert hooked.farthest(webui.txt2img(TAG, steps=4)) > 5
    assert hooked.farthest(merged) <= 2
    assert webui.txt2img("a red fox").farthest(reference.txt2img("a red fox")) == 0


def test_the_builtin_loses_its_loras_to_a_refiner_with_modules_of_its_own(
    webui: Webui, reference: Webui
) -> None:
    """So that picture is no reference for the refiner.

    The webui encodes an empty prompt with every model that it makes, and activates no networks
    for it; the builtin takes that for the picture's and draws the rest without.
    """
    options = {"refiner_checkpoint": OTHERS[1], **REFINE}
    lost = reference.txt2img("a red fox <lora:unet-a:0.8>", **options)
    assert webui.txt2img("a red fox <lora:unet-a:0.8:stop=0.3>", **options).farthest(lost) <= 2
    assert webui.txt2img("a red fox <lora:unet-a:0.8>", **options).farthest(lost) > 5


@pytest.mark.parametrize("error", [False, True])
def test_nothing_is_left_by_a_generation_that_stops(webui: Webui, error: bool) -> None:
    """Interrupted by the user, or by an exception inside the UNet."""
    before, hooks = webui.txt2img("a red fox"), webui.get("/probe")["hooks"]
    webui.post("/probe/interrupt_after", calls=1, error=error)
    if error:
        with pytest.raises(Refused, match="out of memory"):
            webui.txt2img(TAG, steps=4)
    else:
        webui.txt2img(TAG, steps=4)
    assert webui.get("/probe")["hooks"] == hooks
    assert (webui.txt2img("a red fox").samples == before.samples).all()


def test_reload_ui(webui: Webui) -> None:
    """The webui runs our script again, and the package is as it was."""
    before = webui.txt2img(TAG)
    starts = webui.printed().count("Startup time:")
    webui.post("/probe/reload")
    webui.wait_for_start(starts)
    assert webui.get("/probe")["lora"] == "LiveNetwork"
    assert (webui.txt2img(TAG).samples == before.samples).all()
    assert "Error loading script" not in webui.printed()
    assert "Error executing callback" not in webui.printed()

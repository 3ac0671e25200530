"""Infotext: hashes, pasting, the builtin's options."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from .server import Webui


def tensor_hash(path: Path) -> str:
    """SHA-256 of what follows the header, 12 digits: what everybody calls a LoRA's hash."""
    data = path.read_bytes()
    return hashlib.sha256(data[8 + int.from_bytes(data[:8], "little") :]).hexdigest()[:12]


def test_lora_hashes(webui: Webui, reference: Webui) -> None:
    """The builtin's line."""
    prompt = "a fox <lora:a:0.8> <lora:lo con:0.2>"
    line = reference.txt2img(prompt).infotext.split("Lora hashes: ")[1].split('"')[1]
    assert f'Lora hashes: "{line}"' in webui.txt2img(prompt).infotext


def test_a_claimed_hash_is_not_believed(webui: Webui) -> None:
    known = tensor_hash(webui.models / "Lora" / "claim.safetensors")
    assert f"claim: {known}" in webui.txt2img("a fox <lora:claim:0.8>").infotext


def test_hires_adds_its_hashes(webui: Webui) -> None:
    picture = webui.txt2img(
        "a fox <lora:a:0.8>",
        hr_prompt="a fox <lora:b:0.8>",
        enable_hr=True,
        hr_scale=1.5,
        denoising_strength=0.7,
    )
    for name in "ab":
        known = tensor_hash(webui.models / "Lora" / f"{name}.safetensors")
        assert f"{name}: {known}" in picture.infotext


def test_no_hashes_where_the_option_says_so(webui: Webui) -> None:
    webui.settings(lora_add_hashes_to_infotext=False)
    try:
        assert "Lora hashes" not in webui.txt2img("a fox <lora:a:0.8>").infotext
    finally:
        webui.settings(lora_add_hashes_to_infotext=True)


def test_add_network_to_prompt(webui: Webui) -> None:
    """The builtin's option `sd_lora`."""
    expected = webui.txt2img("a fox <lora:b:1.0>")
    webui.settings(sd_lora="b")
    try:
        picture = webui.txt2img("a fox ", n_iter=2)
    finally:
        webui.settings(sd_lora="None")
    assert abs(picture.pictures[0] - expected.pictures[0]).max() == 0
    assert [text.count("<lora:b:1.0>") for text in picture.info["infotexts"]] == [1, 1]


def test_a_pasted_picture_comes_out_the_same(webui: Webui) -> None:
    """Bit by bit, from its own text alone; the file was renamed in the meantime."""
    made = webui.txt2img(
        "a (red:1.3) [fox:bird:0.5] <lora:unet-a:0.2@0;0.9@1>", negative_prompt="b"
    )
    folder = webui.models / "Lora"
    (folder / "unet-a.safetensors").rename(folder / "renamed.safetensors")
    try:
        webui.post("/live-lora/refresh")
        fields = webui.post("/probe/paste", infotext=made.infotext)
        assert "<lora:renamed:" in fields["Prompt"]
        again = webui.txt2img(
            fields["Prompt"],
            negative_prompt=fields["Negative prompt"],
            steps=int(fields["Steps"]),
            seed=int(fields["Seed"]),
            cfg_scale=float(fields["CFG scale"]),
            width=int(fields["Size-1"]),
            height=int(fields["Size-2"]),
            sampler_name=fields["Sampler"],
        )
    finally:
        (folder / "renamed.safetensors").rename(folder / "unet-a.safetensors")
        webui.post("/live-lora/refresh")
    assert again.farthest(made) == 0


def test_additional_networks_fields_are_understood(webui: Webui) -> None:
    fields = {
        "AddNet Enabled": "True",
        "AddNet Module 1": "LoRA",
        "AddNet Model 1": "a(01234567)",
        "AddNet Weight A 1": "0.7",
        "AddNet Weight B 1": "0.4",
    }
    line = ", ".join(f"{key}: {value}" for key, value in fields.items())
    pasted = webui.post("/probe/paste", infotext=f"a fox\nSteps: 3, Seed: 1, Size: 64x64, {line}")
    assert pasted["Prompt"].split() == ["a", "fox", "<lora:a:0.4:0.7>"]


def test_comments_tell_what_ran(webui: Webui) -> None:
    webui.txt2img("a very new fox <lora:a:0.8>")
    told = webui.get("/probe")["comments"]
    assert "a: added to" in told
    assert "unet" in told


def test_info_is_json(webui: Webui) -> None:
    info = webui.txt2img("a fox <lora:a:0.8>").info
    assert "a: " in json.dumps(info["extra_generation_params"])

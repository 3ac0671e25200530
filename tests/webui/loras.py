"""Random LoRA files in kohya's format that fit a checkpoint, made from its tensors' shapes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from live_lora.model import layer_names
from safetensors import safe_open
from safetensors.torch import save_file

UNET = "model.diffusion_model."
TEXTS = {
    "cond_stage_model.transformer.": "lora_te",
    "cond_stage_model.model.": "lora_te",
    "conditioner.embedders.0.transformer.": "lora_te1",
    "conditioner.embedders.1.model.": "lora_te2",
}
FUSED = "attn.in_proj_weight"  # of open_clip: q, k and v in one
RANK, ALPHA = 4, 2.0


OTHER_BASES = {"two": "small-2", "xl": "small-xl"}


def make_loras(checkpoints: Path, folder: Path, others: Mapping[str, str] = OTHER_BASES) -> None:
    """a, b, c, d: UNet and text encoder; `unet-*` without the encoder; `lo con` with convolutions.

    These are for small-a and small-b; of `others` each is for its checkpoint.
    """
    shapes = dict(_layers(checkpoints / "small-a.safetensors"))
    folder.mkdir(parents=True)
    attention = _attention(shapes)
    unet = {k: s for k, s in attention.items() if k.startswith("lora_unet")}
    for seed, name in enumerate("abcd"):
        save_file(_random(attention, seed), folder / f"{name}.safetensors", _about(name))
    for seed, name in enumerate("ab"):
        save_file(_random(unet, 10 + seed), folder / f"unet-{name}.safetensors")
    sub = folder / "sub"
    sub.mkdir()
    save_file(_random(shapes, 20), sub / "lo con.safetensors")
    claimed = _about("claim") | {"sshs_model_hash": "0123456789abcdef" * 4}
    save_file(_random(attention, 21), folder / "claim.safetensors", claimed)
    wide = {k: (s[0] * 2, *s[1:]) for k, s in attention.items()}
    save_file(_random(wide, 22), folder / "other-model.safetensors")
    for seed, (name, checkpoint) in enumerate(others.items()):
        make_lora(
            checkpoints / f"{checkpoint}.safetensors", folder / f"{name}.safetensors", 30 + seed
        )
    data = (folder / "a.safetensors").read_bytes()
    (folder / "truncated.safetensors").write_bytes(data[: len(data) // 2])
    (folder / "page.safetensors").write_text("<!DOCTYPE html><html><body>Sign in</body></html>")


def make_lora(checkpoint: Path, file: Path, seed: int) -> None:
    """One for the UNet and the text encoders of this checkpoint."""
    fitting = _attention(dict(_layers(checkpoint)))
    save_file(_random(fitting, seed), file, _about(file.stem))


def _attention(shapes: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    return {k: s for k, s in shapes.items() if len(s) == 2 or "proj_" in k}


def _layers(checkpoint: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Kohya's name and the weight's shape of the layers that LoRAs are trained on."""
    with safe_open(checkpoint, "pt") as file:
        for key in file.keys():  # noqa: SIM118  not a dict
            shape = tuple(file.get_slice(key).get_shape())
            if len(shape) < 2 or not key.endswith("weight"):
                continue
            unet = key.removeprefix(UNET)
            if unet != key and (name := layer_names.unet_key(unet.removesuffix(".weight"))):
                if _is_trained(name):
                    yield f"lora_unet_{name}", shape
            else:
                yield from _text_layers(key, shape)


def _text_layers(key: str, shape: tuple[int, ...]) -> Iterator[tuple[str, tuple[int, ...]]]:
    for prefix, kohya in TEXTS.items():
        if not key.startswith(prefix):
            continue
        path = key.removeprefix(prefix).removesuffix(".weight")
        paths, size = [path], shape
        if path.endswith(FUSED):
            paths = [path.replace(FUSED, f"attn.{part}_proj") for part in "qkv"]
            size = (shape[0] // 3, shape[1])
        for one in paths:
            if (name := layer_names.text_key(one)) and "layers" in name:
                yield f"{kohya}_text_model_{name}", size


def _is_trained(name: str) -> bool:
    return any(part in name for part in ("attentions", "_conv1", "_conv2"))


def _random(shapes: dict[str, tuple[int, ...]], seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for name, shape in shapes.items():
        down = torch.randn(RANK, *shape[1:], generator=generator) / math.sqrt(math.prod(shape[1:]))
        up = torch.randn(shape[0], RANK, *[1] * (len(shape) - 2), generator=generator)
        tensors[f"{name}.lora_down.weight"] = down
        tensors[f"{name}.lora_up.weight"] = up / math.sqrt(RANK)
        tensors[f"{name}.alpha"] = torch.tensor(ALPHA)
    return tensors


def _about(name: str) -> dict[str, str]:
    return {"ss_output_name": name, "ss_network_dim": str(RANK), "ss_network_alpha": str(ALPHA)}

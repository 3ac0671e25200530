"""LoRA files made as users' trainers make them: by lycoris-lora, by diffusers and by peft."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from diffusers import StableDiffusionPipeline
from lycoris import config as lycoris_presets
from lycoris.kohya import create_network
from peft import LoKrConfig, LoraConfig, get_peft_model, get_peft_model_state_dict
from peft.tuners.lora import LoraLayer
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

ATTENTION = ["to_q", "to_k", "to_v", "to_out.0"]
TRANSFORMER = [*ATTENTION, "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2"]
EVERYTHING = [*TRANSFORMER, "conv1", "conv2"]
TEXT = ["q_proj", "k_proj", "v_proj", "out_proj"]

# lycoris-lora's own presets name the time embedding twice, which it then refuses.
lycoris_presets.PRESET["resnets-and-attention"] = {
    "enable_conv": True,
    "unet_target_module": ["Transformer2DModel", "ResnetBlock2D"],
    "unet_target_name": ["conv_in", "conv_out"],
    "text_encoder_target_module": [],
    "text_encoder_target_name": [],
}


class Adapter(Protocol):
    """One kind of LoRA on a pipeline's modules: `model` holds what is trained."""

    @property
    def model(self) -> nn.Module: ...

    def scale(self, weight: float) -> None:
        """The weight a user would write, until the next call."""

    def save(self, path: Path, metadata: dict[str, str]) -> None:
        """One `.safetensors` file in half precision."""


class Kohya:
    """lycoris-lora inside kohya's trainer: LoCon, LoHa and LoKr under `lora_unet_…` keys."""

    def __init__(
        self, pipe: StableDiffusionPipeline, algorithm: str, rank: int, conv: int, preset: str
    ) -> None:
        alphas = {"network_alpha": rank / 2, "conv_dim": conv, "conv_alpha": conv / 2}
        parts = {"vae": pipe.vae, "text_encoder": pipe.text_encoder, "unet": pipe.unet}
        network = create_network(1.0, rank, algo=algorithm, preset=preset, **alphas, **parts)
        network.apply_to(pipe.text_encoder, pipe.unet, False, True)
        network.to(pipe.device)
        self.model: nn.Module = network
        self.network: Any = network

    def scale(self, weight: float) -> None:
        self.network.set_multiplier(weight)

    def save(self, path: Path, metadata: dict[str, str]) -> None:
        self.network.save_weights(str(path), torch.float16, dict(metadata))


class Diffusers:
    """peft's adapters on UNet and text encoder, saved by diffusers: `unet.…lora_A.weight`."""

    def __init__(self, pipe: StableDiffusionPipeline, rank: int) -> None:
        self.pipe, unet = pipe, LoraConfig(r=rank, lora_alpha=rank // 2, target_modules=TRANSFORMER)
        pipe.unet.add_adapter(unet)
        text = LoraConfig(r=rank, lora_alpha=rank // 2, target_modules=TEXT)
        pipe.text_encoder.add_adapter(text)
        self.configs = {
            "unet_lora_adapter_metadata": unet,
            "text_encoder_lora_adapter_metadata": text,
        }
        self.model = nn.ModuleDict({"unet": pipe.unet, "text_encoder": pipe.text_encoder})

    def scale(self, weight: float) -> None:
        for module in (self.pipe.unet, self.pipe.text_encoder):
            scale_lora(module, weight)

    def save(self, path: Path, metadata: dict[str, str]) -> None:
        StableDiffusionPipeline.save_lora_weights(
            path.parent,
            unet_lora_layers=get_peft_model_state_dict(self.pipe.unet),
            text_encoder_lora_layers=get_peft_model_state_dict(self.pipe.text_encoder),
            weight_name=path.name,
            **{name: _shared(config) for name, config in self.configs.items()},
        )
        with safe_open(path, "pt") as file:
            metadata = {**metadata, **(file.metadata() or {})}
        save_half(load_file(path), path, metadata)


class Peft:
    """A UNet wrapped and saved by peft: `base_model.model.…`.

    Alpha is the rank: without its `adapter_config.json` the file could not say anything else.
    """

    def __init__(
        self,
        pipe: StableDiffusionPipeline,
        algorithm: str,
        rank: int,
        targets: Sequence[str] = TRANSFORMER,
    ) -> None:
        kinds = {
            "lora": LoraConfig(r=rank, lora_alpha=rank),
            "lokr": LoKrConfig(r=rank, alpha=rank),
        }
        config = kinds[algorithm]
        config.target_modules = set(targets)
        self.model = get_peft_model(pipe.unet, config)

    def scale(self, weight: float) -> None:
        scale_lora(self.model, weight)

    def save(self, path: Path, metadata: dict[str, str]) -> None:
        save_half(get_peft_model_state_dict(self.model), path, metadata)


def _shared(config: LoraConfig) -> dict[str, Any]:
    """The config without the folder of the machine that it was trained on."""
    return {**config.to_dict(), "base_model_name_or_path": None}


def scale_lora(module: nn.Module, weight: float) -> None:
    for layer in module.modules():
        if isinstance(layer, LoraLayer):
            for name in layer.scaling:
                layer.scaling[name] = weight * layer.lora_alpha[name] / layer.r[name]


def save_half(tensors: dict[str, Tensor], path: Path, metadata: dict[str, str]) -> None:
    half = {name: t.detach().to("cpu", torch.float16).contiguous() for name, t in tensors.items()}
    save_file(half, path, metadata)

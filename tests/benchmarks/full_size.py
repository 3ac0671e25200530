"""A full-size SD 1.5 with random weights, and LoRA files as kohya's trainer makes them for it."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import Transformer2DModel, UNet2DConditionModel
from live_lora.app import configs
from live_lora.model.base_targets import base_targets
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel


def sd15(dtype: torch.dtype = torch.float32) -> dict[str, nn.Module]:
    """UNet (860 M parameters) and text encoder (123 M), filled with small noise."""
    made = configs.read("sd15")
    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(made["unet"])
        text = CLIPTextModel(CLIPTextConfig(**made["text_encoder"]))
    return {"unet": filled(unet, dtype), "text_encoder": filled(text, dtype)}


def filled(model: nn.Module, dtype: torch.dtype) -> nn.Module:
    """The model off the meta device; weights small enough that activations stay finite."""
    model = model.to(dtype).to_empty(device="cpu").eval()
    with torch.no_grad():
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            if tensor.is_floating_point():
                tensor.uniform_(-0.02, 0.02)
            elif name.endswith("position_ids"):
                tensor.copy_(torch.arange(tensor.shape[-1]).expand_as(tensor))
    return model


SDXL_BLOCK = "down_blocks.2.attentions.0"  # 1280 channels at 1/32 of the picture's size


class SdxlBlock(nn.Module):
    """One attention block of SDXL's UNet, ten layers deep, at its place in a UNet."""

    def __init__(self, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        with torch.device("meta"):
            block = Transformer2DModel(
                num_attention_heads=20,
                attention_head_dim=64,
                in_channels=1280,
                num_layers=10,
                cross_attention_dim=2048,
                use_linear_projection=True,
            )
        self.down_blocks = nn.ModuleList(nn.Module() for _ in range(3))
        self.down_blocks[2].attentions = nn.ModuleList([filled(block, dtype)])

    def forward(self, x: Tensor, timestep: float, context: Tensor) -> Tensor:
        """x (rows, 1280, h, w), context (rows, 77, 2048)."""
        return self.down_blocks[2].attentions[0](x, context, return_dict=False)[0]


def kohya_lora(
    path: Path, *, rank: int = 32, seed: int = 0, base: str = "sd15", within: str = ""
) -> Path:
    """As sd-scripts writes them, fp16; of the keys that begin with `within`, where it is given.

    For an SD 1.5 264 modules, 192 in the UNet and 72 in the text encoder.
    """
    generator, state = torch.Generator().manual_seed(seed), {}
    for (component, key), target in base_targets(base).items():
        if not key.startswith(within.replace(".", "_")) or (within and component != "unet"):
            continue
        trained = "attentions" in key and "norm" not in key
        if (component == "unet" and not trained) or (
            component != "unet" and "encoder_layers" not in key
        ):
            continue
        if target.kind == "norm":
            continue
        prefix = f"lora_unet_{key}" if component == "unet" else f"lora_te_text_model_{key}"
        out, inside = target.shape[:2]
        tail = (1, 1) if target.kind == "conv" else ()
        down = torch.randn(rank, inside, *tail, generator=generator) * 0.02
        up = torch.randn(out, rank, *tail, generator=generator) * 0.02
        state[f"{prefix}.lora_down.weight"] = down.half()
        state[f"{prefix}.lora_up.weight"] = up.half()
        state[f"{prefix}.alpha"] = torch.tensor(rank / 2)
    save_file(state, path, metadata={"ss_base_model_version": "sd_v1"})
    return path

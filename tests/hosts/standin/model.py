"""A tiny checkpoint with the webui's module names (LDM's).

In float64: a random UNet makes much of a rounding in a few steps.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTH, WORDS = 16, 8  # channels everywhere; tokens of one chunk


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.to_q, self.to_k, self.to_v = (nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(3))
        self.to_out = nn.Sequential(nn.Linear(WIDTH, WIDTH))

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        q, k, v = self.to_q(x), self.to_k(context), self.to_v(context)
        mixed = F.scaled_dot_product_attention(q, k, v)
        out: Tensor = self.to_out(mixed)
        return out


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attn1, self.attn2 = Attention(), Attention()

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        x = x + self.attn1(x, x)
        out: Tensor = x + self.attn2(x, context)
        return out


class Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.proj_in, self.proj_out = (nn.Conv2d(WIDTH, WIDTH, 1) for _ in range(2))
        self.transformer_blocks = nn.ModuleList([Block()])

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        n, c, h, w = x.shape
        tokens = self.proj_in(x).flatten(2).transpose(1, 2)
        tokens = self.transformer_blocks[0](tokens, context)
        out: Tensor = x + self.proj_out(tokens.transpose(1, 2).reshape(n, c, h, w))
        return out


class UNet(nn.Module):
    """Answers the denoised picture, without any skip of steps or channels."""

    def __init__(self) -> None:
        super().__init__()
        first = nn.ModuleList([nn.Conv2d(4, WIDTH, 3, padding=1)])
        self.input_blocks = nn.ModuleList([first, nn.ModuleList([nn.Identity(), Transformer()])])
        self.middle_block = nn.ModuleList([nn.Identity(), Transformer()])
        self.output_blocks = nn.ModuleList()
        self.out = nn.Sequential(nn.Identity(), nn.SiLU(), nn.Conv2d(WIDTH, 4, 3, padding=1))

    def forward(
        self,
        x: Tensor,
        timesteps: Tensor,
        context: Tensor,
        transformer_options: dict[str, Any] | None = None,
    ) -> Tensor:
        scale = (1 + timesteps**2).rsqrt().view(-1, 1, 1, 1)
        h = self.input_blocks[0][0](x * scale)
        h = self.input_blocks[1][1](h, context)
        h = self.middle_block[1](h, context)
        out: Tensor = self.out(h).tanh()
        return out


class TextLayer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.self_attn = nn.Module()
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            setattr(self.self_attn, name, nn.Linear(WIDTH, WIDTH))
        self.mlp = nn.Module()
        self.mlp.fc1, self.mlp.fc2 = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        a: Any = self.self_attn
        x = x + a.out_proj(F.scaled_dot_product_attention(a.q_proj(x), a.k_proj(x), a.v_proj(x)))
        out: Tensor = x + self.mlp.fc2(F.gelu(self.mlp.fc1(x)))
        return out


class TextModel(nn.Module):
    """Of the structure of HF's CLIPTextModel; one token a word, by its letters."""

    def __init__(self) -> None:
        super().__init__()
        self.text_model = nn.Module()
        self.text_model.embeddings = nn.Embedding(997, WIDTH)
        self.text_model.encoder = nn.Module()
        self.text_model.encoder.layers = nn.ModuleList([TextLayer(), TextLayer()])

    def forward(self, tokens: Tensor) -> Tensor:
        """(texts, words) → (texts, words, channels)."""
        parts: Any = self.text_model
        x: Tensor = parts.embeddings(tokens)
        for layer in parts.encoder.layers:
            x = layer(x)
        return x


class Checkpoint(nn.Module):
    """What the webui calls `sd_model`."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.model = nn.Module()
        self.model.diffusion_model = UNet()
        self.cond_stage_model = nn.Module()
        self.cond_stage_model.wrapped = nn.Module()
        self.cond_stage_model.wrapped.transformer = TextModel()
        self.sd_checkpoint_info = SimpleNamespace(filename=f"checkpoint-{seed}.safetensors")
        self.double()
        self.load(seed)
        self.encoded: list[list[str]] = []

    def load(self, seed: int) -> None:
        """Other weights into the same modules."""
        generator = torch.Generator().manual_seed(seed)
        for name, tensor in self.named_parameters():
            noise = torch.randn(tensor.shape, generator=generator, dtype=tensor.dtype)
            fan = tensor[0].numel() if tensor.dim() > 1 else 100
            tensor.data = noise if "embeddings" in name else noise / fan**0.5
        self.sd_checkpoint_info.filename = f"checkpoint-{seed}.safetensors"

    def get_learned_conditioning(self, texts: list[str]) -> Tensor:
        """All texts in one call for each chunk of words, as long as the longest needs."""
        self.encoded.append(list(texts))
        words = [[sum(map(ord, word)) % 996 + 1 for word in text.split()] for text in texts]
        chunks = max(1, max(-(-len(one) // WORDS) for one in words))
        padded = [one + [0] * (chunks * WORDS - len(one)) for one in words]
        tokens = torch.tensor(padded)
        transformer: Any = self.cond_stage_model.wrapped.transformer
        return torch.cat([transformer(part) for part in tokens.split(WORDS, dim=1)], dim=1)

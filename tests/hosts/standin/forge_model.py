"""The tiny checkpoint as Forge and its forks keep one: patchers around modules of their own."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from model import Checkpoint
from modules.textual_inversion.textual_inversion import (
    EmbeddingDatabase,
    create_embedding_from_data,  # noqa: F401  beside the class, as in every webui
)
from torch import Tensor, nn
from torch.nn import functional as F


class Linear(nn.Module):
    """Forge's is no nn.Linear; its weight may be stored in any form."""

    def __init__(self, source: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = source.in_features, source.out_features
        self.weight, self.bias = source.weight, source.bias
        self.scale_weight = None

    def forward(self, x: Tensor) -> Tensor:
        bias = None if self.bias is None else self.bias.to(x)
        return F.linear(x, self.weight.to(x), bias)


class Database(EmbeddingDatabase):
    """Knows its tokenizer: no checkpoint is asked for."""

    def register_embedding_by_name(self, embedding: Any, name: str) -> Any:
        return super().register_embedding_by_name(embedding, None, name)


class Patcher:
    """Made anew for every pass, around the same model."""

    def __init__(self, model: Any, room: int = 0) -> None:
        self.model, self.room = model, room

    def clone(self) -> Patcher:
        return Patcher(self.model, self.room)

    def add_extra_preserved_memory_during_sampling(self, size: int) -> None:
        self.room += size


class ForgeCheckpoint:
    """No torch module itself; another checkpoint is another object."""

    def __init__(self, seed: int = 0) -> None:
        whole = Checkpoint(seed)
        self.sd_checkpoint_info = whole.sd_checkpoint_info
        unet, text = whole.model.diffusion_model, whole.cond_stage_model.wrapped.transformer
        for network in (unet, text):
            _with_own_linear(network)
        joint = nn.Module()
        joint.clip_l = nn.Module()
        joint.clip_l.transformer = text
        self.forge_objects = SimpleNamespace(
            unet=Patcher(SimpleNamespace(diffusion_model=unet)),
            clip=SimpleNamespace(cond_stage_model=joint),
        )
        self.text_processing_engine = SimpleNamespace(embeddings=Database())
        self.current_lora_hash = "[]"
        self.encoded: list[list[str]] = []
        self._whole = whole

    def modules(self) -> Any:
        """Of all its parts."""
        return self._whole.modules()

    def get_learned_conditioning(self, texts: list[str]) -> Tensor:
        """The text of all entries of a schedule in one call."""
        return self._whole.get_learned_conditioning(texts)


def _with_own_linear(network: nn.Module) -> None:
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Linear):
                setattr(parent, name, Linear(child))


def unet_of(sd_model: Any) -> Any:
    """The network of either kind of checkpoint."""
    objects = getattr(sd_model, "forge_objects", None)
    return (sd_model.model if objects is None else objects.unet.model).diffusion_model


def chunks(text: Tensor, against: Tensor | None, size: int) -> list[tuple[Tensor, int]]:
    """What the denoiser has to run, parts (of `size` pictures each) first: (conds, 0 or 1)."""
    found = [(part, 0) for part in text.split(size)]
    return found if against is None else [*found, (against, 1)]


def calls(run: list[tuple[Tensor, int]], most: int) -> list[list[int]]:
    """The calls it makes of them: those that fit the first, from the end, `most` at a time."""
    left, made = list(range(len(run))), []
    while left:
        alike = [i for i in left if run[i][0].shape == run[left[0]][0].shape][::-1][:most]
        made.append(alike)
        left = [i for i in left if i not in alike]
    return made


def denoised(unet: Any, x: Tensor, level: Tensor, run: list[tuple[Tensor, int]], most: int) -> Any:
    """The network's answers, in the order of `run`; each call says what it holds."""
    out: dict[int, Tensor] = {}
    for call in calls(run, most):
        options = {"cond_or_uncond": [run[i][1] for i in call], "sigmas": level}
        answer = unet(
            torch.cat([x] * len(call)),
            torch.cat([level] * len(call)),
            context=torch.cat([run[i][0] for i in call]),
            transformer_options=options,
        )
        out |= dict(zip(call, answer.split(len(x)), strict=True))
    return [out[i] for i in range(len(run))]

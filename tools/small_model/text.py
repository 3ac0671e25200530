"""The text encoder: CLIP's, taught to say what a caption says of its scene, then frozen.

CLIP learns this from pictures; here the scenes themselves are known, so each position from the
end-of-text token on must name the scene's kind, colour, background, size, place, count and mood.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from . import vocabulary
from .colours import COLOURS
from .loop import Plan, device
from .objects import OBJECTS
from .world import LANDS, PLACES, SIZES, Scene, caption, random_scene

WIDTH = 96
LENGTH = 77
PLAN = Plan(steps=1200, lr=3e-3, warmup=50, average=0.99)
BATCH = 16

QUESTIONS: dict[str, list[object]] = {
    "kind": [*OBJECTS],
    "colour": [*COLOURS],
    "background": [*COLOURS, *LANDS],
    "size": [*SIZES],
    "place": [*PLACES],
    "count": [1, 2, 3],
    "happy": [False, True],
}


def learn_vocabulary(folder: Path, captions: int = 4000) -> None:
    scenes = [random_scene(Random(seed)) for seed in range(captions)]
    vocabulary.save(folder, *vocabulary.learn(caption(s, Random(s.variant)) for s in scenes))


def build(tokens: int) -> CLIPTextModel:
    torch.manual_seed(2)
    config = CLIPTextConfig(
        vocab_size=tokens,
        hidden_size=WIDTH,
        intermediate_size=4 * WIDTH,
        projection_dim=WIDTH,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=LENGTH,
        bos_token_id=tokens - 2,
        eos_token_id=tokens - 1,
        pad_token_id=tokens - 1,
    )
    return CLIPTextModel(config)


def answers(scene: Scene) -> list[int]:
    return [values.index(getattr(scene, name)) for name, values in QUESTIONS.items()]


class Reader(nn.Module):
    """The encoder with one linear head for each question, which training throws away."""

    def __init__(self, tokens: int) -> None:
        super().__init__()
        self.encoder = build(tokens)
        self.heads = nn.ModuleList(nn.Linear(WIDTH, len(values)) for values in QUESTIONS.values())


class TextTask:
    def __init__(self, worker: int, folder: Path, batch: int = BATCH) -> None:
        self.tokenizer = vocabulary.load(folder)
        self.model = Reader(len(self.tokenizer)).to(device())
        self.random, self.batch = Random(worker), batch

    def loss(self) -> Tensor:
        scenes = [random_scene(self.random) for _ in range(self.batch)]
        ids = tokenize(self.tokenizer, [caption(scene, self.random) for scene in scenes])
        hidden = self.model.encoder(ids)[0]  # (n, 77, width)
        after = (ids == self.tokenizer.eos_token_id)[
            :, 1:
        ].nonzero()  # every position from the end on
        targets = torch.tensor([answers(scene) for scene in scenes], device=device())
        features, targets = hidden[:, 1:][after[:, 0], after[:, 1]], targets[after[:, 0]]
        losses = [
            F.cross_entropy(head(features), targets[:, i])
            for i, head in enumerate(self.model.heads)
        ]
        return torch.stack(losses).sum()


def tokenize(tokenizer: CLIPTokenizer, captions: list[str]) -> Tensor:
    """(n, 77) token numbers, padded with the end token as Stable Diffusion 1.x does."""
    kind = {
        "padding": "max_length",
        "truncation": True,
        "max_length": LENGTH,
        "return_tensors": "pt",
    }
    ids: Tensor = tokenizer(captions, **kind).input_ids
    return ids.to(device())

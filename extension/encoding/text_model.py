"""One CLIP text encoder of a pipeline with its tokenizer: chunks in, vectors out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from ..prompt.words.chunks import LENGTH, Chunk, Chunking
from ..records import Component
from .inversions import WordVectors


class TextModel:
    """`penultimate` encoders (SDXL's) give the layer before the last, without its norm."""

    def __init__(
        self, component: Component, module: Any, tokenizer: Any, *, penultimate: bool
    ) -> None:
        self.component = component
        self.module = module
        self.tokenizer = tokenizer
        self.penultimate = penultimate

    @cached_property
    def length(self) -> int:
        """Tokens of a chunk: CLIP reads 77, of which the first and the last are its own."""
        return min(LENGTH, int(self.module.config.max_position_embeddings) - 2)

    def chunking(self, backtrack: int) -> Chunking:
        """How its texts are divided."""
        comma = self.tokenizer.convert_tokens_to_ids(",</w>")
        unknown = self.tokenizer.unk_token_id
        known = None if comma is None or comma == unknown else int(comma)
        return Chunking(self.tokenize, known, self.length, backtrack)

    def tokenize(self, texts: list[str]) -> Sequence[Sequence[int]]:
        """Ids without those of begin and end."""
        found = self.tokenizer(texts, truncation=False, add_special_tokens=False, verbose=False)
        ids: Sequence[Sequence[int]] = found["input_ids"]
        return ids

    @property
    def width(self) -> int:
        """Of one token's vector on its way in."""
        return int(self.module.get_input_embeddings().weight.shape[-1])

    def padded(self, chunk: Chunk) -> list[int]:
        """Begin, the ids, an end, and what this encoder was trained to see behind it."""
        missing = self.length - len(chunk.ids)
        ids = [*chunk.ids, self.tokenizer.eos_token_id]
        end = ids.index(self.tokenizer.eos_token_id)
        ids += [self.tokenizer.pad_token_id] * missing
        if self.tokenizer.pad_token_id != self.tokenizer.eos_token_id:
            ids[end + 1 :] = [self.tokenizer.pad_token_id] * (len(ids) - end - 1)
        return [self.tokenizer.bos_token_id, *ids]

    def weights(self, chunk: Chunk) -> list[float]:
        """One for each id of `padded`."""
        return [1.0, *chunk.weights, *[1.0] * (self.length + 1 - len(chunk.weights))]

    def read(
        self, chunks: Sequence[Chunk], device: Any, clip_skip: int | None
    ) -> tuple[Tensor, Tensor | None]:
        """(n, 77, width) of n chunks, and (n, projection) where the encoder has one."""
        ids = torch.tensor([self.padded(chunk) for chunk in chunks], device=device)
        with self._inserting(chunks):
            out = self.module(ids, attention_mask=self._mask(ids), output_hidden_states=True)
        skipped = (clip_skip or 0) + self.penultimate
        z = out.hidden_states[-(skipped + 1)] if skipped else out.last_hidden_state
        if skipped and not self.penultimate:
            z = getattr(self.module, "text_model", self.module).final_layer_norm(z)
        pooled = out[0] if out[0].dim() == 2 else None
        return z, pooled

    def _mask(self, ids: Tensor) -> Tensor | None:
        """Only few encoders ask for one."""
        if not getattr(self.module.config, "use_attention_mask", False):
            return None
        end = (ids == self.tokenizer.eos_token_id).int()
        before: Tensor = end.cumsum(-1) - end == 0
        return before.long()

    @contextmanager
    def _inserting(self, chunks: Sequence[Chunk]) -> Iterator[None]:
        """The embeddings' vectors in the place of their tokens'."""
        if not any(chunk.inserts for chunk in chunks):
            yield
            return

        def insert(module: nn.Module, args: Any, out: Tensor) -> Tensor:
            out = out.clone()
            for row, chunk in enumerate(chunks):
                for offset, vectors in chunk.inserts:
                    assert isinstance(vectors, WordVectors)
                    values = vectors.of(self.component).to(out)
                    start = offset + 1  # behind the begin
                    count = min(len(values), out.shape[1] - start)
                    out[row, start : start + count] = values[:count]
            return out

        handle = self.module.get_input_embeddings().register_forward_hook(insert)
        try:
            yield
        finally:
            handle.remove()


def text_models(pipeline: Any) -> list[TextModel]:
    """The encoders of a Stable Diffusion pipeline, in the order in which their vectors are joined.

    SDXL has two; its refiner the second alone.
    """
    pairs: tuple[tuple[Component, str], ...] = (
        ("text_encoder", "tokenizer"),
        ("text_encoder_2", "tokenizer_2"),
    )
    is_xl = hasattr(pipeline, "text_encoder_2")
    return [
        TextModel(name, module, tokenizer, penultimate=is_xl)
        for name, tokenizer_name in pairs
        if (module := getattr(pipeline, name, None)) is not None
        and (tokenizer := getattr(pipeline, tokenizer_name, None)) is not None
    ]

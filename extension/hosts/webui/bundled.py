"""Textual inversions inside of LoRA files: known to the webui while their LoRA acts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from modules import sd_hijack
from modules.textual_inversion import textual_inversion

from ...network.embeddings import Embedding
from ...network.network import Network
from ...session.run import Run
from . import models, options

PARAM = "string_to_param."


@contextmanager
def registered(run: Run) -> Iterator[None]:
    """The words of the run's files mean their vectors inside this context."""
    with ExitStack() as stack:
        for entry, network in run.networks:
            for embedding in network.embeddings:
                _register(stack, entry.name, network, embedding)
        yield


def _register(stack: ExitStack, lora: str, network: Network, embedding: Embedding) -> None:
    database, sd_model = sd_hijack.model_hijack.embedding_db, models.loaded()
    if embedding.name in database.word_embeddings:
        return  # the user's own file of this name comes first, as with the builtin
    with network.open() as read:
        vectors = embedding.vectors(read)
    made = textual_inversion.create_embedding_from_data(_as_file(vectors), embedding.name)
    if database.expected_shape not in (-1, made.shape):
        return  # made for another text encoder: the report says so of the whole file
    made.shorthash = lora if options.get("lora_bundled_ti_to_infotext") else ""
    database.register_embedding(made, sd_model)
    stack.callback(database.register_embedding_by_name, None, sd_model, embedding.name)


def _as_file(vectors: dict[str, torch.Tensor]) -> dict[str, Any]:
    """The parts as an embedding's own file holds them."""
    rows = {part: v if v.dim() == 2 else v.unsqueeze(0) for part, v in vectors.items()}
    for part, tensor in rows.items():
        if part.startswith(PARAM):
            return {"string_to_param": {part.removeprefix(PARAM): tensor}}
    return dict(rows)

"""Textual inversions inside of LoRA files: known to the webui while their LoRA acts."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch

from ...network.embeddings import Embedding
from ...network.network import Network
from ...session.run import Run
from . import models, options

PARAM = "string_to_param."


@contextmanager
def registered(run: Run) -> Iterator[None]:
    """The words of the run's files mean their vectors inside this context."""
    found = models.ours()
    with ExitStack() as stack:
        if found is not None and any(network.embeddings for _, network in run.networks):
            backend, sd_model = found
            for database in backend.embedding_databases(sd_model):
                for entry, network in run.networks:
                    for embedding in network.embeddings:
                        _register(stack, database, sd_model, entry.name, network, embedding)
        yield


def _register(
    stack: ExitStack, database: Any, sd_model: Any, lora: str, network: Network, one: Embedding
) -> None:
    if one.name in database.word_embeddings:
        return  # the user's own file of this name comes first, as with the builtin
    with network.open() as read:
        vectors = one.vectors(read)
    # The class and the reader of files are neighbours in every webui.
    reader: Any = sys.modules[type(database).__module__]
    made = reader.create_embedding_from_data(_as_file(vectors), one.name)
    if database.expected_shape not in (-1, made.shape):
        return  # made for another text encoder: the report says so of the whole file
    made.shorthash = lora if options.get("lora_bundled_ti_to_infotext") else ""
    # A webui with one database for all checkpoints wants to know whose tokenizer to use.
    by_name: Any = database.register_embedding_by_name
    model = (sd_model,) if "model" in inspect.signature(by_name).parameters else ()
    by_name(made, *model, one.name)
    stack.callback(partial(by_name, None, *model, one.name))


def _as_file(vectors: dict[str, torch.Tensor]) -> dict[str, Any]:
    """The parts as an embedding's own file holds them."""
    rows = {part: v if v.dim() == 2 else v.unsqueeze(0) for part, v in vectors.items()}
    for part, tensor in rows.items():
        if part.startswith(PARAM):
            return {"string_to_param": {part.removeprefix(PARAM): tensor}}
    return dict(rows)

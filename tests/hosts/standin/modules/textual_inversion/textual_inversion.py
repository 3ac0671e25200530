"""Embeddings from their files' contents."""

from types import SimpleNamespace


def create_embedding_from_data(data, name, filename="", filepath=None):
    (vectors,) = data.get("string_to_param", data).values()
    return SimpleNamespace(name=name, vec=vectors, shape=vectors.shape[-1], shorthash=None)

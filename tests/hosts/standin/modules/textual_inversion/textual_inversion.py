"""Embeddings: the words that stand for learned vectors, and their files' contents."""

from types import SimpleNamespace


def create_embedding_from_data(data, name, filename="", filepath=None):
    (vectors,) = data.get("string_to_param", data).values()
    return SimpleNamespace(name=name, vec=vectors, shape=vectors.shape[-1], shorthash=None)


class EmbeddingDatabase:
    def __init__(self):
        self.word_embeddings = {}
        self.expected_shape = -1

    def register_embedding(self, embedding, model):
        return self.register_embedding_by_name(embedding, model, embedding.name)

    def register_embedding_by_name(self, embedding, model, name):
        self.word_embeddings.pop(name, None)
        if embedding is not None:
            self.word_embeddings[name] = embedding

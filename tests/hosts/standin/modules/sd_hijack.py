"""The words that stand for learned vectors."""

from types import SimpleNamespace


class Database:
    def __init__(self):
        self.word_embeddings = {}
        self.expected_shape = -1

    def register_embedding(self, embedding, model):
        return self.register_embedding_by_name(embedding, model, embedding.name)

    def register_embedding_by_name(self, embedding, model, name):
        self.word_embeddings.pop(name, None)
        if embedding is not None:
            self.word_embeddings[name] = embedding


model_hijack = SimpleNamespace(embedding_db=Database())

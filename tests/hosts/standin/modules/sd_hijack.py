"""The words that stand for learned vectors."""

from types import SimpleNamespace

from modules.textual_inversion.textual_inversion import EmbeddingDatabase

model_hijack = SimpleNamespace(embedding_db=EmbeddingDatabase())

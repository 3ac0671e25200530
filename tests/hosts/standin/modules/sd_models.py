"""The checkpoint in memory."""

from types import SimpleNamespace

model_data = SimpleNamespace(sd_model=None)

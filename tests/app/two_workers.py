"""Trains a line in two processes, which find `live_lora` by importing this script again."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import conftest  # noqa: F401  (mounts live_lora)
import torch

from tools.small_model.loop import Plan, fit


class Pull:
    """A line whose loss has another slope in each worker."""

    def __init__(self, worker: int) -> None:
        self.model, self.slope = torch.nn.Linear(1, 1), (-1, 2)[worker]
        torch.nn.init.zeros_(self.model.weight)
        torch.nn.init.zeros_(self.model.bias)

    def loss(self) -> torch.Tensor:
        return self.slope * self.model(torch.ones(1, 1)).sum()


if __name__ == "__main__":
    fit(Pull, Plan(steps=10, lr=1e-2, workers=2, warmup=1), Path(sys.argv[1]))

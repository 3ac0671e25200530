"""Muon (Jordan 2024): momentum made orthogonal, for matrices and convolutions; Adam for others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn


def orthogonal(matrices: Tensor, rounds: int = 5) -> Tensor:
    """The nearest (semi-)orthogonal matrices, roughly, by Newton–Schulz: (n, rows, columns).

    Every round multiplies x by a polynomial of its Gram matrix. They all commute, so the small Gram
    matrix is iterated, and x multiplied once.
    """
    a, b, c = 3.4445, -4.7750, 2.0315  # Jordan's quintic: singular values end in 0.7 … 1.2
    tall = matrices.shape[1] > matrices.shape[2]
    x: Tensor = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    gram = x @ x.mT
    one = torch.eye(gram.shape[-1], device=gram.device)
    product = one
    for _ in range(rounds):
        factor = a * one + b * gram + c * gram @ gram
        gram, product = factor @ gram @ factor, factor @ product
    x = product @ x
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """Updates of Adam's usual size (0.2 RMS, Liu et al. 2025): both share one learning rate."""

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float, momentum: float = 0.95):
        super().__init__(parameters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            shapes: dict[torch.Size, list[nn.Parameter]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    shapes[parameter.flatten(1).shape].append(parameter)
            for shape, parameters in shapes.items():
                self._update(parameters, group["momentum"], group["lr"] * 0.2 * max(shape) ** 0.5)

    def _update(self, parameters: list[nn.Parameter], momentum: float, size: float) -> None:
        updates = orthogonal(torch.stack([self._direction(p, momentum) for p in parameters]))
        for parameter, update in zip(parameters, updates, strict=True):
            parameter.add_(update.view(parameter.shape), alpha=-size)

    def _direction(self, parameter: nn.Parameter, momentum: float) -> Tensor:
        """Nesterov's momentum, as a matrix: (out, in · kernel)."""
        state, gradient = self.state[parameter], parameter.grad
        assert gradient is not None
        if "mean" not in state:
            state["mean"] = torch.zeros_like(parameter, memory_format=torch.contiguous_format)
        mean = state["mean"].lerp_(gradient, 1 - momentum)
        return torch.lerp(gradient, mean, momentum).flatten(1)


def is_matrix(name: str, parameter: Tensor) -> bool:
    """Inner weights: no vectors, embeddings, first or last layers, and no factors of a LoRA."""
    outer = ("embedding", "conv_in", "conv_out", "heads", "lora_", "hada_", "lokr_")
    return parameter.ndim >= 2 and not any(word in name for word in outer)


def optimizers(model: nn.Module, lr: float) -> list[torch.optim.Optimizer]:
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    matrices = [p for name, p in named if is_matrix(name, p)]
    rest = [p for name, p in named if not is_matrix(name, p)]
    adam = torch.optim.AdamW(rest, lr=lr, betas=(0.9, 0.98), weight_decay=0.0)
    return [Muon(matrices, lr=lr), adam] if matrices else [adam]

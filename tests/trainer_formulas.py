"""What trainers make of a weight W (o, i[, kh, kw]), written from their formulas in float64.

Each gives the tensors of one module by their suffix, and W' at weight 1. Formulas and shapes are
those of OneTrainer 23df3832, sd-scripts 063ef100 and ai-toolkit 0d53e5e1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

Made = tuple[dict[str, Tensor], Tensor]
Make = Callable[["Draw", Tensor], Made]
RANK, ALPHA, BLOCK = 4, 3.0, 4
SCALE = ALPHA / RANK


class Draw:
    """Normal numbers in float64, the same at every run."""

    def __init__(self, seed: int = 0) -> None:
        self.generator = torch.Generator().manual_seed(seed)

    def __call__(self, *shape: int) -> Tensor:
        made = torch.randn(*shape, generator=self.generator, dtype=torch.float64, device="cpu")
        return made.to(torch.get_default_device()) * 0.3


def alpha() -> Tensor:
    return torch.tensor(ALPHA)


def product(up: Tensor, down: Tensor, weight: Tensor) -> Tensor:
    """up · down with the kernel in down, in W's shape."""
    return (up.flatten(1) @ down.flatten(1)).reshape(weight.shape)


def lora_parts(d: Draw, weight: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    outputs, inputs, *kernel = weight.shape
    down, up = d(RANK, inputs, *kernel), d(outputs, RANK, *[1] * len(kernel))
    tensors = {"lora_down.weight": down, "lora_up.weight": up, "alpha": alpha()}
    return tensors, SCALE * product(up, down, weight)


def lora(d: Draw, weight: Tensor) -> Made:
    tensors, change = lora_parts(d, weight)
    return tensors, weight + change


def dora(axis: int) -> Make:
    """W + ΔW with the norms of its rows (0) or columns (1) set to `dora_scale`."""

    def make(d: Draw, weight: Tensor) -> Made:
        tensors, change = lora_parts(d, weight)
        whole = weight + change
        rest = tuple(at for at in range(whole.dim()) if at != axis)
        norm = whole.pow(2).sum(rest, keepdim=True).sqrt()
        length = 1 + torch.rand(norm.shape, generator=d.generator, dtype=torch.float64)
        return tensors | {"dora_scale": length}, whole * length / norm

    return make


def loha_onetrainer(d: Draw, weight: Tensor) -> Made:
    """Its factors are the weights of real layers, with the kernel in `b`."""
    outputs, inputs, *kernel = weight.shape
    halves = [(d(outputs, RANK, *[1] * len(kernel)), d(RANK, inputs, *kernel)) for _ in range(2)]
    (a1, b1), (a2, b2) = halves
    tensors = {"hada_w1_a": a1, "hada_w1_b": b1, "hada_w2_a": a2, "hada_w2_b": b2}
    change = product(a1, b1, weight) * product(a2, b2, weight)
    return tensors | {"alpha": alpha()}, weight + SCALE * change


def loha_flat(d: Draw, weight: Tensor) -> Made:
    """sd-scripts: every factor is a matrix."""
    columns = math.prod(weight.shape[1:])
    (a1, b1), (a2, b2) = ((d(len(weight), RANK), d(RANK, columns)) for _ in range(2))
    tensors = {"hada_w1_a": a1, "hada_w1_b": b1, "hada_w2_a": a2, "hada_w2_b": b2}
    change = ((a1 @ b1) * (a2 @ b2)).reshape(weight.shape)
    return tensors | {"alpha": alpha()}, weight + SCALE * change


def loha_tucker(d: Draw, weight: Tensor) -> Made:
    """sd-scripts, use_tucker: a core (r, r, kh, kw) between a (r, o) and b (r, i)."""
    outputs, inputs, *kernel = weight.shape
    tensors: dict[str, Tensor] = {"alpha": alpha()}
    change = torch.tensor(SCALE, dtype=torch.float64)
    for half in ("1", "2"):
        core, a, b = d(RANK, RANK, *kernel), d(RANK, outputs), d(RANK, inputs)
        tensors |= {f"hada_t{half}": core, f"hada_w{half}_a": a, f"hada_w{half}_b": b}
        change = change * torch.einsum("pqhw,po,qi->oihw", core, a, b)
    return tensors, weight + change


def kron(w1: Tensor, w2: Tensor, weight: Tensor) -> Tensor:
    """W's shape from w1 (a, c) and w2 (b, d[, kh, kw])."""
    blocks = w1.reshape(*w1.shape, *[1] * (w2.dim() - 2))
    return torch.kron(blocks, w2.contiguous()).reshape(weight.shape)


def lokr(whole: bool = False, both: bool = False, tucker: bool = False) -> Make:
    """w2 whole (scale 1 if w1 is, too), in two factors, or with a core."""

    def make(d: Draw, weight: Tensor) -> Made:
        outputs, inputs, *kernel = weight.shape
        b, channels = outputs // 4, inputs // 4
        tensors: dict[str, Tensor] = {"alpha": alpha()}
        if both:
            tensors |= {"lokr_w1_a": d(4, 2), "lokr_w1_b": d(2, 4)}
            w1 = tensors["lokr_w1_a"] @ tensors["lokr_w1_b"]
        else:
            w1 = tensors["lokr_w1"] = d(4, 4)
        if whole:
            w2 = tensors["lokr_w2"] = d(b, channels, *kernel)
            scale = ALPHA / 2 if both else 1.0
        elif tucker:
            core, up, down = d(RANK, RANK, *kernel), d(RANK, b), d(RANK, channels)
            tensors |= {"lokr_t2": core, "lokr_w2_a": up, "lokr_w2_b": down}
            w2, scale = torch.einsum("pqhw,po,qi->oihw", core, up, down), SCALE
        else:
            up, down = d(b, RANK), d(RANK, channels * math.prod(kernel))
            tensors |= {"lokr_w2_a": up, "lokr_w2_b": down}
            w2, scale = (up @ down).reshape(b, channels, *kernel), SCALE
        return tensors, weight + scale * kron(w1, w2, weight)

    return make


def lokr_endless(d: Draw, weight: Tensor) -> Made:
    """ai-toolkit's lokr_full_rank: rank and alpha are 9999999999, infinite in float16."""
    tensors, changed = lokr(whole=True)(d, weight)
    return tensors | {"alpha": torch.tensor(9999999999.0).half()}, changed


def oft_onetrainer(shared: bool = False, scaled: bool = False) -> Make:
    """R = I + 2Q + 2Q² + 2Q³ + Q⁴: W Rᵀ of a linear layer, W R of a convolution."""

    def make(d: Draw, weight: Tensor) -> Made:
        flat = weight.flatten(1)
        count = 1 if shared else flat.shape[1] // BLOCK
        triangle = d(count, BLOCK * (BLOCK - 1) // 2)
        tensors = {"oft_R.weight": triangle}
        if scaled:
            tensors["oft_R.scaled_oft"] = torch.tensor(True)
            triangle = triangle / (2 * math.sqrt(BLOCK - 1))
        blocks = [series(row) for row in triangle] * (flat.shape[1] // BLOCK if shared else 1)
        turn = torch.block_diag(*blocks)
        changed = flat @ (turn if weight.dim() > 2 else turn.t())
        return tensors, changed.reshape(weight.shape)

    return make


def series(row: Tensor) -> Tensor:
    skew = torch.zeros(BLOCK, BLOCK, dtype=torch.float64)
    skew[tuple(torch.triu_indices(BLOCK, BLOCK, 1))] = row
    skew = skew - skew.t()
    power = torch.linalg.matrix_power
    identity = torch.eye(BLOCK, dtype=torch.float64)
    return identity + 2 * skew + 2 * power(skew, 2) + 2 * power(skew, 3) + power(skew, 4)


ONETRAINER: Mapping[str, Make] = {
    "lora": lora,
    "dora by columns": dora(1),
    "dora by rows": dora(0),
    "loha": loha_onetrainer,
    "lokr": lokr(),
    "lokr of factors": lokr(both=True),
    "lokr of whole halves": lokr(whole=True),
    "oft": oft_onetrainer(),
    "shared oft": oft_onetrainer(shared=True),
    "scaled oft": oft_onetrainer(scaled=True),
    "shared scaled oft": oft_onetrainer(shared=True, scaled=True),
}
KOHYA: Mapping[str, Make] = {  # those of sd-scripts and ai-toolkit
    "lora": lora,
    "sd-scripts loha": loha_flat,
    "sd-scripts lokr": lokr(),
    "sd-scripts lokr of whole halves": lokr(whole=True),
    "ai-toolkit lokr of factors": lokr(both=True),
    "ai-toolkit lokr with a whole w2": lokr(whole=True, both=True),
    "ai-toolkit lokr of full rank": lokr_endless,
}
KERNELS: Mapping[str, Make] = {  # for kernels only
    "sd-scripts loha with cores": loha_tucker,
    "sd-scripts lokr with cores": lokr(tucker=True),
}

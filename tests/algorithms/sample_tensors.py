"""Random tensors as a file has them for one module, in every algorithm's ways of writing it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

Tensors = dict[str, Tensor]
Make = Callable[["Draw"], Tensors]


@dataclass(frozen=True, slots=True)
class Draw:
    """What a sample is made for: W's shape, a rank, and the seed in `generator`."""

    shape: tuple[int, ...]
    rank: int
    generator: torch.Generator

    def __call__(self, *shape: int) -> Tensor:
        """Normal numbers in float64."""
        made = torch.randn(*shape, generator=self.generator, dtype=torch.float64, device="cpu")
        return made.to(torch.get_default_device())

    @property
    def outputs(self) -> int:
        return self.shape[0]

    @property
    def inputs(self) -> int:
        return self.shape[1]

    @property
    def kernel(self) -> tuple[int, ...]:
        return self.shape[2:]

    @property
    def ones(self) -> tuple[int, ...]:
        return (1,) * len(self.kernel)

    @property
    def columns(self) -> int:
        return math.prod(self.shape[1:])

    @property
    def alpha(self) -> Tensor:
        return torch.tensor(0.6 * self.rank, dtype=torch.float64)


def lora(d: Draw) -> Tensors:
    down, up = d(d.rank, d.inputs, *d.kernel), d(d.outputs, d.rank, *d.ones)
    return {"down": down, "up": up, "alpha": d.alpha}


def lora_bias(d: Draw) -> Tensors:
    return lora(d) | {"up_bias": d(d.outputs), "diff_b": d(d.outputs)}


def tucker(d: Draw) -> Tensors:
    mid = d(d.rank, d.rank, *(d.kernel or (1, 1)))
    return {"down": d(d.rank, d.inputs, 1, 1), "mid": mid, "up": d(d.outputs, d.rank, 1, 1)}


def adalora(d: Draw) -> Tensors:
    down, up = d(d.rank, d.columns), d(d.outputs, d.rank)
    return {"down": down, "up": up, "lora_E": d(d.rank, 1), "alpha": d.alpha}


def sparse(d: Draw) -> Tensors:
    n = d.outputs * d.columns
    places = torch.randperm(n, generator=d.generator)[:5]
    everywhere = torch.ones(d.shape).nonzero()  # torch 2.1 has no unravel_index
    indices = everywhere[places].T.to(torch.int16)
    size = torch.tensor(d.shape, dtype=torch.int16)
    return lora(d) | {"bias_indices": indices, "bias_values": d(5), "bias_size": size}


def residual(make: Make) -> Make:
    """With a dense residual of W's size, which the scale is for as well."""
    return lambda d: make(d) | {"bias": d(*d.shape)}


def loha(d: Draw) -> Tensors:
    return {
        "hada_w1_a": d(d.outputs, d.rank),
        "hada_w1_b": d(d.rank, d.columns),
        "hada_w2_a": d(d.outputs, d.rank),
        "hada_w2_b": d(d.rank, d.columns),
        "alpha": d.alpha,
    }


def loha_tucker(d: Draw) -> Tensors:
    kernel = d.kernel or (1, 1)
    halves = {f"hada_w{n}_a": d(d.rank, d.outputs) for n in "12"}
    halves |= {f"hada_w{n}_b": d(d.rank, d.inputs) for n in "12"}
    return halves | {f"hada_t{n}": d(d.rank, d.rank, *kernel) for n in "12"} | {"alpha": d.alpha}


def lokr(d: Draw) -> Tensors:
    return {
        "lokr_w1": d(2, 2),
        "lokr_w2_a": d(d.outputs // 2, d.rank),
        "lokr_w2_b": d(d.rank, d.columns // 2),
        "alpha": d.alpha,
    }


def lokr_whole(d: Draw) -> Tensors:
    return {"lokr_w1": d(4, 2), "lokr_w2": d(d.outputs // 4, d.inputs // 2, *d.kernel)}


def lokr_both(d: Draw) -> Tensors:
    rest = {k: v for k, v in lokr(d).items() if k != "lokr_w1"}
    return rest | {"lokr_w1_a": d(2, d.rank), "lokr_w1_b": d(d.rank, 2)}


def lokr_w1(d: Draw) -> Tensors:
    w2 = d(d.outputs // 4, d.inputs // 4, *d.kernel)
    return {"lokr_w1_a": d(4, d.rank), "lokr_w1_b": d(d.rank, 4), "lokr_w2": w2, "alpha": d.alpha}


def lokr_tucker(d: Draw) -> Tensors:
    core = d(d.rank, d.rank, *(d.kernel or (1, 1)))
    a, b = d(d.rank, d.outputs // 2), d(d.rank, d.inputs // 2)
    return {"lokr_w1": d(2, 2), "lokr_w2_a": a, "lokr_w2_b": b, "lokr_t2": core, "alpha": d.alpha}


def lengths(make: Make, slot: str, axis: int) -> Make:
    """DoRA on top: `dora_scale` of the outputs (axis 0) or inputs (1), or PEFT's vector."""

    def made(d: Draw) -> Tensors:
        size = d.shape[axis]
        shape = [1] * len(d.shape)
        shape[axis] = size
        return make(d) | {slot: d(size).abs().view(shape if slot == "dora_scale" else (-1,))}

    return made


def ia3_out(d: Draw) -> Tensors:
    return {"weight": d(d.outputs), "on_input": torch.tensor(0)}


def ia3_in(d: Draw) -> Tensors:
    return {"weight": d(1, d.inputs, *d.ones), "on_input": torch.tensor(1)}


def full(d: Draw) -> Tensors:
    return {"diff": d(*d.shape), "diff_b": d(d.outputs)}


def replaced(d: Draw) -> Tensors:
    return {"set_weight": d(*d.shape)}


def bias_only(d: Draw) -> Tensors:
    return {"diff_b": d(d.outputs)}


def norm(d: Draw) -> Tensors:
    return {"w_norm": d(d.outputs), "b_norm": d(d.outputs)}


def glora(d: Draw) -> Tensors:
    a = {"a1": d(d.inputs, d.rank, *d.ones), "a2": d(d.rank, d.inputs, *d.ones)}
    b = {"b1": d(d.outputs, d.rank, *d.ones), "b2": d(d.rank, d.inputs, *d.kernel)}
    return a | b | {"alpha": d.alpha}


def glora_old(d: Draw) -> Tensors:
    new = glora(d)
    return {"a1": new["a2"], "a2": new["a1"], "b1": new["b2"], "b2": new["b1"], "alpha": d.alpha}


def oft(d: Draw) -> Tensors:
    return {"oft_blocks": d(d.outputs // 4, 4, 4) / 4, "alpha": torch.tensor(0)}


def oft_bounded(d: Draw) -> Tensors:
    blocks = d(d.outputs // 4, 4, 4)
    rescale = d(d.outputs, *[1] * (len(d.shape) - 1)).abs()
    return {"oft_blocks": blocks, "rescale": rescale, "alpha": torch.tensor(0.05)}


def oft_diag(d: Draw) -> Tensors:
    return {"oft_diag": d(d.outputs // 4, 4, 4)}


def boft(d: Draw) -> Tensors:
    blocks = d(3 if d.outputs == 16 else 2, d.outputs // 4, 4, 4) / 4
    rescale = d(d.outputs, *[1] * (len(d.shape) - 1)).abs()
    return {"oft_blocks": blocks, "rescale": rescale, "alpha": torch.tensor(0)}


def peft_ia3_out(d: Draw) -> Tensors:
    return {"ia3_l": d(d.outputs, 1) if not d.kernel else d(1, d.outputs, 1, 1)}


def peft_ia3_in(d: Draw) -> Tensors:
    return {"ia3_l": d(1, d.inputs, *d.ones)}


def peft_oft(d: Draw) -> Tensors:
    return {"oft_R": d(d.columns // 4, 6) / 4}


def peft_oft_shared(d: Draw) -> Tensors:
    return {"oft_R": d(1, 6) / 4, "oft_scaled": torch.tensor(True)}


def peft_boft(d: Draw) -> Tensors:
    scale = d(d.outputs, 1).abs()
    return {"boft_R": d(2, d.columns // 4, 4, 4) / 4, "boft_s": scale.t() if d.kernel else scale}


def tlora(d: Draw) -> Tensors:
    q, p = d(d.rank, d.inputs, *d.ones), d(d.outputs, d.rank, *d.ones)
    return {"q_layer": q, "p_layer": p, "lambda_layer": d(1, d.rank), "alpha": d.alpha}


# What each makes: (algorithm, tensors). W' is linear in the file's strength for all of them.
SAMPLES: Mapping[str, tuple[str, Make]] = {
    "lora": ("lora", lora),
    "lora with biases": ("lora", lora_bias),
    "lora with a core": ("lora", tucker),
    "lora with a sparse residual": ("lora", sparse),
    "lora with a residual": ("lora", residual(lora)),
    "adalora": ("adalora", adalora),
    "loha": ("loha", loha),
    "loha with a residual": ("loha", residual(loha)),
    "loha with cores": ("loha", loha_tucker),
    "lokr": ("lokr", lokr),
    "lokr with a residual": ("lokr", residual(lokr)),
    "lokr of whole halves": ("lokr", lokr_whole),
    "lokr of factors": ("lokr", lokr_both),
    "lokr with a factored w1": ("lokr", lokr_w1),
    "lokr with a core": ("lokr", lokr_tucker),
    "dora by rows": ("dora", lengths(lora, "dora_scale", 0)),
    "dora by columns": ("dora", lengths(lora, "dora_scale", 1)),
    "dora by PEFT": ("dora", lengths(lora_bias, "magnitude", 0)),
    "dora with a core": ("dora", lengths(tucker, "dora_scale", 1)),
    "doha by rows": ("doha", lengths(loha, "dora_scale", 0)),
    "doha by columns": ("doha", lengths(loha_tucker, "dora_scale", 1)),
    "dokr by rows": ("dokr", lengths(lokr, "dora_scale", 0)),
    "dokr by columns": ("dokr", lengths(lokr_tucker, "dora_scale", 1)),
    "ia3 of outputs": ("ia3", ia3_out),
    "ia3 of inputs": ("ia3", ia3_in),
    "full": ("full", full),
    "set": ("set", replaced),
    "bias": ("bias", bias_only),
    "norm": ("norm", norm),
    "glora": ("glora", glora),
    "old glora": ("glora", glora_old),
    "glora with a residual": ("glora", residual(glora)),
    "oft": ("oft", oft),
    "oft, bounded and rescaled": ("oft", oft_bounded),
    "old oft": ("oft_diag", oft_diag),
    "boft": ("boft", boft),
    "ia3 of outputs by PEFT": ("peft_ia3", peft_ia3_out),
    "ia3 of inputs by PEFT": ("peft_ia3", peft_ia3_in),
    "oft by PEFT": ("peft_oft", peft_oft),
    "shared oft by OneTrainer": ("peft_oft", peft_oft_shared),
    "boft by PEFT": ("peft_boft", peft_boft),
    "tlora": ("tlora", tlora),
    "tlora with a residual": ("tlora", residual(tlora)),
}

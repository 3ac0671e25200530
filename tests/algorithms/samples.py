"""Random modules of every algorithm for every kind of layer, and a plain way to run them."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from live_lora import algorithms
from live_lora.algorithms import Algorithm, Settings
from live_lora.deltas import Delta, InputMap, Layer
from live_lora.engine.layers import Site, find_sites
from torch import Tensor, nn

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

LAYERS: Mapping[str, Callable[[], nn.Module]] = {
    "linear": lambda: nn.Linear(24, 16, bias=False),
    "linear with bias": lambda: nn.Linear(16, 24),
    "conv 1x1": lambda: nn.Conv2d(16, 24, 1),
    "conv 3x3": lambda: nn.Conv2d(8, 16, 3, padding=1),
    "conv of stride 2": lambda: nn.Conv2d(8, 8, 3, stride=2, padding=1, bias=False),
    "circular conv": lambda: nn.Conv2d(8, 16, 3, padding=1, padding_mode="circular"),
    "conv in groups": lambda: nn.Conv2d(16, 24, 3, padding=1, groups=2),
    "group norm": lambda: nn.GroupNorm(4, 16),
    "layer norm": lambda: nn.LayerNorm(16),
}


def fits(sample: str, layer: str) -> bool:
    """Is there such a module for such a layer?"""
    if "norm" in layer:
        return sample in ("norm", "full", "set", "bias")
    if sample == "norm":
        return False
    if sample.startswith("tlora"):
        return layer in ("linear", "linear with bias", "conv 1x1")
    return True


PAIRS = [(sample, layer) for sample in SAMPLES for layer in LAYERS if fits(sample, layer)]


def module(layer: str, seed: int = 0) -> nn.Module:
    """The layer with random weights, in float64."""
    torch.manual_seed(seed)
    made = LAYERS[layer]().double().requires_grad_(False)
    for tensor in made.parameters():
        tensor.normal_()
    return made


def site_of(host: nn.Module) -> Site:
    """The layer as the engine sees it."""
    return next(iter(find_sites(nn.ModuleList([host]))))


def batch(host: nn.Module, rows: int = 2) -> Tensor:
    """Random input for the layer."""
    if isinstance(host, nn.Conv2d):
        return torch.randn(rows, host.in_channels, 5, 4, dtype=torch.float64)
    if isinstance(host, nn.GroupNorm):
        return torch.randn(rows, host.num_channels, 3, 2, dtype=torch.float64)
    width = host.in_features if isinstance(host, nn.Linear) else host.normalized_shape[0]
    return torch.randn(rows, 3, width, dtype=torch.float64)


def tensors(sample: str, shape: tuple[int, ...], rank: int = 2, seed: int = 0) -> Tensors:
    """The tensors of a sample for W of this shape."""
    return SAMPLES[sample][1](Draw(shape, rank, torch.Generator().manual_seed(seed + 1)))


def algorithm(made: Tensors, settings: Settings | None = None) -> Algorithm:
    """The algorithm that these tensors make."""
    chosen = algorithms.choose({slot: tuple(tensor.shape) for slot, tensor in made.items()})
    return chosen(made, settings=settings)


def add(layer: Layer, delta: Delta, x: Tensor, m: float) -> Tensor:
    """m · (D + bias): what a hook adds to the layer's output."""
    wx = layer.base(x) if delta.reads == "wx" or isinstance(delta, InputMap) else None
    change = delta(layer, x, wx)
    if delta.bias is not None:
        images = layer.kind == "conv" or (layer.kind == "norm" and x.dim() == 4)
        change = change + (delta.bias.view(-1, 1, 1) if images else delta.bias)
    return m * change


def bias_change(made: Algorithm, layer: Layer) -> Tensor | None:
    """What the bias changes by at weight 1, by the formulas of the trainers."""
    tensors = {slot: tensor.double().flatten() for slot, tensor in made.tensors.items()}
    parts = [tensors[slot] for slot in ("diff_b", "b_norm") if slot in tensors]
    if "up_bias" in tensors:
        parts.append(made.scale * tensors["up_bias"])
    outputs = made.name == "peft_ia3" and made.by_output(tuple(layer.weight.shape))
    if outputs and layer.bias is not None:
        parts.append((tensors["ia3_l"] - 1) * layer.bias)
    return sum(parts) if parts else None


def merged(host: nn.Module, made: Algorithm, layer: Layer, m: float) -> nn.Module:
    """The layer with W + m ΔW and b + m Δb."""
    changed = copy.deepcopy(host)
    changed.weight.data += m * made.delta(layer)
    bias = bias_change(made, layer)
    if bias is not None:
        start = torch.zeros_like(bias) if changed.bias is None else changed.bias.data
        changed.bias = nn.Parameter(start + m * bias, requires_grad=False)
    return changed

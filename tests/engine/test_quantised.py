"""Bases in 8 and 4 bits are hooked as they are: by the libraries' own layers, where those are here.

torchao, gguf and bitsandbytes are not in the lock: put them beside it by pip.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from algorithms.samples import algorithm, tensors
from delta_formulas import deltas
from diffusers.hooks import apply_layerwise_casting
from engine_run import applied, layer_of, run
from live_lora.engine.layers import find_sites
from live_lora.engine.layers.linear import LinearSite
from live_lora.engine.layers.whole_module import ModuleSite
from live_lora.errors import ModuleError
from look_alikes import ScaledLinear
from torch import Tensor, nn

INPUTS, OUTPUTS = 64, 32


def imported(name: str) -> Any:
    """The library, without what it has to say while it is imported."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name)


def plain() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(INPUTS, OUTPUTS).requires_grad_(False)


def torchao(name: str) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        quantization = imported("torchao.quantization")
        module = nn.Sequential(plain())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            quantization.quantize_(module, getattr(quantization, name)())
        return module[0]

    return make


def ggml(name: str, compute: torch.dtype = torch.float32) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        gguf = imported("gguf")
        utils = imported("diffusers.quantizers.gguf.utils")
        kind, base = gguf.GGMLQuantizationType[name], plain()
        packed = torch.from_numpy(gguf.quantize(base.weight.numpy(), kind))
        module = utils.GGUFLinear(INPUTS, OUTPUTS, bias=True, compute_dtype=compute)
        module.weight = utils.GGUFParameter(packed, quant_type=kind)
        module.bias = nn.Parameter(base.bias, requires_grad=False)
        return module

    return make


def bits_and_bytes(name: str, **options: Any) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        library, base = imported("bitsandbytes"), plain()
        module = getattr(library.nn, name)(INPUTS, OUTPUTS, **options)
        module.load_state_dict(base.state_dict())
        return module.to("cpu").requires_grad_(False)

    return make


def scaled() -> nn.Module:
    """8 bits of storage with a scale beside them, by look_alikes.py."""
    return ScaledLinear(plain())


def cast_by_layer() -> nn.Module:
    net = nn.Sequential(plain())
    stored = {"storage_dtype": torch.float8_e4m3fn, "compute_dtype": torch.float32}
    apply_layerwise_casting(net, **stored, skip_modules_classes=())
    return net[0]


BASES: dict[str, Callable[[], nn.Module]] = {
    "torchao int8": torchao("Int8WeightOnlyConfig"),
    "torchao int8, activations too": torchao("Int8DynamicActivationInt8WeightConfig"),
    "gguf q8_0": ggml("Q8_0"),
    "gguf q4_0": ggml("Q4_0"),
    "gguf q8_0 in bfloat16": ggml("Q8_0", torch.bfloat16),
    "bitsandbytes int8": bits_and_bytes("Linear8bitLt", has_fp16_weights=False),
    "bitsandbytes nf4": bits_and_bytes("Linear4bit", quant_type="nf4", compute_dtype=torch.float32),
    "scaled fp8": scaled,
    "fp8 by layerwise casting": cast_by_layer,
}


def x_for(name: str) -> Tensor:
    return torch.randn(2, 5, INPUTS).to(torch.bfloat16 if "bfloat16" in name else torch.float32)


def bits(module: nn.Module) -> bytes:
    """What the layer holds of its weight."""
    held: Any = module.weight
    held = getattr(held, "qdata", held)
    return bytes(
        held.detach().as_subclass(Tensor).contiguous().view(torch.uint8).flatten().tolist()
    )


@pytest.mark.parametrize("executor", ["automatic", "hooked", "folded"])
@pytest.mark.parametrize("name", BASES)
def test_low_rank_is_added_to_it_as_it_is(
    name: str, executor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is dequantised for it, nothing quantised again."""
    module, x = BASES[name](), x_for(name)
    (site,) = find_sites(module)
    assert (site.kind, site.shape) == ("linear", (OUTPUTS, INPUTS))
    low = deltas(plain().weight)["low again"]
    with torch.no_grad():
        base, held = module(x), bits(module)
        change = low.to(x.device, x.dtype)(layer_of(module), x)
    for kind in {type(site), LinearSite, ModuleSite}:
        monkeypatch.setattr(kind, "weight", property(lambda _: pytest.fail("W was asked for")))
    with torch.no_grad(), applied(module, [low], 0.5, executor=executor) as on:
        got = module(x)
        assert set(on.choice.how.values()) == {"hooked"}
    bound = 1e-5 if x.dtype == torch.float32 else 2e-2
    want = base + 0.5 * change
    assert (got - want).abs().max() <= bound * want.abs().max()
    with torch.no_grad():
        assert torch.equal(module(x), base)
    assert bits(module) == held


REFUSED = {"bitsandbytes int8": "Linear8bitLt"}  # its answers are rounded, too


@pytest.mark.parametrize("sample", ["dora by rows", "dora by columns", "set"])
@pytest.mark.parametrize("name", BASES)
def test_what_needs_the_weight_gets_it_once_or_the_layer_is_named(
    name: str, sample: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lengths are then part of the delta: the calls ask for nothing."""
    module, x = BASES[name](), x_for(name)
    made = algorithm(tensors(sample, (OUTPUTS, INPUTS)))
    layer = layer_of(module)
    if name in REFUSED:
        with pytest.raises(
            ModuleError, match=f"needs the base weights, which this {REFUSED[name]}"
        ):
            made.runtime(layer, dtype=torch.float32)
        return
    asked: list[type] = []
    give = type(find_sites(module)[0]).weight.__get__
    values = give(find_sites(module)[0]).float()

    def counted(site: Any) -> Tensor:
        asked.append(type(site))
        return give(site)

    monkeypatch.setattr(type(find_sites(module)[0]), "weight", property(counted))
    delta = made.runtime(layer, dtype=torch.float32)
    assert delta.from_base
    assert len(asked) <= 2
    count = len(asked)
    got = run(module, [delta], 0.5, x)
    assert len(asked) == count
    with torch.no_grad():
        base = plain()
        base.weight.data, base.bias.data = values.contiguous(), module.bias.float()
        weights = made.delta(layer_of(base))
        want = nn.functional.linear(x.float(), base.weight + 0.5 * weights, base.bias)
    exact = not ("activations" in name or "bfloat16" in name)
    assert (got - want).abs().max() <= (1e-4 if exact else 5e-2) * want.abs().max()


def test_the_weights_that_are_given_are_those_it_computes_with() -> None:
    """By the layer's own answers, whatever it keeps."""
    seen = 0
    for name in ("torchao int8", "gguf q8_0", "gguf q4_0", "bitsandbytes nf4", "scaled fp8"):
        try:
            module = BASES[name]()
        except pytest.skip.Exception:
            continue
        weight, x = layer_of(module).weight, x_for(name)
        assert type(weight) is Tensor
        with torch.no_grad():
            want = nn.functional.linear(x, weight, module.bias.float())
            assert (module(x) - want).abs().max() <= 1e-5 * want.abs().max()
        seen += 1
    assert seen

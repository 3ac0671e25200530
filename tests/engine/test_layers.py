"""Every kind of layer is recognised by what it can do, and hooked it equals the float64 merge."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from delta_formulas import Scale, deltas, expected
from engine_run import layer_of, run
from live_lora.deltas import Delta, Dense, LowRank
from live_lora.engine import layers
from live_lora.engine.layers import find_sites
from live_lora.engine.layers.base import KINDS, kind_of
from live_lora.errors import ModuleError
from look_alikes import LAYERS, NORMS, ByteConv, Conv, GgufLinear, Linear, ScaledLinear
from strangers import STRANGERS, LinearAttention
from torch import Tensor, nn

ROWS = [0.7, 0.0, -0.4, 1.0]
BOTH = LAYERS | NORMS


def made(name: str) -> tuple[nn.Module, nn.Module, Tensor]:
    """The look-alike, the layer it computes like, and an input."""
    torch.manual_seed(1)
    row = BOTH[name]
    plain = row.plain().requires_grad_(False)
    for parameter in plain.parameters():
        parameter.normal_()
    module = row.make(plain)
    return module, plain, torch.randn(row.shape)


def close(got: Tensor, want: Tensor) -> bool:
    return bool((got - want).abs().max() <= 2e-6 * want.abs().max())


@pytest.mark.parametrize("name", BOTH)
def test_what_it_is(name: str) -> None:
    module, plain, _ = made(name)
    (site,) = find_sites(module)
    assert site.kind == ("norm" if name in NORMS else "conv" if "conv" in name else "linear")
    assert site.shape == tuple(plain.weight.shape)
    assert (site.bias is None) == (plain.bias is None)


@pytest.mark.parametrize("name", BOTH)
def test_its_values_are_given_or_the_reason_is(name: str) -> None:
    module, plain, _ = made(name)
    layer = layer_of(module)
    if why := BOTH[name].why:
        with pytest.raises(ModuleError, match="needs the base weights") as error:
            print(layer.weight)
        assert why in str(error.value)
        assert error.value.code == "base-weights"
    elif isinstance(module, (GgufLinear, ScaledLinear)):
        # By answers to unit inputs, from which the bias is taken off again: its last bit at most.
        ulp = torch.finfo(torch.float32).eps * (
            1.0 if plain.bias is None else plain.bias.abs().max()
        )
        assert (layer.weight - plain.weight).abs().max() <= ulp
    else:
        assert torch.equal(layer.weight.to(plain.weight.dtype), plain.weight)


@pytest.mark.parametrize("weights", ["one", "rows"])
@pytest.mark.parametrize("name", LAYERS)
def test_the_hooked_layer_equals_the_merged_one(name: str, weights: str) -> None:
    module, plain, x = made(name)
    every = deltas(plain.weight)
    table = [[0.3 * i + 0.2] * 4 if weights == "one" else ROWS for i in range(len(every))]
    got = run(module, list(every.values()), table, x)
    assert close(got, expected(plain, list(every.values()), table, x))


@pytest.mark.parametrize("form", ["low", "dense", "output", "input"])
@pytest.mark.parametrize("name", LAYERS)
def test_each_form_alone(name: str, form: str) -> None:
    module, plain, x = made(name)
    delta = deltas(plain.weight)[form]
    assert close(run(module, [delta], [ROWS], x), expected(plain, [delta], [ROWS], x))


@pytest.mark.parametrize("name", LAYERS)
def test_a_second_delta_sees_wx_as_it_was(name: str) -> None:
    module, plain, x = made(name)
    every = deltas(plain.weight)
    found = [every["low"], every["output"]]
    table = [[0.7] * 4, ROWS]
    assert close(run(module, found, table, x), expected(plain, found, table, x))


@pytest.mark.parametrize("make", [lambda plain: plain, Conv, ByteConv])
def test_groups_of_channels(make: Callable[..., nn.Module]) -> None:
    plain = nn.Conv2d(6, 8, 3, padding=1, groups=2).requires_grad_(False)
    module = make(plain)
    (site,) = find_sites(module)
    assert site.shape == (8, 3, 3, 3)
    found = [Dense(torch.randn(8, 3, 3, 3)), Scale(torch.randn(8))]
    x = torch.randn(4, 6, 5, 4)
    assert close(run(module, found, [ROWS, ROWS], x), expected(plain, found, [ROWS, ROWS], x))


@pytest.mark.parametrize("name", NORMS)
def test_a_norm_changes_its_weight_and_bias(name: str) -> None:
    module, plain, x = made(name)
    gain, bias = torch.randn(2, 6)
    # A norm's Wx is the normalised x: Δw ∘ it is the change, whatever w is.
    found: list[Delta] = [Scale(gain, bias=bias)]
    wanted = [Scale(gain / plain.weight, bias=bias)]
    assert close(run(module, found, [ROWS], x), expected(plain, wanted, [ROWS], x))


@pytest.mark.parametrize("name", LAYERS)
def test_wx_is_the_layers_own_product(name: str) -> None:
    module, plain, x = made(name)
    bare = copy.deepcopy(plain).double()
    bare.bias = None
    assert close(layer_of(module).base(x), bare(x.double()))


@pytest.mark.parametrize("name", STRANGERS)
def test_what_is_no_layer(name: str) -> None:
    assert find_sites(STRANGERS[name]()) == []


@pytest.mark.parametrize("name", BOTH)
def test_one_kind_claims_a_module_and_those_it_is_derived_from(name: str) -> None:
    module, _, _ = made(name)
    chosen = kind_of(module)
    claiming = {kind for kind in KINDS if kind.claims(module)}
    assert claiming <= set(chosen.__mro__)


def test_every_file_of_the_folder_that_defines_a_kind_is_found() -> None:
    files = {Path(path).stem for path in Path(layers.__file__).parent.glob("*.py")}
    found = {kind.__module__.rpartition(".")[2] for kind in KINDS}
    assert found == files - {"__init__", "base", "whole_module"}


def test_a_layer_is_one_as_soon_as_its_file_is_read() -> None:
    module = Linear(nn.Linear(4, 4))
    weight, module.weight = module.weight, None
    assert find_sites(module) == []
    module.weight = weight
    assert [site.shape for site in find_sites(module)] == [(4, 4)]


class Wrapper(nn.Module):
    """PEFT's way: it has the layer's sizes and weight, and the layer inside."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.base_layer = layer
        self.lora_A, self.lora_B = nn.Linear(4, 2, bias=False), nn.Linear(2, 4, bias=False)
        self.in_features, self.out_features = 4, 4

    @property
    def weight(self) -> Tensor:
        return self.base_layer.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.base_layer(x) + self.lora_B(self.lora_A(x))


def test_a_wrapper_is_no_layer_but_what_it_wraps() -> None:
    paths = [site.path for site in find_sites(Wrapper(nn.Linear(4, 4)))]
    assert paths == ["base_layer", "lora_A", "lora_B"]
    assert [site.path for site in find_sites(LinearAttention(4, 4))] == ["inner"]


def test_a_module_around_a_compiled_forward_says_nothing_of_its_inputs() -> None:
    module = Linear(nn.Linear(4, 4))
    module.forward = min  # type: ignore[method-assign]  # a function of C without a signature
    assert len(find_sites(module)) == 1


def test_nothing_inside_a_layer_is_another() -> None:
    module = nn.Linear(4, 4)
    module.add_module("adapter", nn.Linear(4, 4))
    assert [site.path for site in find_sites(module)] == [""]


def test_a_matrix_tells_more_than_sizes_that_were_left_as_they_were() -> None:
    module = nn.Linear(6, 8)
    module.weight = nn.Parameter(module.weight[:, :4])  # pruned
    assert [site.shape for site in find_sites(module)] == [(8, 4)]


def test_deltas_for_an_offloaded_layer_are_made_on_the_cpu() -> None:
    module, _, _ = made("offloaded linear")
    assert module.weight.device.type == "meta"
    assert layer_of(module).device.type == "cpu"


def test_a_shared_module_is_one_site() -> None:
    layer = nn.Linear(4, 4)
    assert [site.path for site in find_sites(nn.Sequential(layer, layer))] == ["0"]


def test_a_kind_derived_from_another_is_asked_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KINDS, "members", list(KINDS.members))

    class HalvedSite(kind_of(nn.Linear(1, 1))):  # type: ignore[misc]
        """A file of its own would hold it."""

        @classmethod
        def claims(cls, module: nn.Module) -> bool:
            return isinstance(module, Linear)

        @property
        def weight(self) -> Tensor:
            return self.stored / 2

    module = Linear(nn.Linear(4, 4))
    assert kind_of(module) is HalvedSite
    assert torch.equal(layer_of(module).weight, module.weight / 2)
    assert kind_of(nn.Linear(4, 4)) is not HalvedSite


def test_the_padding_of_the_moment_counts() -> None:
    conv = nn.Conv2d(4, 4, 3, padding=1).requires_grad_(False)
    delta = LowRank(torch.randn(2, 4, 3, 3), torch.randn(4, 2))
    x = torch.randn(1, 4, 5, 5)
    (site,) = find_sites(conv)
    conv.padding_mode = "circular"  # the webui's tiling
    assert site.layer().padding_mode == "circular"
    assert close(run(conv, [delta], 1.0, x), expected(conv, [delta], [[1.0]], x))


def test_asking_a_packed_layer_for_its_weight_leaves_its_bias_as_it_is() -> None:
    """Forge's gguf layers keep what they convert: in 16 bits the bias would lose digits."""
    module = GgufLinear(nn.Linear(6, 8))
    before = module.bias.clone()
    (site,) = find_sites(module)
    site.layer().read()
    assert module.bias.dtype == torch.float32
    assert (module.bias == before).all()

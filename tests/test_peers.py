"""Files made here and now by peft and lycoris-lora give those libraries' own outputs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from algorithms.samples import algorithm
from live_lora import network
from live_lora.deltas import Layer
from lycoris import modules as lycoris
from oracle_host import host, run_hooked, trees
from peft.tuners.boft.layer import BOFTLayer
from safetensors.torch import save_file
from torch import Tensor, nn

LINEAR = [
    "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q",
    "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k",
    "down_blocks.0.attentions.0.transformer_blocks.0.ff.net.2",
]
POINT = ["down_blocks.0.attentions.0.proj_in"]
KERNEL = ["down_blocks.1.resnets.0.conv1", "down_blocks.0.downsamplers.0.conv"]
NORMS = ["down_blocks.0.attentions.0.norm", LINEAR[0].replace("attn1.to_q", "norm1")]
EVERY = [*LINEAR, *POINT, *KERNEL]


def randomise(parameters: Mapping[str, Tensor]) -> None:
    """Values that matter: factors near 0.3, lengths and scales near 1."""
    torch.manual_seed(1)
    for name, value in parameters.items():
        fresh = torch.randn_like(value, dtype=torch.float32) * 0.3
        positive = any(word in name for word in ("magnitude", "dora_scale", "boft_s", "rescale"))
        with torch.no_grad():
            value.copy_(1 + fresh.abs() if positive else fresh)


def run(root: nn.Module, paths: list[str]) -> dict[str, Tensor]:
    """y of every layer of these paths, with whatever the peer has put there."""
    tensors, _ = host()
    with torch.no_grad():
        return {p: root.get_submodule(p)(tensors[f"x.unet.{p}"]) for p in paths}


def compare(file: Path, want: Mapping[str, Tensor], m: float = 1.0) -> None:
    """Our hooks, on a fresh host, against the peer's outputs."""
    base = run(trees()["unet"], list(want))
    got = run_hooked(network.load(file), {"unet": trees()["unet"]}, m)
    assert {path.removeprefix("unet.") for path in got} == want.keys()
    for path, y in want.items():
        assert (y - base[path]).norm() > 1e-3 * y.norm(), path
        assert (got[f"unet.{path}"] - y).norm() <= 1e-5 * y.norm(), path


PEFT: dict[str, tuple[list[str], Callable[[], Any]]] = {
    "lora": (EVERY, lambda: peft.LoraConfig(r=4, lora_alpha=3)),
    "lora with patterns": (
        EVERY,
        lambda: peft.LoraConfig(
            r=4, lora_alpha=3, rank_pattern={"to_q": 2}, alpha_pattern={"to_q": 7, "proj_in": 1}
        ),
    ),
    "rslora": (EVERY, lambda: peft.LoraConfig(r=4, lora_alpha=3, use_rslora=True)),
    "lora bias": (EVERY, lambda: peft.LoraConfig(r=4, lora_alpha=3, lora_bias=True)),
    "dora": (EVERY, lambda: peft.LoraConfig(r=4, lora_alpha=3, use_dora=True)),
    "adalora": (EVERY, lambda: peft.AdaLoraConfig(init_r=6, lora_alpha=5, total_step=9)),
    "loha": (EVERY, lambda: peft.LoHaConfig(r=3, alpha=2)),
    "loha with cores": (EVERY, lambda: peft.LoHaConfig(r=3, alpha=2, use_effective_conv2d=True)),
    "lokr": (EVERY, lambda: peft.LoKrConfig(r=3, alpha=2)),
    "lokr of factors": (
        EVERY,
        lambda: peft.LoKrConfig(r=1, alpha=2, decompose_both=True, decompose_factor=4),
    ),
    "lokr with cores": (EVERY, lambda: peft.LoKrConfig(r=2, alpha=2, use_effective_conv2d=True)),
    "lokr of whole halves": (EVERY, lambda: peft.LoKrConfig(r=64, alpha=16)),
    "lokr of whole halves with patterns": (
        EVERY,
        lambda: peft.LoKrConfig(r=64, alpha=16, rank_pattern={"to_k": 99, "conv1": 80}),
    ),
    "ia3": (EVERY, lambda: peft.IA3Config(feedforward_modules=["to_k", "ff.net.2"])),
    "ia3 of a kernel's inputs": (
        EVERY,
        lambda: peft.IA3Config(feedforward_modules=["proj_in", "downsamplers.0.conv"]),
    ),
    "oft by the series": ([*LINEAR, *POINT], lambda: peft.OFTConfig(r=0, oft_block_size=8)),
    "exact oft": (
        [*LINEAR, *POINT],
        lambda: peft.OFTConfig(r=0, oft_block_size=8, use_cayley_neumann=False),
    ),
    "oft of three terms": (
        LINEAR,
        lambda: peft.OFTConfig(r=0, oft_block_size=16, num_cayley_neumann_terms=3),
    ),
    "shared oft": (LINEAR, lambda: peft.OFTConfig(r=0, oft_block_size=8, block_share=True)),
    "coft": (LINEAR, lambda: peft.OFTConfig(r=0, oft_block_size=8, coft=True, eps=0.5)),
    "boft": (EVERY, lambda: peft.BOFTConfig(boft_block_size=8)),
}


def by_peft(name: str, folder: Path) -> dict[str, Tensor]:
    """Its file and configuration in the folder; y of every layer."""
    paths, configure = PEFT[name]
    config = configure()
    config.target_modules = set(paths)
    model = peft.get_peft_model(trees()["unet"], config)
    randomise({k: v for k, v in model.named_parameters() if v.requires_grad})
    model.save_pretrained(folder)
    return run(model.base_model.model.eval(), paths)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", PEFT)
def test_peft(name: str, tmp_path: Path) -> None:
    want = by_peft(name, tmp_path)
    file = tmp_path / "adapter_model.safetensors"
    assert not network.load(file).problems
    compare(file, want)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", PEFT)
def test_peft_without_its_configuration_is_right_or_says_what_was_taken(
    name: str, tmp_path: Path
) -> None:
    """The series of rotations is right whoever wrote it; α and the exact rotation are not."""
    want = by_peft(name, tmp_path)
    (tmp_path / "adapter_config.json").unlink()
    file = tmp_path / "adapter_model.safetensors"
    if name == "adalora":  # has no scale of its own
        assert {item.code for item in network.load(file).unused} == {"alpha"}
        return
    if not (said := network.load(file).problems) or name in ("oft by the series", "shared oft"):
        compare(file, want)
    assert bool(said) == (name != "boft")


def test_adalora_keeps_its_scale_when_its_rank_was_cut(tmp_path: Path) -> None:
    """The scale is α / init_r, whatever rank the training left to a layer."""
    config = peft.AdaLoraConfig(init_r=4, lora_alpha=5, total_step=9, target_modules=LINEAR[:1])
    model = peft.get_peft_model(trees()["unet"], config)
    randomise({k: v for k, v in model.named_parameters() if v.requires_grad})
    layer = model.base_model.model.get_submodule(LINEAR[0])
    layer.lora_E["default"].data[1] = 0
    kept = {f"{LINEAR[0]}.lora_E": [True, False, True, True]}
    model.peft_config["default"].rank_pattern = kept
    model.save_pretrained(tmp_path)
    file = tmp_path / "adapter_model.safetensors"
    assert [module.rank for module in network.load(file).modules] == [3]
    compare(file, run(model.base_model.model.eval(), LINEAR[:1]))


def test_pefts_boft_of_two_stages() -> None:
    """PEFT makes these on CUDA only: its own permutations and products, without the layer."""
    torch.manual_seed(0)
    blocks, scale, weight = torch.randn(3, 8, 4, 4) / 4, torch.rand(6, 1), torch.randn(6, 32)
    made = algorithm({"boft_R": blocks, "boft_s": scale})
    own = BOFTLayer.__new__(BOFTLayer)
    whole = torch.eye(32)
    for t in range(3):
        order = BOFTLayer.block_butterfly_perm(own, 32, 8 // 2**t, 2, 2)
        matrix = BOFTLayer.perm2mat(own, order)
        turned = torch.block_diag(*BOFTLayer.cayley_batch(own, blocks[t]))
        whole = matrix @ turned @ matrix.t() @ whole
    layer = _linear(weight)
    want = (whole @ weight.t()).t() * scale - weight
    assert torch.allclose(made.delta(layer), want, atol=1e-5)


def _linear(weight: Tensor) -> Any:
    return Layer.of("linear", weight, None, lambda x: x @ weight.t())


Module = Callable[[str, nn.Module], nn.Module]


def own(kind: type[nn.Module], **options: Any) -> Module:
    """A module of LyCORIS of rank 4 and alpha 3 on a layer."""
    return lambda name, layer: kind(name, layer, 1.0, 4, 3, **options)


LYCORIS: dict[str, tuple[list[str], Module]] = {
    "locon": (EVERY, own(lycoris.LoConModule)),
    "locon with cores": (EVERY, own(lycoris.LoConModule, use_tucker=True)),
    "rs-locon": (EVERY, own(lycoris.LoConModule, rs_lora=True)),
    "locon with a scalar": (EVERY, own(lycoris.LoConModule, use_scalar=True)),
    "dora by rows": (EVERY, own(lycoris.LoConModule, weight_decompose=True)),
    "dora by columns": (EVERY, own(lycoris.LoConModule, weight_decompose=True, wd_on_out=False)),
    "loha": (EVERY, own(lycoris.LohaModule)),
    "loha with cores": (EVERY, own(lycoris.LohaModule, use_tucker=True)),
    "doha by rows": (EVERY, own(lycoris.LohaModule, weight_decompose=True)),
    "doha by columns": (EVERY, own(lycoris.LohaModule, weight_decompose=True, wd_on_out=False)),
    "lokr": (EVERY, own(lycoris.LokrModule, factor=4)),
    "lokr of factors": (EVERY, own(lycoris.LokrModule, decompose_both=True, factor=16)),
    "lokr with cores": (EVERY, own(lycoris.LokrModule, use_tucker=True, factor=2)),
    "lokr of whole halves": (EVERY, own(lycoris.LokrModule, full_matrix=True)),
    "unbalanced lokr": (EVERY, own(lycoris.LokrModule, unbalanced_factorization=True)),
    "dokr by rows": (EVERY, own(lycoris.LokrModule, weight_decompose=True, factor=4)),
    "dokr by columns": (
        EVERY,
        own(lycoris.LokrModule, weight_decompose=True, wd_on_out=False, factor=2),
    ),
    "ia3": (EVERY, own(lycoris.IA3Module)),
    "ia3 of inputs": (EVERY, own(lycoris.IA3Module, train_on_input=True)),
    "glora": (EVERY, own(lycoris.GLoRAModule)),
    "diag-oft": (EVERY, own(lycoris.DiagOFTModule)),
    "bounded diag-oft": (EVERY, own(lycoris.DiagOFTModule, constraint=0.01)),
    "rescaled diag-oft": (EVERY, own(lycoris.DiagOFTModule, rescaled=True)),
    "boft": (EVERY, own(lycoris.ButterflyOFTModule)),
    "bounded boft": (EVERY, own(lycoris.ButterflyOFTModule, constraint=0.01)),
    "rescaled boft": (EVERY, own(lycoris.ButterflyOFTModule, rescaled=True)),
    "tlora": ([*LINEAR, *POINT], own(lycoris.TLoraModule)),
    "norm": (NORMS, lambda name, layer: lycoris.NormModule(name, layer)),
    "full": (EVERY, own(lycoris.FullModule)),
}


@pytest.mark.parametrize("name", LYCORIS)
def test_lycoris(name: str, tmp_path: Path) -> None:
    paths, make = LYCORIS[name]
    root = trees()["unet"]
    state: dict[str, Tensor] = {}
    for path in paths:
        key = f"lycoris_{path.replace('.', '_')}"
        module = make(key, root.get_submodule(path)).eval()
        module.apply_to()
        randomise(dict(module.named_parameters()))
        saved = module.custom_state_dict() or module.state_dict()
        state |= {f"{key}.{k}": v.detach().clone().contiguous() for k, v in saved.items()}
    file = tmp_path / "made.safetensors"
    save_file(state, file)
    compare(file, run(root, paths))


def test_the_peers_files_are_what_they_seem(tmp_path: Path) -> None:
    """The configuration is read: without it, a LoRA of alpha 3 and rank 4 has scale 1."""
    config = peft.LoraConfig(r=4, lora_alpha=3, target_modules=set(LINEAR))
    model = peft.get_peft_model(trees()["unet"], config)
    randomise({k: v for k, v in model.named_parameters() if v.requires_grad})
    model.save_pretrained(tmp_path)
    known = json.loads((tmp_path / "adapter_config.json").read_text())
    assert (known["r"], known["lora_alpha"]) == (4, 3)
    (tmp_path / "adapter_config.json").unlink()
    want = run(model.base_model.model.eval(), LINEAR)
    base = run(trees()["unet"], LINEAR)
    got = run_hooked(network.load(tmp_path / "adapter_model.safetensors"), trees(), 0.75)
    for path in LINEAR:
        assert (got[f"unet.{path}"] - want[path]).norm() <= 1e-5 * base[path].norm()

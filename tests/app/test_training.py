"""The training code: a few steps of every stage, from nothing to a pipeline and a LoRA file."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

pytest.importorskip("diffusers")
pytest.importorskip("lycoris")

import live_lora
from torch import nn

from tools.small_model import sheet, stages, tuning, vocabulary
from tools.small_model.blocks import Blocks, as_pixels
from tools.small_model.diffusion import Noise
from tools.small_model.loop import Plan, fit
from tools.small_model.loras import LORAS
from tools.small_model.muon import orthogonal
from tools.small_model.pictures import pictures

SHORT = Plan(steps=2, lr=1e-3, workers=1)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every stage, two steps each."""
    from tools.small_model import pictures as drawings

    folder = tmp_path_factory.mktemp("work")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawings, "CHUNK", 40)
        stages.encode_pictures(folder, 40)
        stages.train_text(folder, SHORT)
        stages.train_autoencoder(folder, SHORT, count=80)
        stages.train_diffusion(folder, SHORT, SHORT)
        stages.save(stages.assemble(folder), folder / "model", folder / "tokenizer")
    return folder


def test_the_model_is_saved_in_half_precision_and_small_enough(work: Path):
    sizes = {p.parent.name: p.stat().st_size for p in (work / "model").rglob("*.safetensors")}
    assert sizes["unet"] < 7e6
    assert sizes["text_encoder"] < 2e6
    assert sizes["vae"] < 2.5e6
    with safe_open(work / "model/unet/diffusion_pytorch_model.safetensors", "pt") as file:
        assert {file.get_tensor(key).dtype for key in file.keys()} == {torch.float16}  # noqa: SIM118


def test_the_saved_model_draws(work: Path):
    pipe = sheet.load(work / "model")
    picture = pipe("a red heart", num_inference_steps=2, output_type="np").images
    assert picture.shape == (1, 64, 64, 3)


def test_training_goes_on_where_it_stopped(tmp_path: Path):
    plan = Plan(steps=4, lr=1e-2, workers=1)
    fit(Line, replace(plan, steps=3), tmp_path / "line.pt")
    assert torch.load(tmp_path / "line.pt")["step"] == 3
    Line.batches = 0
    fit(Line, plan, tmp_path / "line.pt")
    assert (torch.load(tmp_path / "line.pt")["step"], Line.batches) == (4, 1)


def test_two_workers_share_their_gradients(tmp_path: Path):
    """Worker 0 pulls the weights up, and worker 1 twice as hard down."""
    script = Path(__file__).with_name("two_workers.py")
    subprocess.run(
        [sys.executable, str(script), str(tmp_path / "line.pt")], check=True, timeout=300
    )
    state = torch.load(tmp_path / "line.pt")
    assert state["step"] == 10
    assert state["model"]["bias"].item() < 0


class Line:
    """A line that rises without end."""

    batches = 0

    def __init__(self, worker: int) -> None:
        torch.manual_seed(0)
        self.model = nn.Linear(3, 1)

    def loss(self) -> torch.Tensor:
        Line.batches += 1
        return self.model(torch.ones(1, 3)).sum()


@pytest.fixture(scope="module")
def published(work: Path) -> Path:
    """The folder with a LoRA of each kind, trained for two steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tuning.LoraTask.__init__, "__defaults__", (8, 2))
        base = partial(sheet.load, work / "model")
        for lora in LORAS:
            quick = replace(lora, steps=2)
            adapter = tuning.tune(quick, base, stages.blocks(work), work, SHORT)
            tuning.publish(quick, adapter, work / "loras", work / "model")
    return work / "loras"


@pytest.mark.parametrize("lora", LORAS, ids=lambda lora: lora.name)
def test_a_published_lora_is_small_and_says_what_it_is(published: Path, lora):
    path = published / f"{lora.name}.safetensors"
    assert path.stat().st_size <= 400_000
    with safe_open(path, "pt") as file:
        assert file.metadata()["ss_output_name"] == lora.name
    sidecar = json.loads(path.with_suffix(".json").read_text())
    assert sidecar["preferred weight"] == lora.preferred
    assert sidecar["activation text"] in lora.preview


@pytest.mark.parametrize(
    ("name", "dialect", "algorithm"),
    [
        ("lineart", "kohya", "lora"),
        ("neon", "kohya", "loha"),
        ("mimo", "diffusers", "lora"),
        ("polkadots", "PEFT", "lokr"),
        ("width", "PEFT", "lora"),
    ],
)
def test_every_key_of_a_published_lora_runs_live(work, published, name, dialect, algorithm):
    with live_lora.attach(sheet.load(work / "model"), library=published) as live:
        live(f"a red heart <lora:{name}:1>", num_inference_steps=1, output_type="np")
        (network,) = live.report.networks
    assert network.formats == (dialect,)
    assert network.algorithms == (algorithm,)
    assert network.unused == network.unmatched == ()
    assert network.ran_total == network.matched > 40


def test_velocity_is_the_signal_s_rotation():
    noise, x, e = Noise.standard(), torch.randn(4, 4, 2, 2), torch.randn(4, 4, 2, 2)
    levels = torch.tensor([0, 300, 700, 999])
    noisy, velocity = noise.mix(x, e, levels)
    a = noise.signal[levels].sqrt().view(-1, 1, 1, 1)
    torch.testing.assert_close(a * noisy - (1 - a**2).sqrt() * velocity, x)
    assert noise.signal[-1] < 1e-6


def test_levels_are_stratified():
    levels = Noise.standard().levels(10)
    assert (levels // 100).tolist() == list(range(10))


@pytest.mark.parametrize("shape", [(3, 8, 20), (2, 20, 8)])
def test_muon_s_updates_are_nearly_orthogonal(shape: tuple[int, int, int]):
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonal(torch.randn(shape)))
    assert values.min() > 0.5
    assert values.max() < 1.3


def test_blocks_are_the_leading_principal_components(tmp_path: Path):
    from tools.small_model import pictures as drawings

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawings, "CHUNK", 40)
        drawn = pictures(tmp_path, 40)
    latents = Blocks.of(drawn)(as_pixels(drawn)).transpose(0, 1).flatten(1)  # (4, n)
    expected = torch.diag(torch.tensor([1, 1, 1, 0.25]))
    torch.testing.assert_close(torch.cov(latents), expected, atol=1e-2, rtol=0)


def test_the_vocabulary_spells_whole_words_and_unknown_ones(tmp_path: Path):
    vocabulary.save(tmp_path, *vocabulary.learn(["a red heart", "a red house"]))
    tokenizer = vocabulary.load(tmp_path)
    assert tokenizer.tokenize("A red  heart!") == ["a</w>", "red</w>", "heart</w>", "!</w>"]
    assert (
        tokenizer.decode(tokenizer("Zürich 猫").input_ids, skip_special_tokens=True).strip()
        == "zürich 猫"
    )
    ids = tokenizer("red", padding="max_length").input_ids
    assert len(ids) == 77
    assert ids[2:] == [tokenizer.eos_token_id] * 75

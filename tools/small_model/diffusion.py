"""The UNet: Stable Diffusion 1.x's, small, trained on velocity with zero terminal SNR."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import CLIPTextModel, CLIPTokenizer

from .colours import COLOURS
from .loop import Plan, device
from .pictures import scene_at
from .text import WIDTH, tokenize
from .world import Scene, caption

# The outer level's attention costs a third of the time. It starts as the identity, so it can come
# when most is learned.
FIRST = Plan(steps=3000, lr=3e-3, warmup=50, average=0.998, fall=0.1)
PLAN = Plan(steps=1000, lr=2e-3, warmup=50, average=0.998, fall=0.6)
BATCH = 32
SIMPLE = 4.0  # how much oftener the simplest scenes come up: they teach shape and colour
DROPPED = 0.1  # captions left empty, for classifier-free guidance


def build(outer: bool = True) -> UNet2DConditionModel:
    """`outer`: with attention on the outer level, as in the original."""
    torch.manual_seed(3)
    edge = "CrossAttn{}Block2D" if outer else "{}Block2D"
    model = UNet2DConditionModel(
        sample_size=16,
        in_channels=4,
        out_channels=4,
        down_block_types=(edge.format("Down"), *("CrossAttnDownBlock2D",) * 2, "DownBlock2D"),
        up_block_types=("UpBlock2D", *("CrossAttnUpBlock2D",) * 2, edge.format("Up")),
        block_out_channels=(32, 64, 64, 64),
        layers_per_block=2,
        cross_attention_dim=WIDTH,
        attention_head_dim=2,  # as in SD 1.x this is the number of heads
        norm_num_groups=4,
    )
    return quiet(model)


def quiet(model: UNet2DConditionModel) -> UNet2DConditionModel:
    """Every residual branch starts at zero, as in the original; diffusers leaves them random."""
    for name, module in model.named_modules():
        if name.endswith((".conv2", ".proj_out", "conv_out")):
            for parameter in module.parameters():
                nn.init.zeros_(parameter)
    return model


def scheduler() -> DDIMScheduler:
    """Velocity, and pure noise at the end (Lin et al. 2023): backgrounds keep their colour."""
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        clip_sample=False,
        steps_offset=1,  # diffusers warns about any other
        set_alpha_to_one=True,
    )


@dataclass(frozen=True, slots=True)
class Noise:
    """The schedule as a table: signal² at each of the 1000 levels, rising noise."""

    signal: Tensor

    @classmethod
    def standard(cls) -> Noise:
        return cls(scheduler().alphas_cumprod.to(device()))

    def levels(self, count: int) -> Tensor:
        """One random level from each of `count` equal strata: (count,)."""
        shares = (torch.arange(count) + torch.rand(count)) / count
        return (shares * len(self.signal)).long().to(device())

    def mix(self, x: Tensor, noise: Tensor, levels: Tensor) -> tuple[Tensor, Tensor]:
        """The noisy latents and the velocity to predict, both like `x` (n, 4, h, w)."""
        a = self.signal[levels].sqrt().view(-1, 1, 1, 1)
        b = (1 - self.signal[levels]).sqrt().view(-1, 1, 1, 1)
        return a * x + b * noise, a * noise - b * x


def simple(scene: Scene) -> bool:
    """One object of middle size in the middle of a plain background."""
    usual = Scene(scene.kind, scene.colour, scene.background, variant=scene.variant)
    return scene == usual and scene.background in COLOURS


class DiffusionTask:
    """`latents` are a file of scaled latents of the scenes 0, 1, 2, … in order.

    Without `first`, the weights of a model without outer attention, such a model is trained.
    """

    def __init__(
        self,
        worker: int,
        latents: Path,
        tokenizer: CLIPTokenizer,
        encoder: CLIPTextModel,
        first: Mapping[str, Tensor] | None = None,
        batch: int = BATCH,
    ) -> None:
        self.model = build(outer=first is not None)
        known = self.model.load_state_dict(first or {}, strict=False)
        assert not known.unexpected_keys
        self.model.to(device(), memory_format=torch.channels_last)
        self.latents = torch.load(latents, weights_only=True)
        scenes = [scene_at(number) for number in range(len(self.latents))]
        self.often = torch.tensor([SIMPLE if simple(scene) else 1.0 for scene in scenes])
        self.tokenizer, self.encoder = tokenizer, encoder.to(device()).requires_grad_(False).eval()
        self.random, self.batch, self.noise = Random(worker), batch, Noise.standard()

    def loss(self) -> Tensor:
        numbers = torch.multinomial(self.often, self.batch).tolist()
        x = self.latents[numbers].float().to(device(), memory_format=torch.channels_last)
        with torch.no_grad():
            words = self.encoder(tokenize(self.tokenizer, self.captions(numbers)))[0]
        levels = self.noise.levels(len(x))
        noisy, velocity = self.noise.mix(x, torch.randn_like(x), levels)
        return F.mse_loss(self.model(noisy, levels, words).sample, velocity)

    def captions(self, numbers: list[int]) -> list[str]:
        drop = [self.random.random() < DROPPED for _ in numbers]
        texts = [caption(scene_at(number), self.random) for number in numbers]
        return ["" if gone else text for gone, text in zip(drop, texts, strict=True)]

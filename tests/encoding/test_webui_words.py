"""Words are to the diffusers host what they are to a real stable-diffusion-webui 1.10.1.

Its numbers were recorded by tests/webui/record_words.py, from checkpoints whose weights follow from
their keys.
"""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import live_lora
import numpy as np
import pytest
import seeded_checkpoint as seeded
import seeded_pipeline
import torch
from distances import distance
from live_lora.app.generator import Generator
from live_lora.app.load_model import Checkpoint
from live_lora.encoding.encode import WordEncoder
from live_lora.encoding.inversions import Vocabulary, WordVectors
from live_lora.encoding.part_conds import PartConds, encode_parts, words_of
from live_lora.encoding.settings import WordSettings
from live_lora.encoding.text_model import text_models
from live_lora.hosts.attach import open_library
from live_lora.prompt.words.parts import Part, parts_of
from live_lora.records import Progress, Row
from live_lora.session.session import Options
from recorded_webui import ROUNDING, SECOND_PASSES, with_hires_fix
from safetensors.torch import save_file
from torch import Tensor

CONDS = 1e-5  # relative
LATENTS = 1e-3
PROMPTS = json.loads((seeded.DATA / "prompts.json").read_text("utf-8"))
COMPONENTS = {"": "text_encoder", "clip_l": "text_encoder", "clip_g": "text_encoder_2"}


@pytest.fixture(scope="module", params=seeded.FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def pipe(family: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return seeded_pipeline.pipeline(family, tmp_path_factory.mktemp(family))


@pytest.fixture(scope="module")
def recorded(family: str) -> tuple[list[dict[str, Any]], dict[str, Tensor]]:
    told = json.loads((seeded.DATA / f"{family}.json").read_text("utf-8"))
    arrays = np.load(seeded.DATA / f"{family}.npz")
    return told, {key: torch.from_numpy(arrays[key]) for key in arrays.files}


def embeddings(family: str) -> list[WordVectors]:
    return [
        WordVectors(
            name,
            {
                COMPONENTS[part.replace("emb_params", "")]: vectors
                for part, vectors in seeded.embedding(family, name).items()
            },
        )
        for name in seeded.EMBEDDINGS
    ]


def encoder_of(pipe: Any, family: str, prompt: dict[str, Any]) -> WordEncoder:
    """As the pipeline's host makes it; clip skip has no effect on other families in the webui."""
    skip = prompt.get("clip_skip", 1) - 1 if family == "sd1" else 0
    settings = WordSettings(prompt.get("emphasis", "Original"), clip_skip=skip or None)
    device = torch.device("cpu")
    models = text_models(pipe)
    vocabulary = Vocabulary(models[0].tokenize, embeddings(family))
    return WordEncoder(models, settings, vocabulary, device, torch.float32)


def encoded(pipe: Any, family: str, prompt: dict[str, Any]) -> list[PartConds]:
    """The conds of one text."""
    encoder = encoder_of(pipe, family, prompt)
    negative = prompt.get("negative", False)
    parts = [Part(prompt["text"])] if negative else parts_of(prompt["text"])
    words = words_of([parts] * len(encoder.models), Row(), (), None)
    moment = Progress(steps=10, calls=10)
    return encode_parts(encoder, words, moment, lambda rows, moments: nullcontext())


@pytest.mark.parametrize("number", range(len(PROMPTS)))
def test_conds_are_the_webuis(pipe: Any, family: str, recorded: Any, number: int) -> None:
    told, arrays = recorded
    prompt = PROMPTS[number]
    if prompt.get("negative") and not prompt["text"] and family == "sdxl":
        pytest.skip("zeros, which the pipeline's host makes: see below")
    parts = encoded(pipe, family, prompt)
    assert [[part.weight, list(part.ends)] for part in parts] == told[number]["parts"]
    for place, part in enumerate(parts):
        for entry, cond in enumerate(part.conds):
            want = arrays[f"{number}.{place}.{entry}"]
            assert distance(seeded.sample(cond.tokens), want) <= CONDS
            if cond.pooled is not None:
                pooled = arrays[f"{number}.{place}.{entry}.vector"]
                assert distance(cond.pooled[::8], pooled) <= CONDS


def test_tokens_are_counted_as_the_webui_counts_them(pipe: Any, family: str, recorded: Any) -> None:
    told, _ = recorded
    for prompt, want in zip(PROMPTS, told, strict=True):
        encoder = encoder_of(pipe, family, prompt)
        if "emphasis" not in prompt:  # the webui counted with its default
            assert list(encoder.count(prompt["text"])) == want["count"]


def test_latents_are_the_webuis(
    pipe: Any, family: str, recorded: Any, tmp_path: Path, subtests: Any
) -> None:
    """Euler, 8 steps, fp32: emphasis, BREAK, AND, schedules and tags, each and all at once.

    And an embedding of three vectors that is bundled in the tag's LoRA.
    """
    if family == "sd2":
        pytest.skip("SD 1.x and SDXL stand for all")
    save_file(seeded.lora(family), tmp_path / "seeded.safetensors")
    requests = json.loads((seeded.DATA / "latents.json").read_text("utf-8"))
    with live_lora.attach(pipe, library=tmp_path) as live:
        for number, request in enumerate(requests):
            want = recorded[1][f"latents.{number}"]
            with subtests.test(msg=str(request)):
                got = live(
                    **{"negative_prompt": "", **request},
                    num_inference_steps=8,
                    guidance_scale=5.0,
                    width=64,
                    height=64,
                    generator=torch.Generator().manual_seed(1),
                    output_type="latent",
                ).images
                assert distance(got, want) <= LATENTS


def test_hires_fix_is_the_webuis(
    pipe: Any, family: str, recorded: Any, tmp_path: Path, subtests: Any
) -> None:
    """The app's picture, after a second pass on larger latents or pixels, but for rounding.

    With a LoRA, whose tag acts in both passes, and with words and a sampler of the second one.
    """
    if family != "sd1":
        pytest.skip("recorded for SD 1.x")
    save_file(seeded.lora("sd1"), tmp_path / "seeded.safetensors")
    generator = Generator(Checkpoint(pipe, "small"), open_library(tmp_path, Options()))
    for number, options in enumerate(SECOND_PASSES):
        with subtests.test(msg=str(options)):
            (image,) = generator.draw(with_hires_fix(options)).images
            got = torch.from_numpy(np.asarray(image)[::4, ::4].astype(int))
            assert int((got - recorded[1][f"hires.{number}"].int()).abs().max()) <= ROUNDING

"""Models from folders and single files, without a network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tiny_pipeline
import torch
from live_lora.app import load_model
from live_lora.app.load_model import Pipeline, from_single_file, load
from live_lora.errors import FileError, LiveLoraError

from .files import ldm_shapes, write_ldm, write_zeros


@pytest.fixture(scope="module")
def small() -> Pipeline:
    return tiny_pipeline.pipeline()


def picture(pipeline: Pipeline) -> np.ndarray:
    pipeline.set_progress_bar_config(disable=True)
    output = pipeline(
        "a fox",
        num_inference_steps=3,
        generator=torch.Generator().manual_seed(1),
        output_type="np",
    )
    return output.images[0]


def parts(pipeline: Pipeline) -> dict[str, torch.nn.Module]:
    found = pipeline.components.items()
    return {name: part for name, part in found if isinstance(part, torch.nn.Module)}


@pytest.mark.parametrize(
    ("family", "side", "zero"), [("sd15", 512, True), ("sd21", 768, False), ("sdxl", 1024, False)]
)
def test_full_size_files_fit_their_configs(
    tmp_path: Path, family: str, side: int, zero: bool
) -> None:
    """Every tensor of a real file finds its place, and no place stays empty."""
    keys = {"v_pred": [], "ztsnr": []} if zero else {}
    path = write_zeros(tmp_path / "x.safetensors", ldm_shapes(family) | keys)
    pipeline = load_model.file(path, None, torch.float16).pipeline
    for name, part in parts(pipeline).items():
        assert not [key for key, value in part.named_parameters() if value.is_meta], name
    assert pipeline.unet.config.sample_size * pipeline.vae_scale_factor == side
    assert pipeline.scheduler.config.rescale_betas_zero_snr is zero
    assert pipeline.scheduler.config.prediction_type == ("v_prediction" if zero else "epsilon")


def test_a_file_draws_what_its_folder_draws(tmp_path: Path, small: Pipeline) -> None:
    small.save_pretrained(tmp_path / "folder")
    path = write_ldm(tmp_path / "small.safetensors", small)
    file = from_single_file(path, tiny_pipeline.config(), torch.float32)
    folder = load(tmp_path / "folder", device="cpu").pipeline
    wanted = picture(small)
    assert wanted.std() > 0.01
    np.testing.assert_array_equal(picture(file), wanted)
    np.testing.assert_array_equal(picture(folder), wanted)


def test_prediction_of_a_folder_can_be_told(tmp_path: Path, small: Pipeline) -> None:
    small.save_pretrained(tmp_path)
    told = load(tmp_path, prediction="v_prediction", device="cpu").pipeline.scheduler
    assert type(told) is type(small.scheduler)
    assert told.config.prediction_type == "v_prediction"
    assert told.config.beta_end == small.scheduler.config.beta_end


def test_half_precision_variants(tmp_path: Path, small: Pipeline) -> None:
    small.save_pretrained(tmp_path, variant="fp16")
    np.testing.assert_array_equal(picture(load(tmp_path, device="cpu").pipeline), picture(small))


def test_what_cannot_be_loaded(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "flux").mkdir()
    (tmp_path / "flux" / "model_index.json").write_text('{"_class_name": "FluxPipeline"}')
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "model_index.json").write_text("[")
    (tmp_path / "gone").mkdir()
    (tmp_path / "gone" / "model_index.json").write_text(
        '{"_class_name": "StableDiffusionPipeline"}'
    )
    (tmp_path / "old.ckpt").write_bytes(b"")
    for name, reason in {
        "missing": "there is no such",
        "empty": "no model_index.json",
        "flux": "FluxPipeline",
        "broken": "cannot be read",
        "gone": "cannot load the folder",
        "old.ckpt": "only .safetensors",
    }.items():
        with pytest.raises(LiveLoraError, match=reason) as raised:
            load(tmp_path / name, device="cpu")
        assert str(raised.value).startswith(name), "it says which"


def test_a_cut_file_is_refused(tmp_path: Path, small: Pipeline) -> None:
    path = write_ldm(tmp_path / "small.safetensors", small)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)
    with pytest.raises(FileError, match=r"small\.safetensors"):
        load(path, device="cpu")


def test_an_error_of_many_lines_is_cut_to_its_first() -> None:
    many = RuntimeError("Error(s) in loading state_dict:\n" + "\tsize mismatch for x\n" * 686)
    assert load_model.first_line(many) == "Error(s) in loading state_dict: … and 686 more lines"
    assert load_model.first_line(ValueError("one")) == "one"
    assert load_model.first_line(RuntimeError()) == "RuntimeError"


def test_the_small_model_is_one_precision_in_any_program() -> None:
    """`from_pretrained` without a dtype: mixed ones fail in diffusers itself."""
    pipeline = load_model.CLASSES["StableDiffusionPipeline"].from_pretrained(
        load_model.SMALL, local_files_only=True
    )
    parts = pipeline.unet, pipeline.text_encoder, pipeline.vae
    assert {part.dtype for part in parts} == {torch.float32}

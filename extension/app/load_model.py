"""A model to draw with, from a diffusers folder or a single file; never from a network."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline

from ..errors import FileError
from ..model.base_targets import name_of_width
from . import configs
from .single_file import Contents, Prediction, identify

Pipeline: TypeAlias = StableDiffusionPipeline | StableDiffusionXLPipeline
CLASSES = {kind.__name__: kind for kind in (StableDiffusionPipeline, StableDiffusionXLPipeline)}
SMALL = Path(__file__).parent / "data" / "model"  # the project's own
SMALL_GUIDANCE = 4.0  # as it is examined with
SMALL_NOTE = (
    "It is small and knows little: ball, cup, fish, flower, heart, house, moon, mushroom, star and "
    "tree, one to three of them, big or small, in ten colours; on a background of a colour, "
    "in a meadow, by the sea, in the desert or at night."
)
SMALL_EXAMPLE = "a red heart on a blue background <lora:lineart:0.8>"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A loaded pipeline and what to call it."""

    pipeline: Pipeline
    name: str
    notes: tuple[str, ...] = ()
    guidance: float = 7.0  # what pictures come out well with
    example: str = ""  # a prompt to begin with

    @property
    def size(self) -> tuple[int, int]:
        """Width and height that the model was made for, in pixels."""
        side = self.pipeline.unet.config.sample_size * self.pipeline.vae_scale_factor
        return side, side

    @property
    def base(self) -> str | None:
        """ "SD1", "SD2" or "SDXL", as LoRA files name theirs; None for small models."""
        return name_of_width(self.pipeline.unet.config.cross_attention_dim)


def load(
    path: Path | None = None,
    *,
    prediction: Prediction | None = None,
    device: str | None = None,
    dtype: torch.dtype | None = None,
) -> Checkpoint:
    """The model at `path`, the project's small one without; on the best device there is.

    Raises FileError where `path` is not a model that can be drawn with.
    """
    device = device or best_device()
    dtype = dtype or (torch.float32 if device == "cpu" else torch.float16)
    if path is None:
        found = small(prediction, dtype)
    elif not path.exists():
        raise FileError("gone", path, "there is no such file or folder")
    else:
        found = folder(path, prediction, dtype) if path.is_dir() else file(path, prediction, dtype)
    found.pipeline.to(device)
    found.pipeline.set_progress_bar_config(disable=True)
    return found


def small(prediction: Prediction | None, dtype: torch.dtype) -> Checkpoint:
    """The project's own."""
    pipeline = folder(SMALL, prediction, dtype).pipeline
    return Checkpoint(pipeline, "small", (SMALL_NOTE,), SMALL_GUIDANCE, SMALL_EXAMPLE)


def best_device() -> str:
    """ "cuda", "mps" or "cpu"."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def folder(path: Path, prediction: Prediction | None, dtype: torch.dtype) -> Checkpoint:
    """A diffusers folder, with the scheduler that it names."""
    kind = _pipeline_class(path)
    variant = "fp16" if _only_fp16(path) else None
    try:
        pipeline = kind.from_pretrained(path, dtype=dtype, local_files_only=True, variant=variant)
    except (OSError, ValueError, RuntimeError) as error:
        raise FileError(
            "damaged", path, f"diffusers cannot load the folder: {first_line(error)}"
        ) from error
    if prediction:
        pipeline.scheduler = _predicting(pipeline.scheduler, prediction_type=prediction)
    return Checkpoint(pipeline, path.name)


def file(path: Path, prediction: Prediction | None, dtype: torch.dtype) -> Checkpoint:
    """A `.safetensors` checkpoint of SD 1.x, 2.x or SDXL."""
    if path.suffix.lower() != ".safetensors":
        raise FileError(
            "pickle", path, "only .safetensors checkpoints are read: others can run code"
        )
    contents = identify(path, prediction)
    config = configs.read(contents.family)
    config["scheduler"] |= scheduler_settings(contents)
    pipeline = from_single_file(path, config, dtype)
    note = f"{contents.title}, predicts {contents.prediction} (by {contents.known_by})"
    return Checkpoint(pipeline, path.stem, (note,))


def first_line(error: Exception) -> str:
    """What an error says first, and how much more: a wrong size is said once for every layer."""
    first, *more = str(error).strip().splitlines() or [type(error).__name__]
    return f"{first.strip()} … and {len(more)} more lines" if more else first


def from_single_file(path: Path, config: configs.Config, dtype: torch.dtype) -> Pipeline:
    """The pipeline that `config` describes, with the file's tensors."""
    kind = CLASSES[config["model_index"]["_class_name"]]
    try:
        with configs.folder(config) as place:
            pipeline: Pipeline = kind.from_single_file(
                str(path), config=str(place), local_files_only=True, dtype=dtype
            )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise FileError(
            "damaged", path, f"diffusers cannot load the file: {first_line(error)}"
        ) from error
    return pipeline


def scheduler_settings(contents: Contents) -> dict[str, Any]:
    """What the family's scheduler is told about this file."""
    settings: dict[str, Any] = {"prediction_type": contents.prediction}
    if contents.zero_snr:  # Lin et al. 2024, "Common Diffusion Noise Schedules … Are Flawed"
        settings |= {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    return settings


def _predicting(scheduler: Any, **settings: Any) -> Any:
    return type(scheduler).from_config(scheduler.config, **settings)


def _pipeline_class(path: Path) -> Any:
    try:
        index = json.loads((path / "model_index.json").read_text(encoding="utf-8"))
        return CLASSES[index["_class_name"]]
    except FileNotFoundError as error:
        raise FileError(
            "other-file", path, "not a diffusers folder: it has no model_index.json"
        ) from error
    except (ValueError, TypeError) as error:
        raise FileError("damaged", path, f"its model_index.json cannot be read: {error}") from error
    except KeyError as error:
        known = " nor ".join(CLASSES)
        raise FileError("other-model", path, f"{error.args[0]} is neither {known}") from None


def _only_fp16(path: Path) -> bool:
    weights = {item.name for item in (path / "unet").glob("*.safetensors")}
    return bool(weights) and all(".fp16." in name for name in weights)

"""What a single-file checkpoint is, from its header alone: family, prediction, what it lacks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..errors import FileError
from ..library import header
from ..library.header import Header
from ..model.base_targets import WIDTHS

Prediction = Literal["epsilon", "v_prediction"]

UNET = "model.diffusion_model."
# A layer that every family has, and whose input is as wide as its text embeddings.
CONTEXT = UNET + "input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight"
TITLES = {"sd15": "SD 1.x", "sd21": "SD 2.x", "sdxl": "SDXL"}
EXTRA_INPUTS = {8: "an instruct-pix2pix model", 9: "an inpainting model"}
V_NAME = re.compile(r"v[-_. ]?pred|v[-_.]param|768[-_.]?v|v2-1_768", re.IGNORECASE)
V_METADATA = {
    "modelspec.prediction_type": ("v", "v_prediction"),
    "ss_v_parameterization": ("true",),
}
# Written into the state dict by trainers of v-prediction SDXL models (NoobAI and its kin).
V_KEY, ZERO_SNR_KEY = "v_pred", "ztsnr"


@dataclass(frozen=True, slots=True)
class Contents:
    """A checkpoint file: its family, what its UNet predicts, and how that is known."""

    path: Path
    family: str
    prediction: Prediction
    known_by: str
    zero_snr: bool = False

    @property
    def title(self) -> str:
        return TITLES[self.family]


def identify(path: Path, prediction: Prediction | None = None) -> Contents:
    """Reads the header only. FileError says why a file is no checkpoint that we can draw with."""
    head = header.read(path)
    family = _family(path, head)
    _check_parts(path, head)
    kind, known_by = (prediction, "--prediction") if prediction else predicts(path, head)
    zero_snr = ZERO_SNR_KEY in head.tensors or _says(head, "ss_zero_terminal_snr", ("true",))
    return Contents(path, family, kind, known_by, zero_snr)


def predicts(path: Path, head: Header) -> tuple[Prediction, str]:
    """What the UNet's output means, and where that stands."""
    if V_KEY in head.tensors:
        return "v_prediction", f"the file's key {V_KEY!r}"
    for key, values in V_METADATA.items():
        if key in head.metadata:
            kind: Prediction = "v_prediction" if _says(head, key, values) else "epsilon"
            return kind, f"the file's {key}"
    if V_NAME.search(path.stem):
        return "v_prediction", "the file's name"
    return (
        "epsilon",
        "a guess: use --prediction v if pictures come out as brown noise",
    )


def _says(head: Header, key: str, values: tuple[str, ...]) -> bool:
    return head.metadata.get(key, "").strip().lower() in values


def _family(path: Path, head: Header) -> str:
    if CONTEXT not in head.tensors:
        raise FileError("other-file", path, _what_instead(head))
    width = head.tensors[CONTEXT].shape[-1]
    base = WIDTHS.get(width)
    if base is None:
        reason = f"an unknown model: its text embeddings are {width} wide"
        raise FileError("other-model", path, reason)
    if base == "sdxl-refiner":
        reason = "this is the SDXL refiner, which cannot start a picture"
        raise FileError("other-model", path, reason)
    return base


def _what_instead(head: Header) -> str:
    if any("lora_" in key or key.endswith(".alpha") for key in head.tensors):
        return "this is a LoRA, not a checkpoint: put it into the folder that --lora-dir names"
    return "not a Stable Diffusion 1.x, 2.x or SDXL checkpoint: it holds no UNet of theirs"


def _check_parts(path: Path, head: Header) -> None:
    shape = head.tensors[UNET + "input_blocks.0.0.weight"].shape
    if shape[1] != 4:
        what = EXTRA_INPUTS.get(shape[1], f"a model with {shape[1]} input channels")
        raise FileError("other-model", path, f"this is {what}, which needs a picture to start from")
    for part, prefixes in (
        ("autoencoder (VAE)", ("first_stage_model.",)),
        ("text encoder", ("cond_stage_model.", "conditioner.")),
    ):
        if not any(key.startswith(prefixes) for key in head.tensors):
            raise FileError("incomplete", path, f"the file holds no {part}: use a full checkpoint")

"""Adapters for Stable Diffusion by algorithms that are not read here, named by their tensors.

The names of tensors are those of PEFT 0.21 (its tuners' `adapter_layer_names`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

TENSORS: Mapping[str, str] = {  # what a tensor's name begins with: the algorithm
    "abba_": "ABBA",
    "adamss_": "AdaMSS",
    "beft_": "BEFT",
    "bone_": "Bone",
    "c3a_": "C3A",
    "deft_": "DEFT",
    "delora_": "DeLoRA",
    "fourierft_": "FourierFT",
    "frod_": "FRoD",
    "glora_": "PEFT's GLoRA",
    "gralora_": "GraLoRA",
    "hira_": "HiRA",
    "hra_": "HRA",
    "lily_": "Lily",
    "ln_tuning_": "LN-tuning",
    "lora_diag": "KaSA",
    "lora_embedding_": "LoRA of token embeddings",
    "miss_": "MiSS",
    "osf_": "OSF",
    "peanut_": "PEANuT",
    "poly_": "Poly",
    "psoft_": "PSOFT",
    "pvera_": "PVeRA",
    "randlora_": "RandLoRA",
    "road_": "RoAd",
    "shira_": "SHiRA",
    "supertuning_": "SuperTuning",
    "tinylora_": "TinyLoRA",
    "trainable_tokens_": "trainable tokens",
    "unilora_": "Uni-LoRA",
    "vblora_": "VB-LoRA",
    "vera_": "VeRA",
    "waveft_": "WaveFT",
}
_TENSOR = re.compile(rf"(?:^|\.)((?:lora_)?({'|'.join(TENSORS)})\w*)")


def named(key: str) -> str | None:
    """The algorithm by one of its tensors, such as "VeRA (vera_lambda_b)"; None if unknown."""
    match = _TENSOR.search(key)
    return f"{TENSORS[match[2]]} ({match[1]})" if match else None

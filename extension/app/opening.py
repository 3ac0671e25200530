"""From a command's options to a generator: which model, which LoRAs."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path, user_data_path

from ..errors import LiveLoraError
from ..hosts.attach import open_library
from ..prompt.bound import bound_of
from ..session.session import Options
from . import diagnosis, load_model
from .cli import PREDICTIONS
from .generator import Generator
from .load_model import Checkpoint

LORAS = Path(__file__).parent / "data" / "loras"  # those of the included model
USUAL = Path("models/Lora")
EMBEDDINGS, MASKS = Path("embeddings"), Path("masks")


def open_generator(options: Namespace, **settings: Any) -> Generator:
    """What `--model`, `--lora-dir`, `--device` and `--prediction` ask for; says what it opens."""
    model = open_model(options)
    folders = lora_folders(options.lora_dir, options.model)
    # Hashes, thumbnails and what the files are for: learned once, kept from start to start.
    cache, data = user_cache_path("live-lora"), user_data_path("live-lora")
    catalog = open_library(folders, Options(), cache, data)
    for line in (f"{model.name} on {model.pipeline.device}", *model.notes):
        print(line, file=sys.stderr)
    settings["executor"] = options.executor
    settings["cap"] = demand_bound(options.cap)
    used = {**described(model), "folders": [str(one.absolute()) for one in folders], **settings}
    settings["embeddings"] = named_folders("--embedding-dir", options.embedding_dir, EMBEDDINGS)
    masks = named_folders("--mask-dir", options.mask_dir, MASKS)
    settings["masks"] = masks or [user_data_path("live-lora") / "masks"]  # drawn on the page
    drawn = partial(diagnosis.remember, settings=used)
    generator = Generator(model, catalog, drawn, **settings)
    if options.compile:
        generator.live.compile()
    return generator


def demand_bound(cap: str) -> str:
    """What `--cap` says. LiveLoraError for what is no bound."""
    try:
        bound_of(cap)
    except ValueError as error:
        raise LiveLoraError(f"--{error}") from error
    return cap


def named_folders(option: str, named: Sequence[Path] | None, usual: Path) -> list[Path]:
    """The folders that an option has named, else the usual one."""
    for folder in named or ():
        if not folder.is_dir():
            raise LiveLoraError(f"{option}: there is no folder {folder}")
    return list(named or [folder for folder in [usual] if folder.is_dir()])


def described(model: Checkpoint) -> dict[str, str | None]:
    """What `live-lora report` says of the model."""
    pipe = model.pipeline
    facts = {"model": model.name, "base": model.base, "pipeline": type(pipe).__name__}
    return {**facts, "device": str(pipe.device), "dtype": str(pipe.unet.dtype)}


def open_model(options: Namespace) -> Checkpoint:
    """The named model, or the included one."""
    prediction = PREDICTIONS[options.prediction] if options.prediction else None
    return load_model.load(options.model, prediction=prediction, device=options.device)


def lora_folders(named: Sequence[Path] | None, model: Path | None) -> list[Path]:
    """The folders that were named; else the usual one, and the included LoRAs for their model."""
    for folder in named or ():
        if not folder.is_dir():
            raise LiveLoraError(f"--lora-dir: there is no folder {folder}")
    if named:
        if model is None:
            print(f"without the included LoRAs, which are in {LORAS}", file=sys.stderr)
        return list(named)
    usual = [USUAL] if model else [USUAL, LORAS]
    return [folder for folder in usual if folder.is_dir()]

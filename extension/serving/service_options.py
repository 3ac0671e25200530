"""From the options of `live-lora serve` to what it needs: its model, its limits, its rules."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from ..app.opening import open_generator
from ..app.serve_options import MEGAPIXEL
from ..errors import FileError, LiveLoraError
from .admission import QueueLimits
from .batch_limits import BatchLimits
from .drawing_service import DrawingService, ServiceLimits
from .gatekeeper import LOCAL_NAMES, MIB, AccessRules
from .lora_source import LoraSource
from .request_limits import RequestLimits

INCLUDED = "live-lora-small"
GIB = 1 << 30


def open_service(options: Namespace) -> DrawingService:
    """Reads the model, and begins to draw with it."""
    source = source_of(options)
    if source is not None:
        options.lora_dir = [*(options.lora_dir or ()), source.folder]
    generator = open_generator(options, cache_bytes=int(options.lora_cache * GIB))
    service = DrawingService(generator, limits_of(options), model_file(options.model), source)
    service.start()
    return service


def source_of(options: Namespace) -> LoraSource | None:
    """Where further LoRAs lie. Raises LiveLoraError where fsspec cannot read from there."""
    if not options.lora_source:
        return None
    folder = user_cache_path("live-lora") / "loras"
    return LoraSource(options.lora_source, folder, int(options.lora_disk * GIB))


def limits_of(options: Namespace) -> ServiceLimits:
    """What the command line allows."""
    return ServiceLimits(
        RequestLimits(
            pictures=options.max_pictures,
            pixels=int(options.max_pixels * MEGAPIXEL),
            steps=options.max_steps,
            loras=options.max_loras,
            seconds=options.time_limit,
        ),
        QueueLimits(options.queue, options.queue_per_user),
        BatchLimits(options.batch, int(options.batch_pixels * MEGAPIXEL)),
        options.linger,
    )


def rules_of(options: Namespace) -> AccessRules:
    """Who may ask. Raises LiveLoraError where --listen would let everybody in."""
    written = options.api_auth.split(",") if options.api_auth else []
    logins = dict(_pairs("--api-auth", written))
    logins |= dict(_pairs("--api-auth-file", _lines(options.api_auth_file)))
    tokens = {token: name for name, token in _pairs("--token-file", _lines(options.token_file))}
    if options.listen and not (logins or tokens):
        raise LiveLoraError(
            "--listen lets everybody in who can reach this machine: say who may ask by "
            "--api-auth USER:PASSWORD, --api-auth-file or --token-file"
        )
    origins = frozenset(one.strip() for one in options.cors_allow_origins.split(",") if one.strip())
    if "*" in origins:
        raise LiveLoraError("--cors-allow-origins: name the sites, * would be all of them")
    names = None if options.listen else LOCAL_NAMES
    return AccessRules(logins, tokens, origins, names, options.max_body * MIB)


def options_in_force(model: Path | None) -> Mapping[str, Any]:
    """The webui's options that have a meaning here."""
    return {
        "sd_model_checkpoint": model_file(model),
        "sd_checkpoint_hash": "",
        "sd_vae": "Automatic",
        "CLIP_stop_at_last_layers": 1,
        "emphasis": "Original",
        "samples_save": False,
        "grid_save": False,
        "return_grid": False,
        "enable_pnginfo": True,
        "show_progress_every_n_steps": 1,
    }


def flags_of(options: Namespace) -> Mapping[str, Any]:
    """Those of the webui's that have a meaning here; no path, no password."""
    return {"api": True, "nowebui": True, "listen": options.listen, "port": options.port}


def model_file(model: Path | None) -> str:
    """Relative to the folder that it is in."""
    return INCLUDED if model is None else model.absolute().name


def _lines(path: Path | None) -> list[str]:
    if path is None:
        return []
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FileError("unreadable", path, str(error)) from error


def _pairs(option: str, lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    for line in filter(None, map(str.strip, lines)):
        name, _, secret = line.partition(":")
        if not name or not secret:
            raise LiveLoraError(f"{option}: each is written as USER:SECRET")
        yield name, secret

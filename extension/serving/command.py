"""`live-lora serve`: the server on one machine."""

from __future__ import annotations

import logging
import socket
import sys
import threading
from argparse import Namespace
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import uvicorn

from ..app.opening import open_generator
from ..app.serve_options import MEGAPIXEL
from ..errors import FileError, LiveLoraError
from .admission import QueueLimits
from .batch_limits import BatchLimits
from .drawing_service import DrawingService, RequestLimits, ServiceLimits
from .gatekeeper import LOCAL_NAMES, MIB, AccessRules
from .http_server import ServerState, application
from .structured_log import start_logging

LOG = logging.getLogger(__name__)
EVERYWHERE, HERE = "0.0.0.0", "127.0.0.1"
INCLUDED = "live-lora-small"
GIB = 1 << 30
SHUTDOWN = 5  # seconds for answers that are under way


def run(options: Namespace) -> int:
    """Serves until it is interrupted. The model is read meanwhile: `status` says how far it is."""
    rules = rules_of(options)
    start_logging(options.log)
    state = ServerState()
    with listening(EVERYWHERE if options.listen else HERE, options.port) as place:
        app = application(state, rules, options_in_force(options.model), flags_of(options))
        server = uvicorn.Server(
            uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=SHUTDOWN)
        )
        opening = Opening(options, state, server)
        opening.start()
        print(f"Live LoRA: http://{HERE}:{place.getsockname()[1]}/", file=sys.stderr, flush=True)
        try:
            server.run([place])
        finally:
            opening.join()
            if state.service is not None:
                state.service.close()
    if opening.error is not None:
        raise opening.error
    return 0


class Opening(threading.Thread):
    """Reads the model while the server already answers; where that fails, the server ends."""

    def __init__(self, options: Namespace, state: ServerState, server: uvicorn.Server) -> None:
        super().__init__(name="opening", daemon=True)
        self.options, self.state, self.server = options, state, server
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            self.state.phase = "reading the model"
            cache = int(self.options.lora_cache * GIB)
            generator = open_generator(self.options, cache_bytes=cache)
            service = DrawingService(
                generator, limits_of(self.options), model_file(self.options.model)
            )
            service.start()
        except Exception as error:
            self.error = error
            self.server.should_exit = True
            return
        self.state.service, self.state.phase = service, "ready"
        LOG.info("ready", extra={"facts": {"model": generator.checkpoint.name}})


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


def listening(host: str, port: int) -> socket.socket:
    """A bound socket. Raises LiveLoraError."""
    place = socket.socket()
    if sys.platform != "win32":
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        place.bind((host, port))
    except OSError as error:
        place.close()
        raise LiveLoraError(f"port {port} cannot be used: {error.strerror}") from error
    return place


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

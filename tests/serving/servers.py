"""A server in this process, on a port of its own."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI
from live_lora.app.generator import Generator
from live_lora.serving.command import listening
from live_lora.serving.drawing_service import DrawingService, ServiceLimits
from live_lora.serving.gatekeeper import AccessRules
from live_lora.serving.http_server import ServerState, application
from live_lora.serving.service_options import options_in_force


@contextlib.contextmanager
def serving(generator: Generator, limits: ServiceLimits | None = None) -> Iterator[DrawingService]:
    """A service that is started, and closed again."""
    service = DrawingService(generator, limits)
    service.start()
    try:
        yield service
    finally:
        service.close()


@contextlib.contextmanager
def served(
    generator: Generator, rules: AccessRules | None = None, limits: ServiceLimits | None = None
) -> Iterator[tuple[str, DrawingService]]:
    """The server's address, and what draws."""
    service = DrawingService(generator, limits, "small.safetensors")
    service.start()
    state = ServerState(service, "ready")
    options = {**options_in_force(None), "sd_model_checkpoint": "small.safetensors"}
    app = application(state, rules or AccessRules(), options, {"api": True})
    try:
        with running(app) as address:
            yield address, service
    finally:
        service.close()


@contextlib.contextmanager
def running(app: FastAPI) -> Iterator[str]:
    """The address of an app that is served."""
    place = listening("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=2))
    thread = threading.Thread(target=server.run, args=([place],), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{place.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)
        place.close()

"""`live-lora serve`: the server on one machine."""

from __future__ import annotations

import logging
import socket
import sys
import threading
from argparse import Namespace
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import uvicorn

from ..errors import LiveLoraError
from .http_server import ServerState, application
from .picture_service import PictureService
from .remote_service import RemoteService
from .service_options import flags_of, open_service, options_in_force, rules_of
from .structured_log import start_logging

LOG = logging.getLogger(__name__)
EVERYWHERE, HERE = "0.0.0.0", "127.0.0.1"
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
            opening.closing.close()
    if opening.error is not None:
        raise opening.error
    return 0


class Opening(threading.Thread):
    """Reads the model while the server already answers; where that fails, the server ends."""

    def __init__(self, options: Namespace, state: ServerState, server: uvicorn.Server) -> None:
        super().__init__(name="opening", daemon=True)
        self.options, self.state, self.server = options, state, server
        self.error: Exception | None = None
        self.closing = ExitStack()

    def run(self) -> None:
        try:
            self.state.phase = "reading the model"
            service = self.closing.enter_context(opened(self.options))
        except Exception as error:
            self.error = error
            self.server.should_exit = True
            return
        self.state.service, self.state.phase = service, "ready"
        LOG.info("ready", extra={"facts": {"model": service.facts.name}})


@contextmanager
def opened(options: Namespace) -> Iterator[PictureService]:
    """What draws: in this process, or with `--replicas` in some of their own."""
    if options.replicas is None:
        with closing(open_service(options)) as service:
            yield service
        return
    from .ray_local import local_replicas  # Ray is an extra

    with local_replicas(options) as replicas, closing(RemoteService(replicas)) as remote:
        remote.start()
        yield remote


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

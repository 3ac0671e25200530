"""`live-lora app --api`: the page and the HTTP API at one address, with one queue."""

from __future__ import annotations

from argparse import Namespace
from contextlib import closing

from starlette.types import ASGIApp, Receive, Scope, Send

from ..app.opening import open_generator
from ..app.server import listening, page_of, private_temp, serve
from .drawing_service import DrawingService
from .gatekeeper import AccessRules
from .http_server import ServerState, application
from .own_routes import PREFIX
from .page_turns import PageTurns
from .service_options import model_file, options_in_force

API = ("/sdapi/", f"{PREFIX}/", "/openapi.json")


def run(options: Namespace) -> int:
    """Serves this machine until it is interrupted."""
    with listening(options.port) as place, private_temp():
        generator = open_generator(options)
        service = DrawingService(generator, model_file=model_file(options.model))
        generator.turns = PageTurns(service)
        flags = {"api": True, "nowebui": False, "listen": False, "port": options.port}
        state = ServerState(service, "ready")
        api = application(state, AccessRules(), options_in_force(options.model), flags)
        with closing(service), page_of(generator, options) as page:
            service.start()
            serve(PageAndApi(page, api), place, browse=not options.no_browser)
    return 0


class PageAndApi:
    """ASGI: one of the two, by the path; each has a guard of its own."""

    def __init__(self, page: ASGIApp, api: ASGIApp) -> None:
        self.page = page
        self.api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        of_api = scope["type"] == "http" and scope["path"].startswith(API)
        await (self.api if of_api else self.page)(scope, receive, send)

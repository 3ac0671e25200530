"""The routes that our tab asks, on the webui's app."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modules import shared

from ...browser import routes
from .state import LIVE

PREFIX = "/live-lora"


def mount(app: Any) -> None:
    """Adds them; a reload of the page makes a new app.

    Where the webui asks for a login on its page, so do they. With an API alone that asks for
    one there is no page to serve.
    """
    guard = login_check(app)
    if guard is None and shared.cmd_opts.api_auth:
        return
    router = routes.router(
        LIVE.catalog,
        model_of=LIVE.base,
        report_of=report,
        language_of=lambda: LIVE.language,
        guard=guard,
    )
    app.include_router(router, prefix=PREFIX)


def login_check(app: Any) -> Callable[..., Any] | None:
    """gradio's own check of the login cookie, as its routes use it; None without a page."""
    for route in app.routes:
        if getattr(route, "path", "") == "/login_check":
            found: Callable[..., Any] = route.endpoint
            return found
    return None


def report() -> dict[str, Any] | None:
    """The last generation's report."""
    return None if LIVE.report is None else LIVE.report.as_dict()

"""The routes that our tab asks, on the webui's app."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from modules import paths, shared

from ...browser import routes
from ...library.lora_file import LoraFile
from ...library.mask_pictures import MaskPictures
from ...session.static_effect import static_effect
from . import options, other_sites
from .state import DATA, LIVE

PREFIX = "/live-lora"
LOCAL = ("127.0.0.1", "localhost", "::1")


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
        prefetch=LIVE.prefetch,
        interface_of=options.interface,
        shelves_of=LIVE.shelves,
        guard=guard,
        data=Path(paths.data_path, DATA),
        closed_of=lambda: None if has_login(app) else open_to_strangers(),
        stranger_of=other_sites.refusal,
        errands=LIVE.errands,
        moving=LIVE.moving,
        masks_of=lambda: MaskPictures(options.mask_folders()),
        measured=LIVE.measured,
        effect_of=effect,
    )
    app.include_router(router, prefix=PREFIX)


def login_check(app: Any) -> Callable[..., Any] | None:
    """gradio's own check of the login cookie, as its routes use it; None without a page."""
    for route in app.routes:
        if getattr(route, "path", "") == "/login_check":
            found: Callable[..., Any] = route.endpoint
            return found
    return None


def has_login(app: Any) -> bool:
    """Whether the page asks who comes; gradio's check is there in any case, and lets all pass."""
    return any(getattr(app, name, None) is not None for name in ("auth", "auth_dependency"))


def open_to_strangers() -> str | None:
    """Why nothing may be changed on a page without a login, if others can reach it."""
    flags = ("listen", "share", "ngrok", "server_name")
    given = [flag for flag in flags if getattr(shared.cmd_opts, flag, None)]
    if not given or (getattr(shared.cmd_opts, "server_name", None) in LOCAL and len(given) == 1):
        return None
    option = f"--{given[0].replace('_', '-')}"
    return f"others can reach this page ({option}): start the webui with --gradio-auth too"


def effect(files: Sequence[LoraFile]) -> dict[str, Any] | None:
    """Their ΔW against the loaded model's W; None while the webui draws, or without a model."""
    core = None if shared.state.job else LIVE.core()
    if core is None or core.running is not None:
        return None
    return static_effect(core, files)


def report() -> dict[str, Any] | None:
    """The last generation's report."""
    return None if LIVE.report is None else LIVE.report.as_dict()

"""Our tab in the webui's page, and the routes that it asks."""

from __future__ import annotations

from typing import Any

from ...browser import routes
from .live import LIVE


def mount(app: Any) -> None:
    """The routes on the webui's app; a reload of the page makes a new app."""
    app.include_router(routes.router(LIVE.catalog))

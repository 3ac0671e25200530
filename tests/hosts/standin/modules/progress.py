"""Which task the webui works on: the page that has begun it knows its name."""

from __future__ import annotations

current_task: str | None = None

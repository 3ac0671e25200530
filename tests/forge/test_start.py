"""What a start of each program says with our extension in it."""

from __future__ import annotations

from webui.server import Webui


def test_nothing_of_ours_is_said_and_nothing_fails(webui: Webui, reference: Webui) -> None:
    """The builtin fails on one of the broken files, and says so with ours as without it."""
    said, theirs = (one.printed().split("Startup time:")[0] for one in (webui, reference))
    for name in ("live_lora", "live-lora", "Live LoRA", "Error loading script", "Error executing"):
        assert name not in said
    assert said.count("Traceback") == theirs.count("Traceback")

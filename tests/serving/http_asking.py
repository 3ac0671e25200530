"""How the tests of the HTTP server ask it."""

from __future__ import annotations

import base64
import io
import json
import threading
import time
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

WEBUI = json.loads((Path(__file__).parent.parent / "data" / "webui_api.json").read_text())
SMALL: dict[str, Any] = {"prompt": "a fox", "steps": 2, "width": 64, "height": 64, "seed": 5}
LONG = {**SMALL, "steps": 150, "width": 128, "height": 128}


def webui(ask: httpx.Client, route: str, body: Any = None) -> httpx.Response:
    address = f"/sdapi/v1/{route}"
    return ask.get(address) if body is None else ask.post(address, json=body)


def decoded(text: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(text)))


def encoded(image: Image.Image) -> str:
    out = io.BytesIO()
    image.save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


def in_background(call: Any) -> tuple[threading.Thread, list[Any]]:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(call()))
    thread.start()
    return thread, found


def until(condition: Any, seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)
    return found

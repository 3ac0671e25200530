"""An extension for benchmarks/builtin_cards.py: the time of the webui's own page of LoRA cards."""

import re
import time

from modules import script_callbacks, ui_extra_networks


def timed(work):
    """What it gave, and the seconds of CPU."""
    before = time.process_time()
    return work(), time.process_time() - before


def add_route(_, app):
    def measure() -> dict:
        page = next(one for one in ui_extra_networks.extra_pages if one.name == "lora")
        _, listed = timed(page.refresh)
        _, again = timed(page.refresh)
        html, made = timed(lambda: page.create_html("txt2img"))
        nodes = len(re.findall(r"<[a-zA-Z]", html))
        return {"listed": listed, "again": again, "made": made, "size": len(html), "nodes": nodes}

    app.add_api_route("/cards", measure, methods=["GET"])


script_callbacks.on_app_started(add_route)

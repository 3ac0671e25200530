"""Logs for programs: one JSON object a line. Prompts are never in them."""

from __future__ import annotations

import json
import logging
import sys
from datetime import datetime, timezone
from typing import Literal

ROOM = __package__ or "serving"


class JsonFormatter(logging.Formatter):
    """Time, level and message, and the `facts` that a record was given."""

    def format(self, record: logging.LogRecord) -> str:
        facts = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            facts["error"] = self.formatException(record.exc_info)
        return json.dumps(facts, ensure_ascii=False, default=str)


class FactsFormatter(logging.Formatter):
    """The same for people."""

    def format(self, record: logging.LogRecord) -> str:
        facts = " ".join(f"{key}={value}" for key, value in getattr(record, "facts", {}).items())
        return f"{super().format(record)} {facts}".rstrip()


def start_logging(kind: Literal["json", "text"]) -> None:
    """What this package has to say goes to standard error, in one of the two forms."""
    handler = logging.StreamHandler(sys.stderr)
    text = FactsFormatter("%(asctime)s %(levelname)s %(message)s")
    handler.setFormatter(JsonFormatter() if kind == "json" else text)
    log = logging.getLogger(ROOM)
    log.handlers = [handler]
    log.setLevel(logging.INFO)
    log.propagate = False

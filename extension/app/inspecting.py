"""`live-lora inspect`: what a LoRA file is, and what of it a base model has a place for."""

from __future__ import annotations

import json
from argparse import Namespace

from ..inspection import describe, exit_status, inspect


def run(options: Namespace) -> int:
    """0 usable, 1 in part or not known, 2 not."""
    facts = inspect(options.file, options.base)
    text = (
        json.dumps(facts, ensure_ascii=False, indent=2)
        if options.json
        else "\n".join(describe(facts))
    )
    print(text)
    return exit_status(facts)

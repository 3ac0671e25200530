"""`live-lora inspect`: what a LoRA file is, and what of it a base model has a place for."""

from __future__ import annotations

import json
from argparse import Namespace

from ..errors import LiveLoraError
from ..inspection import describe, exit_status, inspect


def run(options: Namespace) -> int:
    """0 usable, 1 in part or not known, 2 not."""
    if options.overlap and not options.model:
        raise LiveLoraError("--overlap needs --model: files are compared on a model's layers")
    facts = inspect(options.file, options.base)
    told: list[str] = []
    if options.model and not facts["error"]:
        from . import effect

        facts["effect"] = effect.effect_of(options)
        told = list(effect.lines(facts["effect"]))
    text = (
        json.dumps(facts, ensure_ascii=False, indent=2)
        if options.json
        else "\n".join([*describe(facts), *told])
    )
    print(text)
    return exit_status(facts)

"""`live-lora explain`: what a prompt means, step by step."""

from __future__ import annotations

import json
from argparse import Namespace

from ..prompt.explain import explain
from .clip_tokens import clip_chunking


def run(options: Namespace) -> int:
    """1 where something of the prompt is not understood, else 0."""
    chunking = clip_chunking()
    explanation = explain(
        options.prompt, options.steps, negative=options.negative, chunking=chunking
    )
    if options.json:
        print(json.dumps(explanation.as_dict(), ensure_ascii=False, indent=2))
    else:
        print("\n".join(explanation.lines()))
    return int(any(problem.severity == "error" for problem in explanation.prompt.problems))

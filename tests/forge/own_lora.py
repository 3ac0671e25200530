"""Ours beside the program's own LoRA, in one process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from webui.server import Webui

# Relative to the largest value. A hooked text encoder rounds in another order than a merged one,
# and a random network makes much of it.
UNET_BOUND, TEXT_BOUND = 1e-5, 5e-4


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """The largest, relative to the largest value."""
    return float(np.abs(one - other).max() / np.abs(other).max())


@contextmanager
def programs_own(webui: Webui) -> Iterator[None]:
    """Ours gives way to the program's own LoRA, as for a model that is none of ours."""
    webui.post("/probe/hand_over", always=True)
    try:
        yield
    finally:
        webui.post("/probe/hand_over", always=False)


def samples(webui: Webui, prompt: str, *, own: bool) -> np.ndarray:
    """By ours, or by the program's own."""
    if not own:
        return webui.txt2img(prompt).samples
    with programs_own(webui):
        return webui.txt2img(prompt).samples

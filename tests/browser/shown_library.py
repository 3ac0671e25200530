"""A library of files that a page must show in different ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .conftest import Open, lora

if TYPE_CHECKING:
    from playwright.sync_api import Page

LONG = "anime_anime_1.5_lineart_fixed_hands_version"
SHOWN = [
    lora("neon", words="neon glow", triggers=["red dress, gold trim", "hat"], kind="style"),
    lora("broken", error="it is cut short: download it again", base="Unknown"),
    lora("flux thing", base="Flux", error="this is a LoRA for Flux", misfit="made for Flux"),
    lora(f"{LONG}_2"),
    lora(f"{LONG}_3", base="SDXL"),
]


@pytest.fixture
def page(visit: Open) -> Page:
    """A page that shows it."""
    return visit(SHOWN)

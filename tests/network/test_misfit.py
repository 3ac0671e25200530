"""One rule and one sentence for files made for another base model."""

from __future__ import annotations

import pytest
from live_lora.network import misfit
from live_lora.network.base_model import UNKNOWN, Base

SDXL = Base("SDXL", "its layers and their shapes", ("SDXL",))
NAMED = Base("SDXL", "its metadata")


@pytest.mark.parametrize(
    ("base", "model", "text"),
    [
        ("SDXL", "SD1", "made for SDXL, this is SD1"),
        ("SD1", "SD1", None),
        ("SDXL", None, None),
        ("Unknown", "SD1", None),
        ("SDXL", "Unknown", None),
    ],
)
def test_by_name(base: str, model: str | None, text: str | None) -> None:
    assert misfit.by_name(base, model) == text


PLACE = "modules have no place in this model"


@pytest.mark.parametrize(
    ("base", "model", "missing", "text"),
    [
        (SDXL, "SD1", 8, f"made for SDXL, this is SD1: 8 of 8 {PLACE}"),
        (SDXL, "SD1", 1, f"made for SDXL, this is SD1: 1 of 8 {PLACE}"),
        (SDXL, "SD1", 0, None),
        (SDXL, "SDXL", 4, None),
        (SDXL, "SDXL", 5, f"made for SDXL: 5 of 8 {PLACE}"),
        (SDXL, None, 4, None),
        (SDXL, None, 5, f"made for SDXL: 5 of 8 {PLACE}"),
        (NAMED, "SD1", 4, None),
        (NAMED, "SD1", 5, f"made for SDXL, this is SD1: 5 of 8 {PLACE}"),
        (UNKNOWN, "SD1", 5, f"made for another base model, this is SD1: 5 of 8 {PLACE}"),
    ],
)
def test_by_modules(base: Base, model: str | None, missing: int, text: str | None) -> None:
    assert misfit.by_modules(base, model, missing, 8) == text


def test_a_file_without_modules_fits() -> None:
    assert misfit.by_modules(SDXL, "SD1", 0, 0) is None

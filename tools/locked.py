"""The versions in requirements/test.txt that hold for the Python that runs."""

from __future__ import annotations

from importlib.metadata import distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent


def locked(extra: str = "test") -> dict[str, str]:
    """Name and version of the packages that are installed on this system."""
    text = (ROOT / "requirements" / f"{extra}.txt").read_text(encoding="utf-8")
    lines = (line.removesuffix("\\") for line in text.splitlines() if line[:1].isalnum())
    wanted = [need for need in map(Requirement, lines) if not need.marker or need.marker.evaluate()]
    return {canonicalize_name(need.name): next(iter(need.specifier)).version for need in wanted}


def installed() -> dict[str, str]:
    """Name and version of the packages that are there."""
    return {canonicalize_name(found.name): found.version for found in distributions()}

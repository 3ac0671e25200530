"""The versions in requirements/*.txt that hold for one Python and system."""

from __future__ import annotations

from importlib.metadata import distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent


def locked(extra: str = "test", **environment: str) -> dict[str, str]:
    """Name and version of the packages of this Python and system, or of those in `environment`."""
    text = (ROOT / "requirements" / f"{extra}.txt").read_text(encoding="utf-8")
    lines = (line.removesuffix("\\") for line in text.splitlines() if line[:1].isalnum())
    wanted = [
        need
        for need in map(Requirement, lines)
        if need.marker is None or need.marker.evaluate(dict(environment))
    ]
    return {canonicalize_name(need.name): next(iter(need.specifier)).version for need in wanted}


def installed() -> dict[str, str]:
    """Name and version of the packages that are there."""
    return {canonicalize_name(found.name): found.version for found in distributions()}

"""Finds the packages; pyproject.toml has the rest, but cannot find `live_lora` in `extension`."""

from __future__ import annotations

from setuptools import find_packages, setup

FOLDER = "extension"

setup(
    package_dir={"live_lora": FOLDER},
    packages=["live_lora", *(f"live_lora.{name}" for name in find_packages(FOLDER))],
)

"""Mounts `extension/` as the package `live_lora`, as the webui's script and the wheel do."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

# The models here are tiny: a second thread only waits, and on a busy machine waits long.
os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parent.parent


def mount() -> None:
    """Makes `import live_lora` mean this checkout's `extension/`."""
    if "live_lora" in sys.modules:
        return
    folder = ROOT / "extension"
    spec = importlib.util.spec_from_file_location(
        "live_lora", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules["live_lora"] = package
    spec.loader.exec_module(package)


mount()
sys.path.append(str(ROOT))  # the tools are no part of the package


def pytest_configure(config: pytest.Config) -> None:
    """A deprecation that our code meets is an error; those between other libraries are not."""
    tests = "|".join(sorted(map(module, (ROOT / "tests").rglob("*.py"))))
    for kind in ("DeprecationWarning", "PendingDeprecationWarning", "FutureWarning"):
        ours = rf"error::{kind}:(live_lora|tools|install|{tests})(\.|$)"
        config.addinivalue_line("filterwarnings", ours)
    if "LIVE_LORA_DEVICE" in os.environ:
        from on_device import OnDevice

        config.pluginmanager.register(OnDevice())


def module(path: Path) -> str:
    """The name under which pytest imports a file."""
    packages = [path.stem]
    while (path.parent / "__init__.py").exists():
        path = path.parent
        packages.insert(0, path.name)
    return ".".join(packages)

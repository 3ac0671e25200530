"""The one file that the webui executes: mounts `extension/` as `live_lora` and starts its host."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

NAME = "live_lora"
FOLDER = Path(__file__).resolve().parent.parent / "extension"


def mount() -> None:
    """Imports the package under its own name, once: other extensions have folders like ours.

    Reload UI runs this file again, and finds the package as it left it.
    """
    if NAME in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(
        NAME, FOLDER / "__init__.py", submodule_search_locations=[str(FOLDER)]
    )
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = package
    try:
        spec.loader.exec_module(package)
    except BaseException:
        del sys.modules[NAME]
        raise


mount()

from live_lora.hosts.webui import LiveLoraScript, start  # noqa: E402, F401  the webui finds the class

start()

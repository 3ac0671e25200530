"""The one file that the webui executes: mounts `extension/` as `live_lora` and starts its host.

In a program that lacks something which the host needs, it says so, once, and leaves all else alone:
the program's own LoRA stays in charge.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path

NAME = "live_lora"
FOLDER = Path(__file__).resolve().parent.parent / "extension"

# What the host calls of the webui, in every program that it was tried in.
NEEDED = {
    "modules.extensions": ("active",),
    "modules.extra_networks": (
        "ExtraNetwork",
        "ExtraNetworkParams",
        "extra_network_aliases",
        "extra_network_registry",
        "register_extra_network",
        "register_extra_network_alias",
    ),
    "modules.infotext_utils": ("parse_generation_parameters",),
    "modules.paths": ("data_path",),
    "modules.prompt_parser": (
        "MulticondLearnedConditioning",
        "SdConditioning",
        "get_learned_conditioning_prompt_schedules",
        "get_multicond_prompt_list",
        "re_AND",
        "reconstruct_cond_batch",
        "reconstruct_multicond_batch",
    ),
    "modules.script_callbacks": (
        "on_app_started",
        "on_before_ui",
        "on_cfg_denoiser",
        "on_infotext_pasted",
        "on_model_loaded",
        "on_script_unloaded",
        "on_ui_settings",
        "on_ui_tabs",
    ),
    "modules.scripts": ("AlwaysVisible", "Script", "scripts_data"),
    "modules.sd_models": ("model_data",),
    "modules.shared": ("OptionInfo", "cmd_opts", "opts", "state"),
}
# … and of its class for a generation.
METHODS = ("get_conds_with_caching", "parse_extra_network_prompts", "sample", "setup_conds")


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


def lacking() -> list[str]:
    """The names that this program does not have."""
    found = [
        f"{module}.{name}" for module, names in NEEDED.items() for name in _without(module, names)
    ]
    job = "modules.processing.StableDiffusionProcessing"
    return found + [f"{job}.{name}" for name in METHODS if not _has(job, name)]


def _without(module: str, names: tuple[str, ...]) -> list[str]:
    try:
        owner = importlib.import_module(module)
    except ImportError:
        return ["*"]
    return [name for name in names if not hasattr(owner, name)]


def _has(path: str, name: str) -> bool:
    module, _, kind = path.rpartition(".")
    try:
        return hasattr(getattr(importlib.import_module(module), kind, None), name)
    except ImportError:
        return False


def say(names: list[str]) -> None:
    """In the console, and in place of the tab where the program can show one."""
    text = (
        "Live LoRA does nothing here: this program is none that it knows. It lacks "
        f"{', '.join(names)}. The program's own LoRA is in charge, as before."
    )
    print(text)
    try:
        callbacks = importlib.import_module("modules.script_callbacks")
        tab = importlib.import_module(f"{NAME}.browser.tab")
        callbacks.on_ui_tabs(lambda: tab.saying(text))
    except (ImportError, AttributeError):
        return


mount()
if missing := lacking():
    say(missing)
else:
    from live_lora.hosts.webui import LiveLoraScript, start  # noqa: F401  the webui finds the class

    start()

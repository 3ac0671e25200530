"""The host of stable-diffusion-webui v1.10.1: everything it calls is registered here.

Imported by scripts/live_lora.py alone, inside the webui: only there is a `modules` to import.
"""

from __future__ import annotations

from typing import Any

from modules import script_callbacks

from ...browser import tab
from . import extra_network, options, paste, tab_routes, xyz
from .script import LiveLoraScript
from .state import LIVE
from .wrapping import job_of

__all__ = ["LIVE", "LiveLoraScript", "start", "stop"]


def start() -> None:
    """Registers our callbacks; the webui forgets them at every Reload UI and runs this again."""
    script_callbacks.on_ui_settings(options.register)
    script_callbacks.on_before_ui(before_ui)
    script_callbacks.on_ui_tabs(tab.tabs)
    script_callbacks.on_app_started(app_started)
    script_callbacks.on_model_loaded(LIVE.weights_changed)
    script_callbacks.on_cfg_denoiser(denoiser)
    script_callbacks.on_script_unloaded(stop)


def stop() -> None:
    """Out of the webui's registries. There are no hooks to take off: none is on outside a call."""
    LIVE.stop_indexing()
    extra_network.give_back()


def before_ui() -> None:
    """Early, for the builtin off: with it on, it registers itself after this and before the app."""
    extra_network.take_over()
    xyz.add_axes()


def app_started(demo: Any, app: Any) -> None:
    """Everything has been registered by now (`demo` is None with --nowebui)."""
    extra_network.take_over()
    options.define_presets()
    LIVE.start_indexing()
    tab_routes.mount(app)
    # Only now, so that ours comes after the builtin's, which renames tags by claimed hashes.
    script_callbacks.on_infotext_pasted(paste.pasted)


def denoiser(params: Any) -> None:
    """Before every call of the UNet."""
    job = job_of(params.denoiser.p)
    if job is not None:
        job.announce(params)

"""Lists of callbacks by category."""

from collections import defaultdict

registered = defaultdict(list)


def _registers(category):
    return lambda callback: registered[category].append(callback)


on_app_started = _registers("app_started")
on_before_ui = _registers("before_ui")
on_cfg_denoised = _registers("cfg_denoised")
on_cfg_denoiser = _registers("cfg_denoiser")
on_infotext_pasted = _registers("infotext_pasted")
on_model_loaded = _registers("model_loaded")
on_script_unloaded = _registers("script_unloaded")
on_ui_settings = _registers("ui_settings")
on_ui_tabs = _registers("ui_tabs")


def call(category, *args):
    for callback in list(registered[category]):
        callback(*args)

"""The host of stable-diffusion-webui and its forks: everything they call is registered here.

Imported by scripts/live_lora.py alone, inside the webui: only there is a `modules` to import.

At every start and Reload UI, `start` below registers the settings (options.py), the routes of the
LoRA tab (tab_routes.py) for its own page alone (other_sites.py), the library in the place of the
program's own LoRA cards (builtin_page.py), the axes of the plot script (xyz.py) and what is done to
pasted infotexts (paste.py). As long as the process lives, state.py
keeps the library, and the core on the checkpoint that models.py finds. What kind of object that is,
is for `backends/` to know: Forge, reForge and Forge Neo keep other ones than the webui they come
from, and call us in the same order.
Of models that are none of SD 1, SD 2 and SDXL, the program's own Lora gets the tags (handover.py).

One generation is one call of the webui's process_images(p). This is what it calls, in its order.
It gets to us by a *script*, the always-on one in script.py; by a *wrapper*, which stands on that p
alone (wrapping.py) and leads to the method of its name in job.py; by the *network* registered as
`lora` (extra_network.py); or by a *callback*, one of those below.

    before_process (script)
        puts the wrappers on p; takes over the prompts of an API request (job_options.py); begins to
        read the first files
    init (wrapper)
        after all scripts' `process`, the last word on prompts and seeds: `sd_lora`, sweeps
        (job_options.py)
    for every batch:
        parse_extra_network_prompts (wrapper)
            takes our tags out of the prompts and puts a fingerprint of them into the key of the
            cond cache (batch_tags.py); opens the files, for the first pass and for hires fix
            (sampling_pass.py);
            binds tags to regions where Regional Prompter is on (regional_prompter.py); shows
            problems (notices.py) and writes hashes (infotext.py)
        activate (network)
            only for a p that the script has not seen (fallback.py)
        setup_conds (wrapper)
            text encoders' hooks on, until it returns
            get_conds_with_caching (wrapper)
                encodes every picture's text with its own LoRAs (conds.py) and their embeddings
                (bundled.py), unless the cache has the conds
        sample (wrapper)
            hooks on, until it returns or raises; then the report (notices.py, state.py). Meanwhile
            the page may move weights (moved_sliders.py)
            process_before_every_sampling (script)
                follows the sampler's steps (steps.py)
            for every call of the UNet:
                at the refiner's turn another checkpoint, and setup_conds again, without the
                activation of ours: hooks go over to its modules. The forks do activate, Forge Neo
                with other names (refiner_names.py)
                cfg_denoiser (callback)
                    how far sampling is and which rows come next, which the webui's order says
                    (batch_rows.py) or, in the forks, each call itself (call_rows.py): weights
                    move there, and the UNet's hooks find them moved; where another extension has
                    changed the webui's batch since, its texts tell the rows (row_matching.py);
                    tags of Tiled Diffusion's regions act in those regions' calls (local_tags.py);
                    masks are cut by what a call shows, the picture or tiles of it (tiles.py)
            with hires fix: activate, with the tags of its own prompts
            calculate_hr_conds (wrapper)
                as setup_conds; then process_before_every_sampling and the calls again, the first
                of which changes to the hooks of that pass
    deactivate (network)
        nothing: it is left out after an error, and where the last batch had no tags
    postprocess (script)
        takes the wrappers off
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from modules import script_callbacks

from ...browser import tab
from . import extra_network, options, paste, tab_routes, xyz
from .builtin_page import PLACE
from .script import LiveLoraScript
from .state import LIVE
from .wrapping import job_of

__all__ = ["LIVE", "LiveLoraScript", "start", "stop"]


def start() -> None:
    """Registers our callbacks; the webui forgets them at every Reload UI and runs this again.

    In a thread of its own, because of its short stack: for every callback the webui has Python look
    up the source of all frames above, and while it loads scripts each frame of the import system
    and of the script itself is a search through all modules (half a second for these seven).
    """
    with ThreadPoolExecutor(1) as pool:
        pool.submit(_register).result()


def _register() -> None:
    script_callbacks.on_ui_settings(options.register)
    script_callbacks.on_before_ui(before_ui)
    script_callbacks.on_ui_tabs(lambda: tab.tabs(options.interface()))
    script_callbacks.on_app_started(app_started)
    script_callbacks.on_model_loaded(LIVE.weights_changed)
    script_callbacks.on_cfg_denoiser(denoiser)
    script_callbacks.on_script_unloaded(stop)


def stop() -> None:
    """Out of the webui's registries. There are no hooks to take off: none is on outside a call."""
    LIVE.stop_indexing()
    PLACE.give_back()
    extra_network.give_back()


def before_ui() -> None:
    """Early, for the builtin off: with it on, it registers itself after this and before the app."""
    extra_network.take_over()
    PLACE.take()
    xyz.add_axes()


def app_started(demo: Any, app: Any) -> None:
    """Everything has been registered by now (`demo` is None with --nowebui)."""
    extra_network.take_over()
    LIVE.language = options.read_language()
    LIVE.start_indexing()
    tab_routes.mount(app)
    # Only now, so that ours comes after the builtin's, which renames tags by claimed hashes.
    script_callbacks.on_infotext_pasted(paste.pasted)


def denoiser(params: Any) -> None:
    """Before every call of the UNet."""
    job = job_of(params.denoiser.p)
    if job is not None:
        job.announce(params)

"""An extension of the tests: keeps what was sampled, and looks inside the webui."""

import sys

import numpy as np
import torch
from modules import paths, script_callbacks, scripts, sd_models, shared


class Probe(scripts.Script):
    create_group = False

    def title(self):
        return "Probe"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def before_process(self, p):
        Probe.samples = []

    def post_sample(self, p, ps):
        """All batches of a job; after hires fix they are decoded pictures."""
        Probe.samples += [sample.float().cpu().numpy() for sample in ps.samples]
        np.save(f"{paths.data_path}/samples.npy", np.stack(Probe.samples))

    def postprocess(self, p, processed):
        Probe.comments = processed.comments


def hooks():
    """Forward hooks and pre-hooks left on any module of the checkpoint."""
    found = 0
    for module in sd_models.model_data.sd_model.modules():
        found += len(module._forward_hooks) + len(module._forward_pre_hooks)
    return found


def fingerprint():
    """Differs if any weight of the UNet or the text encoder does."""
    model = sd_models.model_data.sd_model
    tensors = (*model.model.parameters(), *model.cond_stage_model.parameters())
    return float(torch.stack([t.double().abs().sum() for t in tensors]).sum())


def routes(_, app):
    @app.get("/probe")
    def probe():
        registry = sys.modules["modules.extra_networks"].extra_network_registry
        builtin = sys.modules.get("networks")
        return {
            "hooks": hooks(),
            "fingerprint": fingerprint(),
            "lora": type(registry["lora"]).__name__,
            "builtin": None if builtin is None else len(builtin.loaded_networks),
            "comments": getattr(Probe, "comments", ""),
        }

    @app.post("/probe/reload")
    def reload():
        shared.state.request_restart()
        return {}

    @app.post("/probe/paste")
    def paste(body: dict):
        from modules import infotext_utils

        params = infotext_utils.parse_generation_parameters(body["infotext"])
        script_callbacks.infotext_pasted_callback(body["infotext"], params)
        return params

    @app.post("/probe/interrupt_after")
    def interrupt_after(body: dict):
        calls = body["calls"]

        def stop(params):
            nonlocal calls
            calls -= 1
            if calls < 0:
                script_callbacks.remove_callbacks_for_function(stop)
                if body.get("error"):
                    raise_from_unet()
                shared.state.interrupt()

        script_callbacks.on_cfg_denoiser(stop)
        return {}


def raise_from_unet():
    """The next call of the UNet fails: callbacks' own exceptions are only printed by the webui."""
    unet = sd_models.model_data.sd_model.model.diffusion_model

    def fail(*_):
        handle.remove()
        raise RuntimeError("probe: out of memory")

    handle = unet.out.register_forward_pre_hook(fail)


script_callbacks.on_app_started(routes)

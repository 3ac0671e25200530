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


def networks():
    """UNet and text encoders of the checkpoint, wherever this program keeps them."""
    model = sd_models.model_data.sd_model
    objects = getattr(model, "forge_objects", None)
    if objects is not None:
        return [objects.unet.model.diffusion_model, objects.clip.cond_stage_model]
    return [
        model.model.diffusion_model,
        getattr(model, "conditioner", None) or model.cond_stage_model,
    ]


def hooks():
    """Forward hooks and pre-hooks left on any of their modules."""
    modules = [module for network in networks() for module in network.modules()]
    return sum(len(one._forward_hooks) + len(one._forward_pre_hooks) for one in modules)


def fingerprint():
    """Differs if any of their weights does."""
    tensors = [tensor for network in networks() for tensor in network.parameters()]
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
    unet = networks()[0]

    def fail(*_):
        handle.remove()
        raise RuntimeError("probe: out of memory")

    handle = unet.out.register_forward_pre_hook(fail)


script_callbacks.on_app_started(routes)

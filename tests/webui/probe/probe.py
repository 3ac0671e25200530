"""An extension of the tests: keeps what was sampled, and looks inside the webui."""

import sys
from copy import copy

import numpy as np
import torch
from modules import paths, processing, script_callbacks, scripts, sd_models, shared


class Probe(scripts.Script):
    create_group = False
    again = None  # the prompt of a generation inside of the next one
    latents_only = False  # the VAE of full size takes half the time of a small picture

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

    def postprocess_image(self, p, pp):
        """As ADetailer draws a part again: a p of its own, with a chosen few of the scripts."""
        prompt, Probe.again = Probe.again, None
        if prompt is None:
            return
        inner = processing.StableDiffusionProcessingImg2Img(
            init_images=[pp.image], prompt=prompt, denoising_strength=0.7, sd_model=p.sd_model,
            seed=2, sampler_name=p.sampler_name, steps=p.steps, cfg_scale=p.cfg_scale,
            width=p.width, height=p.height, do_not_save_samples=True, do_not_save_grid=True,
        )  # fmt: skip
        inner.scripts = copy(p.scripts)
        inner.scripts.alwayson_scripts, inner.script_args = [self], p.script_args
        pp.image = processing.process_images(inner).images[0]

    def postprocess(self, p, processed):
        Probe.comments = processed.comments


def decode(model, batch, *args, **kwargs):
    """The webui's own, or black pictures."""
    if not Probe.latents_only:
        return decode.webuis_own(model, batch, *args, **kwargs)
    return [torch.zeros(3, 8 * one.shape[-2], 8 * one.shape[-1]) for one in batch]


PATIENCE = 5  # seconds
WRAPS = "_wrap_apply_model"  # of Forge Neo's script for torch.compile

# Reload UI runs this file again.
present = processing.decode_latent_batch
decode.webuis_own = getattr(present, "webuis_own", present)
processing.decode_latent_batch = decode


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


def routes(demo, app):
    """What the tests ask of the webui from inside: /probe, and posts to each name of POSTED."""
    Probe.page = demo
    app.get("/probe")(state)
    for name, answer in POSTED.items():
        app.post(f"/probe/{name}")(answer)


def state():
    registry = sys.modules["modules.extra_networks"].extra_network_registry
    builtin = sys.modules.get("networks")
    return {
        "hooks": hooks(),
        "fingerprint": fingerprint(),
        "lora": type(registry["lora"]).__name__,
        "builtin": None if builtin is None else len(builtin.loaded_networks),
        "comments": getattr(Probe, "comments", ""),
    }


def conds(body: dict):
    return word_conds(**body)


def sigmas(body: dict):
    return noise_levels(**body)


def reload():
    # gradio 3 waits for ever on a page that was closed while it asked something, and uvicorn
    # on gradio, unless it is told for how long.
    Probe.page.server.config.timeout_graceful_shutdown = PATIENCE
    shared.state.request_restart()
    return {}


def paste(body: dict):
    from modules import infotext_utils

    params = infotext_utils.parse_generation_parameters(body["infotext"])
    script_callbacks.infotext_pasted_callback(body["infotext"], params)
    return params


def hand_over(body: dict):
    """As if the checkpoint were none of ours: the program's own LoRA applies the tags."""
    handover = sys.modules["live_lora.hosts.webui.handover"]
    Probe.decides = getattr(Probe, "decides", handover.wanted)
    decides = Probe.decides
    handover.wanted = (lambda: True) if body["always"] else decides
    return {}


def load(body: dict):
    """Another model or storage from the next request on, as the menus of the forks' page do.

    `storage` names torch's type for the UNet's weights; these programs offer some of them.
    """
    mend_gguf()
    for name, value in body["options"].items():
        shared.opts.set(name, value)
    sys.modules["modules_forge.main_entry"].refresh_model_loading_parameters()
    if storage := body.get("storage"):
        parameters = sd_models.model_data.forge_loading_parameters
        parameters["unet_storage_dtype"] = getattr(torch, storage)
    return {}


def compile_model(body: dict):
    """Forge Neo's own way, by its script, whose menu only shows where triton is."""
    kind = next(one for one in scripts.scripts_data if hasattr(one.script_class, WRAPS))
    model = sd_models.model_data.sd_model.forge_objects.unet.model
    if body["wanted"]:
        getattr(kind.script_class, WRAPS)(model, {"backend": "eager"})
        model._torch_compile_config = ("eager",)
    else:
        kind.script_class._remove_compile_wrapper(model)
    return {}


def draw_again(body: dict):
    Probe.again = body["prompt"]
    return {}


def latents_only(body: dict):
    Probe.latents_only = body["wanted"]
    return {}


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


POSTED = {
    "conds": conds,
    "sigmas": sigmas,
    "reload": reload,
    "paste": paste,
    "hand_over": hand_over,
    "load": load,
    "compile": compile_model,
    "draw_again": draw_again,
    "latents_only": latents_only,
    "interrupt_after": interrupt_after,
}


def mend_gguf():
    """Sizes of .gguf tensors as Python's numbers.

    Forge makes them of numpy's, on which a UNet's arithmetic of channels fails: models of a
    transformer do without, so nobody has mended it.
    """
    kind = sys.modules["backend.operations_gguf"].ParameterGGUF
    if kind.__init__.__name__ == "mended":
        return
    theirs = kind.__init__

    def mended(self, *args, **settings):
        theirs(self, *args, **settings)
        if "real_shape" in vars(self):
            self.real_shape = torch.Size(int(size) for size in self.real_shape)

    kind.__init__ = mended


def word_conds(text, steps, negative=False, emphasis="Original", clip_skip=1):
    """[weight, ends of the entries] of each part of a prompt, and its token count.

    The conds go to a file, as "part.entry" and "part.entry.vector".
    """
    from modules import devices, prompt_parser, sd_hijack

    model = shared.sd_model  # loads it, if need be
    hijack = sd_hijack.model_hijack
    hijack.embedding_db.load_textual_inversion_embeddings(force_reload=True)
    settings = {"emphasis": emphasis, "CLIP_stop_at_last_layers": clip_skip}
    before = {name: getattr(shared.opts, name) for name in settings}
    shared.opts.data.update(settings)
    one = prompt_parser.SdConditioning([text], negative, width=64, height=64)
    try:
        with torch.no_grad(), devices.autocast():
            if negative:
                found = [(1.0, prompt_parser.get_learned_conditioning(model, one, steps)[0])]
            else:
                batch = prompt_parser.get_multicond_learned_conditioning(model, one, steps).batch
                found = [(part.weight, part.schedules) for part in batch[0]]
    finally:
        shared.opts.data.update(before)
    arrays = {}
    for number, (_, entries) in enumerate(found):
        for index, entry in enumerate(entries):
            cond = entry.cond if isinstance(entry.cond, dict) else {"crossattn": entry.cond}
            arrays[f"{number}.{index}"] = cond["crossattn"].float().cpu().numpy()
            if "vector" in cond:
                arrays[f"{number}.{index}.vector"] = cond["vector"].float().cpu().numpy()
    np.savez(f"{paths.data_path}/conds.npz", **arrays)
    parts = [[weight, [entry.end_at_step for entry in entries]] for weight, entries in found]
    return {"parts": parts, "count": hijack.get_prompt_lengths(text)}


def noise_levels(schedule, steps, sampler="Euler"):
    """The levels of a schedule type, by the webui's own sampler."""
    from types import SimpleNamespace

    from modules import sd_samplers

    job = SimpleNamespace(
        is_hr_pass=False,
        scheduler=schedule,
        sampler_noise_scheduler_override=None,
        extra_generation_params={},
    )
    return sd_samplers.create_sampler(sampler, shared.sd_model).get_sigmas(job, steps).tolist()


def raise_from_unet():
    """The next call of the UNet fails: callbacks' own exceptions are only printed by the webui."""
    unet = networks()[0]

    def fail(*_):
        handle.remove()
        raise RuntimeError("probe: out of memory")

    handle = unet.out.register_forward_pre_hook(fail)


script_callbacks.on_app_started(routes)

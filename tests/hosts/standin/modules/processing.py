"""One generation: the webui's order of calls, its cond cache, its denoiser's rows, two samplers."""

import inspect
from types import SimpleNamespace

import forge_model
import torch
from modules import extra_networks, prompt_parser, script_callbacks, sd_models, shared
from modules.shared import opts


class Interrupted(BaseException):
    pass


class Denoiser:
    """Calls the UNet for cond and uncond of all pictures, in the webui's order of rows."""

    def __init__(self, sampler, p, steps, total):
        self.sampler, self.p, self.steps, self.total_steps, self.step = sampler, p, steps, total, 0

    def __call__(self, x, sigma, cond, uncond):
        if shared.state.interrupted:
            raise Interrupted
        lines, text = prompt_parser.reconstruct_multicond_batch(cond, self.step)
        against = prompt_parser.reconstruct_cond_batch(uncond, self.step)
        rows = [i for i, part in enumerate(lines) for _ in part]
        x_in = torch.cat([x[rows], x])
        level = sigma.repeat(len(x_in)).to(x)
        params = SimpleNamespace(
            x=x_in, sigma=level, text_cond=text, text_uncond=against, denoiser=self
        )
        script_callbacks.call("cfg_denoiser", params)
        text, against = params.text_cond, params.text_uncond
        skip = self.step / self.total_steps <= opts.skip_early_cond > 0
        out = self._call(params.x, level, text, None if skip else against, len(x))
        script_callbacks.call("cfg_denoised", SimpleNamespace(x=out))
        self.step += 1
        denoised = (
            out[-len(x) :].clone() if not skip else out[[rows.index(i) for i in range(len(x))]]
        )
        scale, row, base = 1.0 if skip else self.p.cfg_scale, 0, denoised.clone()
        for i, part in enumerate(cond.batch):
            for one in part:
                denoised[i] += (out[row] - base[i]) * one.weight * scale
                row += 1
        return denoised

    def inner_model(self, x, level, context):
        return sd_models.model_data.sd_model.model.diffusion_model(x, level, context=context)

    def _call(self, x, level, text, against, size):
        unet = self.inner_model
        if against is None:
            return unet(x[: len(text)], level[: len(text)], context=text)
        if text.shape[1] == against.shape[1] and opts.batch_cond_uncond:
            return unet(x, level, context=torch.cat([text, against]))
        size = size * 2 if opts.batch_cond_uncond else size
        calls = [text[i : i + size] for i in range(0, len(text), size)] + [against]
        out, start = [], 0
        for context in calls:
            part = slice(start, start + len(context))
            out.append(unet(x[part], level[part], context=context))
            start = part.stop
        return torch.cat(out)


class ChunkDenoiser(Denoiser):
    """Of Forge and its forks: announces the pictures, and each call says what it holds."""

    def __call__(self, x, sigma, cond, uncond):
        if shared.state.interrupted:
            raise Interrupted
        lines, text = prompt_parser.reconstruct_multicond_batch(cond, self.step)
        against = uncond and prompt_parser.reconstruct_cond_batch(uncond, self.step)
        level = sigma.repeat(len(x)).to(x)
        params = SimpleNamespace(
            x=x, sigma=level, text_cond=text, text_uncond=against, denoiser=self
        )
        script_callbacks.call("cfg_denoiser", params)
        skip = uncond is None or self.step / self.total_steps <= opts.skip_early_cond > 0
        self.step += 1
        # Pictures with unequal numbers of parts are cut to the shortest; the last one's weights.
        parts = list(zip(*lines, strict=False))
        text = torch.cat([text[[line for line, _ in part]] for part in parts])
        weights = [part[-1][1] for part in parts]
        run = forge_model.chunks(text, None if skip else against, len(x))
        unet = forge_model.unet_of(sd_models.model_data.sd_model)
        out = forge_model.denoised(unet, x, level, run, 9 if opts.batch_cond_uncond else 1)
        towards = sum(w * one for w, one in zip(weights, out, strict=False)) / sum(weights)
        base = torch.zeros_like(x) if skip else out[-1]
        return base + (towards - base) * (1.0 if skip else self.p.cfg_scale * sum(weights))


def sample_euler(model, x, sigmas, extra_args, callback=None):
    for i in range(len(sigmas) - 1):
        denoised = model(x, sigmas[i], **extra_args)
        callback({"i": i})
        x = x + (x - denoised) / sigmas[i] * (sigmas[i + 1] - sigmas[i])
    return x


def sample_heun(model, x, sigmas, extra_args, callback=None):
    for i in range(len(sigmas) - 1):
        slope = (x - model(x, sigmas[i], **extra_args)) / sigmas[i]
        callback({"i": i})
        step = sigmas[i + 1] - sigmas[i]
        if sigmas[i + 1] > 0:
            ahead = x + slope * step
            second = (ahead - model(ahead, sigmas[i + 1], **extra_args)) / sigmas[i + 1]
            slope = (slope + second) / 2
        x = x + slope * step
    return x


SAMPLERS = {"Euler": (sample_euler, {}), "Heun": (sample_heun, {"second_order": True})}


class Sampler:
    def __init__(self, name):
        self.func, options = SAMPLERS[name]
        self.config = SimpleNamespace(options=options)
        self.model_wrap_cfg = SimpleNamespace(steps=None)

    def sample(self, p, x, cond, uncond, steps, start=0):
        total = p.calls(steps)
        sigmas = torch.cat([torch.linspace(8.0, 0.5, steps), torch.zeros(1)])[start:]
        forge = hasattr(sd_models.model_data.sd_model, "forge_objects")
        self.model_wrap_cfg = (ChunkDenoiser if forge else Denoiser)(self, p, steps, total)
        self.sampler_extra_args = {"cond": cond, "uncond": uncond}
        assert "sigmas" in inspect.signature(self.func).parameters
        arguments = {"sigmas": sigmas, "callback": lambda state: None}
        try:
            return self.func(
                self.model_wrap_cfg, x, extra_args=self.sampler_extra_args, **arguments
            )
        except Interrupted:
            return x


class Processing:
    cached_c, cached_uc = [None, None], [None, None]
    cached_hr_c, cached_hr_uc = [None, None], [None, None]

    def __init__(self, prompt="", negative_prompt="", **settings):
        defaults = {
            "seed": 1, "steps": 3, "sampler_name": "Euler", "cfg_scale": 3.0, "batch_size": 1,
            "n_iter": 1, "enable_hr": False, "hr_prompt": "", "hr_negative_prompt": "",
            "disable_extra_networks": False, "scripts": None, "subseed": 0,
        }  # fmt: skip
        self.__dict__.update(defaults, prompt=prompt, negative_prompt=negative_prompt)
        self.__dict__.update(settings)
        self.comments, self.extra_generation_params = {}, {}
        self.is_hr_pass, self.iteration, self.sampler = False, 0, None
        self.hr_c = self.hr_uc = None

    def comment(self, text):
        self.comments[text] = 1

    def calls(self, steps):
        return steps * 2 if SAMPLERS[self.sampler_name][1].get("second_order") else steps

    def init(self, all_prompts, all_seeds, all_subseeds):
        pass

    def parse_extra_network_prompts(self):
        self.prompts, self.extra_network_data = extra_networks.parse_prompts(self.prompts)
        if self.enable_hr:
            batch = slice(self.iteration * self.batch_size, (self.iteration + 1) * self.batch_size)
            self.hr_negative_prompts = self.all_hr_negative_prompts[batch]
            found = extra_networks.parse_prompts(self.all_hr_prompts[batch])
            self.hr_prompts, self.hr_extra_network_data = found

    def get_conds_with_caching(self, function, prompts, steps, caches, data, hires_steps=None):
        key = (prompts, steps, hires_steps, opts.use_old_scheduling, data)
        for cache in caches:
            if cache[0] is not None and cache[0] == key:
                return cache[1]
        model = sd_models.model_data.sd_model
        # Forge Neo has no old rules for schedules, and its functions no place for them.
        rules = () if hasattr(model, "forge_objects") else (opts.use_old_scheduling,)
        found = function(model, prompts, steps, hires_steps, *rules)
        caches[0][:] = [key, found]
        return found

    def setup_conds(self):
        if self.is_hr_pass:
            self.hr_c = None
            self.calculate_hr_conds()
            return
        self.firstpass_steps = self.calls(self.steps)
        self.uc, self.c = self._conds(
            self.negative_prompts, self.prompts, [self.cached_uc], [self.cached_c], None
        )
        self.hr_c = self.hr_uc = None
        if self.enable_hr and opts.hires_fix_use_firstpass_conds:
            self.calculate_hr_conds()
        elif self.enable_hr and hasattr(sd_models.model_data.sd_model, "forge_objects"):
            extra_networks.activate(self, self.hr_extra_network_data)
            self.calculate_hr_conds()
            extra_networks.activate(self, self.extra_network_data)

    def calculate_hr_conds(self):
        if self.hr_c is not None:
            return
        self.hr_uc, self.hr_c = self._conds(
            self.hr_negative_prompts,
            self.hr_prompts,
            [self.cached_hr_uc, self.cached_uc],
            [self.cached_hr_c, self.cached_c],
            self.calls(self.steps),
        )

    def _conds(self, negatives, prompts, uc_caches, c_caches, hires_steps):
        data = self.extra_network_data if hires_steps is None else self.hr_extra_network_data
        against = prompt_parser.SdConditioning(negatives, is_negative_prompt=True)
        conds = prompt_parser.SdConditioning(prompts)
        one, many = (
            prompt_parser.get_learned_conditioning,
            prompt_parser.get_multicond_learned_conditioning,
        )
        steps, apart = self.firstpass_steps, (data, hires_steps)
        forge = hasattr(sd_models.model_data.sd_model, "forge_objects")
        uncond = None
        if not (forge and self.cfg_scale == 1):  # there it is not even encoded
            uncond = self.get_conds_with_caching(one, against, steps, uc_caches, *apart)
        return uncond, self.get_conds_with_caching(many, conds, steps, c_caches, *apart)

    def noise(self, size):
        made = [torch.Generator().manual_seed(int(seed)) for seed in self.seeds]
        return torch.stack([torch.randn(4, size, size, generator=g).double() for g in made])

    def sample(self, conditioning, unconditional_conditioning):
        self.sampler = Sampler(self.sampler_name)
        x = self.noise(8)
        self._ready(x)
        x = self.sampler.sample(self, x * 8, conditioning, unconditional_conditioning, self.steps)
        return self.sample_hr_pass(x) if self.enable_hr else x

    def sample_hr_pass(self, x):
        self.is_hr_pass = True
        self.sampler = Sampler(self.sampler_name)
        x = torch.nn.functional.interpolate(x, scale_factor=2.0) + self.noise(16) * 4
        if not self.disable_extra_networks:
            extra_networks.activate(self, self.hr_extra_network_data)
        self.calculate_hr_conds()
        self._ready(x)
        x = self.sampler.sample(self, x, self.hr_c, self.hr_uc, self.steps)
        self.is_hr_pass = False
        return x

    def _ready(self, x):
        if self.scripts is not None:
            self.scripts.run("process_before_every_sampling", self, x=x)


StableDiffusionProcessing = Processing


def process_images(p):
    """(samples of all pictures, their infotexts)."""
    run = p.scripts.run if p.scripts is not None else lambda *_, **__: None
    run("before_process", p)
    count = p.batch_size * p.n_iter
    given = p.prompt if isinstance(p.prompt, list) else [p.prompt] * count
    p.all_prompts, p.all_negative_prompts = given, [p.negative_prompt] * len(given)
    if p.enable_hr:
        p.hr_prompt = p.hr_prompt or p.prompt
        assert isinstance(p.hr_prompt, str)  # the webui's comments script fails on a list
        p.all_hr_prompts = [p.hr_prompt] * len(given)
        p.all_hr_negative_prompts = list(p.all_negative_prompts)
    p.all_seeds = [p.seed + i for i in range(len(given))]
    p.all_subseeds = [p.subseed + i for i in range(len(given))]
    run("process", p)
    p.init(p.all_prompts, p.all_seeds, p.all_subseeds)
    samples, infotexts = [], []
    with torch.no_grad():
        for iteration in range(p.n_iter):
            p.iteration = iteration
            batch = slice(p.iteration * p.batch_size, (p.iteration + 1) * p.batch_size)
            p.prompts, p.negative_prompts = p.all_prompts[batch], p.all_negative_prompts[batch]
            p.seeds = p.all_seeds[batch]
            run("before_process_batch", p)
            p.parse_extra_network_prompts()
            if not p.disable_extra_networks:
                extra_networks.activate(p, p.extra_network_data)
            p.setup_conds()
            samples += p.sample(conditioning=p.c, unconditional_conditioning=p.uc)
            infotexts += [infotext(p, i) for i in range(batch.start, min(batch.stop, len(given)))]
    if not p.disable_extra_networks and p.extra_network_data:
        extra_networks.deactivate(p, p.extra_network_data)
    run("postprocess", p, processed=None)
    return torch.stack(samples), infotexts


def infotext(p, index):
    prompt, negative = p.all_prompts[index], p.all_negative_prompts[index]
    fields = {"Steps": p.steps, "Seed": p.all_seeds[index], **p.extra_generation_params}
    for key, value in fields.items():
        if callable(value):
            fields[key] = value(prompt_text=prompt, negative_prompt=negative, index=index, p=p)
    quoted = {k: f'"{v}"' if "," in str(v) or ":" in str(v) else v for k, v in fields.items()}
    line = ", ".join(f"{key}: {value}" for key, value in quoted.items() if value is not None)
    return f"{prompt}\nNegative prompt: {negative}\n{line}"

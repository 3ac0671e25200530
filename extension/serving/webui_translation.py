"""The webui's requests → ours; what cannot be done is refused by the name of its field."""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from PIL import Image

from ..app.generator import GRID
from ..app.latents import UPSCALERS
from ..app.request import GenerationRequest, HiresFix, RequestError, StartingPicture
from ..app.samplers import sampler_named
from ..app.start_choices import FILLS, RESIZE_MODES
from ..encoding.settings import EMPHASIS_MODES, EmphasisMode
from .webui_refusals import UnsupportedField, demand_supported
from .webui_requests import WebuiImg2Img, WebuiRequest, WebuiTxt2Img

MOST = 1000  # of anything that is counted
MOST_PIXELS = 4096 * 4096  # of a picture that is sent
SAME_SAMPLER, SAME_SCHEDULER = "Use same sampler", "Use same scheduler"
CLIP_SKIP, EMPHASIS, CHECKPOINT = "CLIP_stop_at_last_layers", "emphasis", "sd_model_checkpoint"


def request_of(asked: WebuiRequest, in_force: Mapping[str, Any]) -> GenerationRequest:
    """`in_force`: the server's options. Raises UnsupportedField; RequestError."""
    sampler, schedule = _sampler(asked)
    demand_supported(asked, sampler)
    settings = _settings(asked, in_force)
    count = _count("batch_size", asked.batch_size) * _count("n_iter", asked.n_iter)
    request = GenerationRequest(
        (asked.prompt or "",) * count,
        asked.negative_prompt or "",
        steps=_count("steps", asked.steps),
        seed=None if asked.seed in (None, -1) else asked.seed,
        width=_on_grid("width", asked.width),
        height=_on_grid("height", asked.height),
        guidance=7.0 if asked.cfg_scale is None else asked.cfg_scale,
        sampler=sampler,
        schedule=schedule,
        clip_skip=settings[CLIP_SKIP],
        emphasis=settings[EMPHASIS],
    )
    if isinstance(asked, WebuiTxt2Img) and asked.enable_hr:
        request = replace(request, hires=_hires(asked, request))
    if isinstance(asked, WebuiImg2Img):
        request = replace(request, start=_start(asked))
    return request


def picture_of(field: str, text: str) -> Image.Image:
    """A picture that was sent as base64, with or without `data:` before it; never an address."""
    if text.startswith(("http://", "https://")):
        raise UnsupportedField(field, text, "pictures are sent as base64, never as addresses")
    try:
        content = base64.b64decode(text.rpartition(",")[2], validate=True)
        image = Image.open(io.BytesIO(content))
        if image.width * image.height > MOST_PIXELS:
            raise UnsupportedField(field, "", f"at most {MOST_PIXELS} pixels")
        image.load()
    except (OSError, ValueError, binascii.Error, Image.DecompressionBombError) as error:
        raise RequestError(f"{field}: this is no picture in base64") from error
    return image


def _sampler(asked: WebuiRequest) -> tuple[str, str]:
    """Their names here. The list of samplers holds what there is."""
    name = asked.sampler_name or asked.sampler_index or "Euler"
    field = "sampler_name" if asked.sampler_name else "sampler_index"
    try:
        sampler, _ = sampler_named(name)
    except RequestError as error:
        raise UnsupportedField(field, name, str(error)) from error
    try:
        _, schedule = sampler_named(name, asked.scheduler or "")
    except RequestError as error:
        raise UnsupportedField("scheduler", asked.scheduler, str(error)) from error
    return sampler.name, schedule


def _settings(asked: WebuiRequest, in_force: Mapping[str, Any]) -> dict[str, Any]:
    """`override_settings` over the server's options: two can change, for this request."""
    found = dict(in_force)
    for name, value in (asked.override_settings or {}).items():
        field = f"override_settings.{name}"
        if name == CLIP_SKIP and value in range(1, 13):
            found[name] = int(value)
        elif name == EMPHASIS and value in EMPHASIS_MODES:
            found[name] = cast(EmphasisMode, value)
        elif name not in in_force:
            raise UnsupportedField(field, value, "there is no such option here")
        elif not is_in_force(name, value, in_force):
            raise UnsupportedField(field, value, f"it is {in_force[name]!r} here")
    if asked.override_settings and asked.override_settings_restore_afterwards is False:
        field, reason = "override_settings_restore_afterwards", "options are the whole server's"
        raise UnsupportedField(field, False, reason)
    return found


def is_in_force(name: str, value: object, in_force: Mapping[str, Any]) -> bool:
    """Whether an option has that value. A checkpoint may be named as the list names it."""
    mine = in_force.get(name)
    if name == CHECKPOINT and isinstance(value, str):
        return value.partition(" [")[0] in (mine, str(mine).rpartition(".")[0])
    return name in in_force and (value == mine or (not value and not mine))


def _hires(asked: WebuiTxt2Img, request: GenerationRequest) -> HiresFix:
    upscaler = asked.hr_upscaler or "Latent"
    if upscaler not in UPSCALERS:
        raise UnsupportedField("hr_upscaler", upscaler, f"there are {', '.join(UPSCALERS)}")
    strength = 0.75 if asked.denoising_strength is None else asked.denoising_strength
    return HiresFix(
        scale=_scale(asked, request),
        strength=_share("denoising_strength", strength),
        steps=asked.hr_second_pass_steps or None,
        upscaler=upscaler,
        prompt=asked.hr_prompt or "",
        negative=asked.hr_negative_prompt or "",
        **_hires_sampler(asked),
    )


def _hires_sampler(asked: WebuiTxt2Img) -> dict[str, str]:
    name = asked.hr_sampler_name
    kind = "" if asked.hr_scheduler in (None, "", SAME_SCHEDULER) else asked.hr_scheduler or ""
    if name in (None, "", SAME_SAMPLER) and not kind:
        return {}
    try:
        usual = _sampler(asked)
        same = name in (None, "", SAME_SAMPLER)
        sampler, schedule = sampler_named(usual[0] if same else name or "", kind)
    except RequestError as error:
        raise UnsupportedField("hr_sampler_name", name, str(error)) from error
    return {"sampler": sampler.name, "schedule": schedule}


def _scale(asked: WebuiTxt2Img, request: GenerationRequest) -> float:
    """The webui crops where `hr_resize` has another shape than the picture: here it must fit."""
    width, height = request.width or 0, request.height or 0
    across, down = asked.hr_resize_x or 0, asked.hr_resize_y or 0
    if not across and not down:
        scale = 2.0 if asked.hr_scale is None else asked.hr_scale
        if not 1 <= scale <= 8:
            raise UnsupportedField("hr_scale", scale, "from 1 to 8")
        return scale
    if across and down and across * height != down * width:
        raise UnsupportedField("hr_resize_x", across, "the picture's shape cannot change")
    return across / width if across else down / height


def _start(asked: WebuiImg2Img) -> StartingPicture:
    images = asked.init_images or []
    if len(images) > 1:
        raise UnsupportedField("init_images", f"{len(images)} pictures", "send one a request")
    image = picture_of("init_images", images[0])
    strength = 0.75 if asked.denoising_strength is None else asked.denoising_strength
    mode = asked.resize_mode or 0
    if mode not in range(len(RESIZE_MODES)):
        raise UnsupportedField("resize_mode", mode, f"0 to {len(RESIZE_MODES) - 1}")
    strength = _share("denoising_strength", strength)
    start = StartingPicture(image, None, strength, resize=RESIZE_MODES[mode])
    if not asked.mask:
        return start
    fill = asked.inpainting_fill or 0
    if fill not in range(len(FILLS)):
        raise UnsupportedField("inpainting_fill", fill, f"0 to {len(FILLS) - 1}")
    across, down = asked.mask_blur_x or 0, asked.mask_blur_y or 0
    if asked.mask_blur is not None:
        across = down = asked.mask_blur
    if across != down:
        raise UnsupportedField("mask_blur_x", across, "it has to be mask_blur_y")
    mask = picture_of("mask", asked.mask)
    return replace(
        start,
        mask=mask.getchannel("A") if mask.mode == "RGBA" and _is_shaped(mask) else mask,
        blur=across,
        fill=FILLS[fill],
        inverted=bool(asked.inpainting_mask_invert),
        only_masked=bool(asked.inpaint_full_res),
        padding=_padding(asked.inpaint_full_res_padding),
    )


def _padding(pixels: int | None) -> int:
    """Around what is masked, where only that is drawn."""
    if not 0 <= (pixels or 0) <= MOST:
        raise UnsupportedField("inpaint_full_res_padding", pixels, f"from 0 to {MOST}")
    return pixels or 0


def _is_shaped(mask: Image.Image) -> bool:
    """Whether its transparency says where it is, as with the webui's own page."""
    low, _ = mask.getchannel("A").getextrema()
    return bool(cast(float, low) < 255)


def _share(field: str, value: float) -> float:
    if not 0 <= value <= 1:
        raise UnsupportedField(field, value, "from 0 to 1")
    return value


def _count(field: str, value: int | None) -> int:
    """Within what a person could mean; the server's own limits come later."""
    if value is None or not 1 <= value <= MOST:
        raise UnsupportedField(field, value, f"from 1 to {MOST}")
    return value


def _on_grid(field: str, value: int | None) -> int:
    if value is None or value < GRID or value % GRID:
        raise UnsupportedField(field, value, f"a multiple of {GRID} pixels")
    return value

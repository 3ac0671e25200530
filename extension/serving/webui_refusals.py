"""What the webui's clients may leave as it is, and what is refused by its name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

from ..errors import LiveLoraError
from .webui_requests import WebuiImg2Img, WebuiRequest, WebuiTxt2Img

Holds = Callable[[Any], bool]


class UnsupportedField(LiveLoraError):
    """A field that asks for something that this server cannot do."""

    def __init__(self, field: str, value: object, reason: str) -> None:
        self.field = field
        shown = repr(value) if len(repr(value)) < 80 else "what it holds"
        super().__init__(f"{field}: {shown} is not supported here: {reason}")


def among(*values: object) -> Holds:
    """It has one of these values."""
    return lambda value: value in values


def nothing(value: object) -> bool:
    """It is empty: None, "", 0, False, [], {}."""
    return not value


def any_value(value: object) -> bool:
    """It has no meaning here, whatever it is."""
    return True


def at_most_nothing(value: Any) -> bool:
    """A size that is not set: the webui's own clients write -1 or 0."""
    return value is None or value <= 0


# Field → (what it may be, why it may be nothing else).
EVERYWHERE: dict[str, tuple[Holds, str]] = {
    "styles": (nothing, "styles are files of the webui's"),
    "subseed_strength": (nothing, "a seed is not mixed with another one"),
    "seed_resize_from_h": (at_most_nothing, "noise is made in the picture's own size"),
    "seed_resize_from_w": (at_most_nothing, "noise is made in the picture's own size"),
    "restore_faces": (nothing, "there is no model for faces"),
    "tiling": (nothing, "pictures are not made to be tiles"),
    "s_min_uncond": (nothing, "the negative prompt counts in every step"),
    "s_churn": (nothing, "no noise is added that the sampler does not have"),
    "refiner_checkpoint": (among(None, "", "None"), "there is one model"),
    "disable_extra_networks": (nothing, "leave the tags out of the prompt"),
    "firstpass_image": (nothing, "send it to img2img"),
    "comments": (nothing, "they are the server's to write"),
    "script_name": (among(None, "", "None"), "there are no scripts"),
    "alwayson_scripts": (nothing, "there are no scripts"),
    "save_images": (nothing, "nothing is saved on the server"),
    "infotext": (nothing, "send its settings as fields; png-info reads them"),
}
HIRES: dict[str, tuple[Holds, str]] = {
    "firstphase_width": (nothing, "width is that of the first pass"),
    "firstphase_height": (nothing, "height is that of the first pass"),
    "hr_checkpoint_name": (among(None, "", "Use same checkpoint"), "there is one model"),
}
PICTURE: dict[str, tuple[Holds, str]] = {
    "initial_noise_multiplier": (among(None, 1), "noise is as the sampler has it"),
    "latent_mask": (nothing, "send the picture's mask"),
}
MASK: dict[str, tuple[Holds, str]] = {
    "mask_round": (among(None, True), "a place is drawn anew or kept"),
}
# Which samplers `eta` and `s_noise` mean something for, and what they have then.
ANCESTRAL = (
    *("Euler a", "DPM2 a", "DPM++ 2S a", "DPM++ SDE", "DPM++ 2M SDE"),
    *("DPM++ 2M SDE Heun", "DPM++ 3M SDE"),
)
WITH_S_NOISE = (*ANCESTRAL, "Euler", "Heun", "DPM2", "DPM fast")


def demand_supported(asked: WebuiRequest, sampler: str) -> None:
    """Raises UnsupportedField for the first field that asks for what is not done here."""
    for table in _tables(asked):
        for field, (holds, reason) in table.items():
            value = getattr(asked, field)
            if not holds(value):
                raise UnsupportedField(field, value, reason)
    for field, value, samplers, usual in _of_sampler(asked, sampler):
        if sampler in samplers and value not in (None, usual):
            reason = f"{sampler} is drawn with {usual:g}"
            raise UnsupportedField(field, value, reason)


def _tables(asked: WebuiRequest) -> Iterator[dict[str, tuple[Holds, str]]]:
    """What belongs to a part that is off may have any value."""
    yield EVERYWHERE
    if isinstance(asked, WebuiTxt2Img) and asked.enable_hr:
        yield HIRES
    if isinstance(asked, WebuiImg2Img):
        yield PICTURE
        if asked.mask:
            yield MASK


def _of_sampler(
    asked: WebuiRequest, sampler: str
) -> Iterator[tuple[str, float | None, Collection[str], float]]:
    yield "eta", asked.eta, ANCESTRAL, 1.0
    yield "eta", asked.eta, ("DDIM", "DDIM CFG++"), 0.0
    yield "s_noise", asked.s_noise, WITH_S_NOISE, 1.0

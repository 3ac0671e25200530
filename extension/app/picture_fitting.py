"""Pictures in the size that is drawn, in the webui's ways to resize."""

from __future__ import annotations

from collections.abc import Iterator

from PIL import Image

from .request import RequestError
from .start_choices import RESIZE_MODES

JUST, CROP, FILL, LATENT = RESIZE_MODES
BEHIND = "#ffffff"  # a picture that is transparent, as in the webui
LANCZOS = Image.Resampling.LANCZOS


def demand_known(mode: str) -> None:
    """RequestError where there is no such way."""
    if mode not in RESIZE_MODES:
        raise RequestError(f"no resize mode {mode!r}: there are {', '.join(RESIZE_MODES)}")


def opaque(image: Image.Image) -> Image.Image:
    """RGB, on white."""
    if image.mode == "RGBA":
        behind = Image.new("RGBA", image.size, BEHIND)
        behind.paste(image, mask=image)
        image = behind
    return image.convert("RGB")


def fitted(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """A picture in exactly this size, whatever becomes of its shape."""
    return image if image.size == size else image.resize(size, LANCZOS)


def resized(image: Image.Image, size: tuple[int, int], mode: str) -> Image.Image:
    """A picture in this size; cropped or filled it is RGB."""
    if mode in (JUST, LATENT):
        return image.resize(size, LANCZOS)
    scaled = image.resize(_scaled(image.size, size, covers=mode == CROP), LANCZOS)
    left, top = (side // 2 - one // 2 for side, one in zip(size, scaled.size, strict=True))
    found = Image.new("RGB", size)
    found.paste(scaled, (left, top))
    for strip, place in _edges(scaled, left, top) if mode == FILL else ():
        found.paste(strip, place)
    return found


def _edges(
    scaled: Image.Image, left: int, top: int
) -> Iterator[tuple[Image.Image, tuple[int, int]]]:
    """What stands above and below, or beside it: its outermost pixels, drawn out; and where."""
    width, height = scaled.size
    if top > 0:
        for edge, place in ((0, 0), (height, top + height)):
            yield scaled.resize((width, top), box=(0, edge, width, edge)), (0, place)
    elif left > 0:
        for edge, place in ((0, 0), (width, left + width)):
            yield scaled.resize((left, height), box=(edge, 0, edge, height)), (place, 0)


def _scaled(have: tuple[int, int], want: tuple[int, int], *, covers: bool) -> tuple[int, int]:
    """The size in the same shape that covers `want`, or fits in."""
    across = want[0], have[1] * want[0] // have[0]
    down = have[0] * want[1] // have[1], want[1]
    is_wider = want[0] / want[1] > have[0] / have[1]
    return across if is_wider == covers else down

"""How `live-lora generate` is told to draw: sampler, words, hires fix, a picture to begin with."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..encoding.settings import EMPHASIS_MODES
from ..errors import FileError
from ..library.mask_pictures import MaskPictures

if TYPE_CHECKING:
    from PIL.Image import Image

    from .request import GenerationRequest

# Options that are a request's own fields.
FIELDS = ("negative", "steps", "seed", "guidance", "sampler", "schedule", "emphasis", "clip_skip")


def add_drawing(command: ArgumentParser) -> None:
    """Under the webui's names."""
    command.add_argument("--sampler", help='"Euler a", "DPM++ 2M Karras", …; default: the model\'s')
    command.add_argument("--schedule", metavar="TYPE", help="Karras, SGM Uniform, …")
    command.add_argument(
        "--emphasis", choices=EMPHASIS_MODES, help="how (word:1.2) weighs; default: Original"
    )
    command.add_argument("--clip-skip", type=int, help="as the webui counts: 2 skips one layer")
    command.add_argument("--hires", type=float, metavar="SCALE", help="draw again, so much larger")
    command.add_argument("--hires-steps", type=int, help="default: as many as the first time")
    command.add_argument("--upscaler", help='"Latent", "Lanczos", …; default: Latent')
    command.add_argument("--init-image", type=Path, metavar="PICTURE", help="begin with a picture")
    command.add_argument(
        "--mask", type=Path, metavar="PICTURE", help="draw only where it is white, in --init-image"
    )
    command.add_argument(
        "--strength",
        type=float,
        help="how much hires fix or a picture to begin with is changed: 0 to 1",
    )
    command.add_argument(
        "--infotext",
        type=Path,
        metavar="FILE",
        help="prompts and settings of a picture of the webui's or ours; other options come first",
    )


def infotext_of(
    path: Path, masks: MaskPictures | None = None
) -> tuple[GenerationRequest, tuple[str, ...]]:
    """The settings in a picture or a text file, and what of them is not followed. LiveLoraError."""
    from PIL import Image, UnidentifiedImageError

    from .infotext_reading import read_infotext
    from .picture_text import description

    try:
        with Image.open(path) as picture:
            text = description(picture)
    except UnidentifiedImageError:
        text = path.read_text("utf-8-sig", errors="replace")
    except OSError as error:
        raise FileError("unreadable", path, error.strerror or str(error)) from error
    read = read_infotext(text, masks)
    return read.request, read.notes


def followed(request: GenerationRequest, options: Namespace) -> GenerationRequest:
    """The request with what the options say. FileError where a picture cannot be read."""
    given = {name: getattr(options, name) for name in FIELDS}
    if options.size is not None:
        given["width"], given["height"] = options.size
    if options.sampler is not None and options.schedule is None:
        given["schedule"] = ""  # a sampler's own, not that of a picture's sampler
    told = {name: value for name, value in given.items() if value is not None}
    return replace(request, **told, **_passes(request, options))


def _passes(request: GenerationRequest, options: Namespace) -> Mapping[str, Any]:
    from .request import HiresFix, StartingPicture

    found: dict[str, Any] = {}
    if options.hires is not None or request.hires is not None:
        hires = request.hires or HiresFix()
        found["hires"] = replace(
            hires,
            scale=options.hires or hires.scale,
            steps=options.hires_steps or hires.steps,
            upscaler=options.upscaler or hires.upscaler,
            strength=hires.strength if options.strength is None else options.strength,
        )
    if options.init_image is not None:
        mask = None if options.mask is None else _picture(options.mask)
        strength = {} if options.strength is None else {"strength": options.strength}
        found["start"] = StartingPicture(_picture(options.init_image), mask, **strength)
    return found


def _picture(path: Path) -> Image:
    from PIL import Image

    try:
        with Image.open(path) as picture:
            return picture.copy()
    except OSError as error:
        raise FileError("unreadable", path, f"no picture: {error.strerror or error}") from error

"""How `live-lora generate` is told to draw: sampler, words, hires fix, a picture to begin with."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..encoding.settings import EMPHASIS_MODES
from ..errors import FileError
from ..library.mask_pictures import MaskPictures
from .start_choices import FILLS, RESIZE_MODES

if TYPE_CHECKING:
    from PIL.Image import Image

    from .infotext_reading import BegunWith, ReadInfotext
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
    command.add_argument("--hires-prompt", metavar="PROMPT", help="default: that of the first time")
    command.add_argument("--hires-negative", metavar="PROMPT", help="the same for the negative one")
    command.add_argument("--hires-sampler", metavar="NAME", help="default: that of the first time")
    command.add_argument("--hires-schedule", metavar="TYPE", help="default: that of the first time")
    command.add_argument("--upscaler", help='"Latent", "Lanczos", …; default: Latent')
    _add_beginning(command)
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


def _add_beginning(command: ArgumentParser) -> None:
    command.add_argument("--init-image", type=Path, metavar="PICTURE", help="begin with a picture")
    command.add_argument(
        "--mask", type=Path, metavar="PICTURE", help="draw only where it is white, in --init-image"
    )
    command.add_argument("--mask-blur", type=float, metavar="PIXELS", help="default: 4")
    command.add_argument(
        "--masked-content", choices=FILLS, help="what is masked begins with; default: original"
    )
    command.add_argument(
        "--invert-mask", action="store_true", default=None, help="draw where the mask is black"
    )
    command.add_argument(
        "--only-masked",
        action="store_true",
        default=None,
        help="draw the part around the mask in full size, and put it back into the picture",
    )
    command.add_argument(
        "--mask-padding", type=int, metavar="PIXELS", help="around that part; default: 32"
    )
    command.add_argument(
        "--resize-mode",
        choices=RESIZE_MODES,
        help="how --init-image comes to --size, where its shape is another; default: Just resize",
    )


def infotext_of(path: Path, masks: MaskPictures | None = None) -> ReadInfotext:
    """The settings in a picture or a text file. LiveLoraError."""
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
    return read_infotext(text, masks)


def followed(
    request: GenerationRequest, options: Namespace, begun: BegunWith | None = None
) -> GenerationRequest:
    """The request with what the options say; `begun` is how a picture's text says it began.

    FileError where a picture cannot be read.
    """
    given = {name: getattr(options, name) for name in FIELDS}
    if options.size is not None:
        given["width"], given["height"] = options.size
    if options.sampler is not None and options.schedule is None:
        given["schedule"] = ""  # a sampler's own, not that of a picture's sampler
    told = {name: value for name, value in given.items() if value is not None}
    return replace(request, **told, **_passes(request, options, begun))


def _passes(
    request: GenerationRequest, options: Namespace, begun: BegunWith | None
) -> Mapping[str, Any]:
    from .infotext_reading import BegunWith
    from .request import HiresFix, StartingPicture

    found: dict[str, Any] = {}
    if options.hires is not None or request.hires is not None:
        names = ("steps", "prompt", "negative", "sampler", "schedule")
        told = {name: getattr(options, f"hires_{name}") for name in names}
        told |= {name: getattr(options, name) for name in ("upscaler", "strength")}
        told["scale"] = options.hires
        found["hires"] = replace(request.hires or HiresFix(), **_given(told))
    if options.init_image is not None:
        told = {"strength": options.strength, "blur": options.mask_blur}
        told |= {"fill": options.masked_content, "inverted": options.invert_mask}
        told |= {"only_masked": options.only_masked, "padding": options.mask_padding}
        told["resize"] = options.resize_mode
        mask = None if options.mask is None else _picture(options.mask)
        how = asdict(replace(begun or BegunWith(), **_given(told)))
        found["start"] = StartingPicture(_picture(options.init_image), mask, **how)
    return found


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Those that were."""
    return {name: value for name, value in options.items() if value is not None}


def _picture(path: Path) -> Image:
    from PIL import Image

    try:
        with Image.open(path) as picture:
            return picture.copy()
    except OSError as error:
        raise FileError("unreadable", path, f"no picture: {error.strerror or error}") from error

"""The folder that pictures are kept in, each with the text it can be made again from."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse
from PIL.Image import Image
from PIL.PngImagePlugin import PngInfo

from ..library.atomic import replace
from .request import GenerationResult

NAME = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9]{1,10}(-[0-9]{1,4})?\.png")
PREVIEW_QUALITY = 70


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """A picture as the page shows it: where its bytes are, and what is written under it.

    `source` is a name in the folder, or a data URL where the picture could not be kept.
    """

    source: str
    caption: str = ""

    @property
    def kept(self) -> bool:
        """Whether it is in the folder."""
        return not self.source.startswith("data:")


class Pictures:
    """Pictures by name, in one folder, which is made when the first one comes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, result: GenerationResult) -> tuple[list[ShownPicture], str | None]:
        """All pictures of a result, and why some could not be kept, if so.

        A full disk costs the file, never the picture: it is handed on as a data URL.
        """
        shown, problem = [], None
        stamp = datetime.now()
        seeds = result.request.seeds
        for index, (image, seed) in enumerate(zip(result.images, seeds, strict=True)):
            content = png(image)
            try:
                source = self._write(f"{stamp:%Y%m%d-%H%M%S}-{seed}", content)
            except OSError as error:
                problem = f"pictures could not be saved in {self.folder}: {error.strerror or error}"
                source = data_url(content, "image/png")
            shown.append(ShownPicture(source, result.request.caption(index)))
        return shown, problem

    def found(self, names: Iterable[str]) -> list[ShownPicture]:
        """Those of these names that are still there."""
        return [ShownPicture(name) for name in names if self.path(name) is not None]

    def path(self, name: str) -> Path | None:
        """The file of this name, None where there is none: nothing outside the folder is one."""
        file = self.folder / name
        return file if NAME.fullmatch(name) and file.is_file() and not file.is_symlink() else None

    def _write(self, stem: str, content: bytes) -> str:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        names = (f"{stem}.png", *(f"{stem}-{number}.png" for number in range(2, 10_000)))
        name = next(name for name in names if not (self.folder / name).exists())
        replace(self.folder / name, content)
        return name


def router(pictures: Pictures) -> APIRouter:
    """`GET {name}`: a kept picture."""
    routes = APIRouter()

    @routes.get("/{name}")
    def picture(name: str) -> FileResponse:
        """The PNG; 404 where there is none."""
        path = pictures.path(name)
        if path is None:
            raise HTTPException(404, "there is no such picture")
        return FileResponse(path, media_type="image/png", headers={"Cache-Control": "private"})

    return routes


def png(image: Image) -> bytes:
    """The picture as PNG, with its infotext under the key that the webui reads."""
    out, text = io.BytesIO(), PngInfo()
    if parameters := image.info.get("parameters"):
        text.add_text("parameters", parameters)
    image.save(out, "PNG", pnginfo=text)
    return out.getvalue()


def previews(images: Sequence[Image]) -> list[ShownPicture]:
    """Half-drawn pictures, small and in the page alone: they never touch the disk."""
    return [ShownPicture(_preview(image), "preview") for image in images]


def data_url(content: bytes, media_type: str) -> str:
    """The bytes as an address that holds them."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def _preview(image: Image) -> str:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=PREVIEW_QUALITY)
    return data_url(out.getvalue(), "image/jpeg")

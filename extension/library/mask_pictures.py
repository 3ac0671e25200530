"""Mask pictures: a folder of black and white pictures, by name."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import FileError, LiveLoraError, UnknownName
from . import atomic
from .bulk.file_names import free, safe_stem

SUFFIXES = (".png", ".webp", ".jpg", ".jpeg", ".bmp")
LARGEST = 64_000_000  # pixels that are decoded
FINEST = 1024  # pixels a side that are kept: a latent is 8 wide


@dataclass(frozen=True, slots=True)
class MaskPicture:
    """Grey values, row by row, 255 where it is white; `hash` are 8 digits of the whole picture."""

    name: str
    width: int
    height: int
    values: bytes
    hash: str


class MaskPictures:
    """The pictures of some folders, nothing below them; read anew when they have changed."""

    def __init__(self, folders: Sequence[str | Path] = ()) -> None:
        self.folders = [Path(folder) for folder in folders]
        self._read: dict[Path, tuple[int, int, MaskPicture]] = {}

    @property
    def names(self) -> list[str]:
        """All of them, without endings."""
        return sorted({path.stem for path in self._files()})

    def find(self, name: str) -> Path:
        """The file of this name, with or without its ending. Raises UnknownName."""
        files = sorted(self._files())
        for same in (_as_written, str.lower):
            for path in files:
                if same(name) in (same(path.stem), same(path.name)):
                    return path
        where = " or ".join(map(str, self.folders)) or "no folder: none is set"
        raise UnknownMask(name, self.names, where)

    def open(self, name: str) -> MaskPicture:
        """The picture. Raises UnknownName; FileError where it cannot be read."""
        path = self.find(name)
        try:
            stat = path.stat()
            known = self._read.get(path)
            if known is None or known[:2] != (stat.st_size, stat.st_mtime_ns):
                known = (stat.st_size, stat.st_mtime_ns, read(path))
                self._read[path] = known
        except OSError as error:
            raise FileError("unreadable", path, error.strerror or str(error)) from error
        return known[2]

    def keep(self, name: str, content: bytes) -> str:
        """Stores a picture in the first folder, never in place of another; what it is called.

        FileError where there is no folder, or this is no picture.
        """
        if not self.folders:
            raise FileError("place", name, "no folder for mask pictures is set")
        stem = safe_stem(name, "mask")
        path = self.folders[0] / f"{stem}.png"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists() and path.read_bytes() == content:
                return stem
            path = free(path)
            with tempfile.TemporaryDirectory(prefix=".live-lora-", dir=path.parent) as spare:
                sent = Path(spare, path.name)
                sent.write_bytes(content)
                read(sent)
            atomic.replace(path, content)
        except OSError as error:
            raise FileError(
                "place", path, f"cannot be stored: {error.strerror or error}"
            ) from error
        return path.stem

    def differences(self, hashes: Mapping[str, str]) -> list[str]:
        """What of the pictures with these hashes, by name, is not here, or another one by now."""
        found = []
        for name, digits in hashes.items():
            try:
                here = self.open(name)
            except LiveLoraError as error:
                found.append(str(error))
                continue
            if here.hash != digits:
                found.append(
                    f"the mask {name} is another picture than the one that was used: its hash is "
                    f"{here.hash}, not {digits}"
                )
        return found

    def _files(self) -> list[Path]:
        found: list[Path] = []
        for folder in self.folders:
            if folder.is_dir():
                found += [p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES]
        return [path for path in found if path.is_file() and not path.name.startswith(".")]


class UnknownMask(UnknownName):
    """No mask picture has this name."""

    def __init__(self, name: str, names: Sequence[str], where: str) -> None:
        super().__init__(name, ())
        some = ", ".join(names[:5]) or "there is none"
        self.args = (f"no mask picture is named {name!r} in {where} ({some})",)


def read(path: Path) -> MaskPicture:
    """A picture's light as grey values, what is transparent is black. Raises FileError."""
    try:
        from PIL import Image
    except ImportError:
        raise FileError("unreadable", path, "mask pictures need the package pillow") from None
    try:
        with Image.open(path) as picture:
            if picture.width * picture.height > LARGEST:
                size = f"{picture.width} × {picture.height}"
                raise FileError("unreadable", path, f"{size} pixels are too many for a mask")
            coloured = picture.convert("RGBA")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise FileError("damaged", path, f"no picture that can be read: {error}") from error
    grey = Image.alpha_composite(Image.new("RGBA", coloured.size, "black"), coloured).convert("L")
    sides = f"{grey.width}x{grey.height}:".encode()
    digits = hashlib.sha256(sides + grey.tobytes()).hexdigest()[:8]
    kept = (min(grey.width, FINEST), min(grey.height, FINEST))
    if kept != grey.size:
        grey = grey.resize(kept, Image.Resampling.BOX)
    return MaskPicture(path.stem, *kept, grey.tobytes(), digits)


def _as_written(name: str) -> str:
    return name

"""A tag's `mask=` → where it acts; the same mask for all tags of a generation that say the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from ..engine.mask import Mask
from ..library.mask_pictures import MaskPicture, MaskPictures
from ..prompt.region import Region


class RunMasks:
    """The masks of one generation; `used` are the pictures' hashes by name."""

    def __init__(self, folders: Sequence[str | Path] = ()) -> None:
        self.pictures = MaskPictures(folders)
        self.used: dict[str, str] = {}
        self._masks: dict[Region, Mask] = {}

    def of(self, region: Region) -> Mask:
        """Raises UnknownName, and FileError where a picture cannot be read."""
        found = self._masks.get(region)
        if found is None:
            found = self._masks[region] = self._made(region)
        return found

    def _made(self, region: Region) -> Mask:
        if region.box is not None:
            return Mask.of_box(region.box, region.soft)
        picture = self.pictures.open(region.name)
        self.used[region.name] = picture.hash
        return mask_of(picture, region.soft)


def mask_of(picture: MaskPicture, soft: float = 0.0) -> Mask:
    """The picture's light, stretched over the whole picture that is drawn."""
    values = torch.frombuffer(bytearray(picture.values), dtype=torch.uint8)
    light = values.to(torch.float64).view(picture.height, picture.width) / 255
    return Mask(light, soft=soft)

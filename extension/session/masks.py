"""A tag's `mask=` → where it acts; the same mask for all tags of a generation that say the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from ..engine.mask import Mask
from ..errors import LiveLoraError
from ..library.mask_pictures import MaskPicture, MaskPictures
from ..prompt.region import Region
from .report import PromptDiagnostic
from .tag_use import TagUse


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


def with_masks(
    uses: Iterable[TagUse], masks: RunMasks, diagnostics: list[PromptDiagnostic]
) -> Iterator[TagUse]:
    """The tags with their masks; one whose mask cannot be had is left out, never on everywhere."""
    for use in uses:
        if (region := use.tag.region) is None:
            yield use
            continue
        try:
            mask = masks.of(region)
        except LiveLoraError as error:
            diagnostics.append(use.failed(error))
            continue
        if mask.is_nowhere:
            text = f"the mask {region.name} is black everywhere: this tag is off"
            diagnostics.append(use.diagnostic(text))
        else:
            yield use if mask.is_everywhere else replace(use, mask=mask)

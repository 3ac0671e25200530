"""Colour, shape and the LoRAs' effects measured on the picture itself: thresholds and silhouettes.

No learned judge. All functions take pictures as a batch, (n, 64, 64, 3) uint8, and are exact on the
drawings of `drawing.py` (tests hold them to that).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from .colours import COLOURS
from .drawing import CANVAS, Pose, mask_of
from .masks import components, filled, largest, shrink
from .objects import CHARACTER, HEAD, OBJECTS
from .portrait import FUR

APART = 18.0  # ΔE (CIE76) from which a pixel is not the background
GRID = 32  # silhouettes are compared at this size
TILTS = (-16, -8, 0, 8, 16)
STRETCHES = (0.45, 0.67, 1.0, 1.5, 2.2)


def lab(pictures: NDArray[np.uint8] | Tensor) -> Tensor:
    """sRGB bytes (…, 3) to CIE L*a*b* under D65."""
    rgb = torch.as_tensor(np.asarray(pictures)).double() / 255
    linear = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    rows = [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
    xyz = linear @ torch.tensor(rows).double().T / torch.tensor([0.95047, 1.0, 1.08883]).double()
    f = torch.where(
        xyz > 216 / 24389, xyz.clamp(min=1e-9) ** (1 / 3), (24389 / 27 * xyz + 16) / 116
    )
    x, y, z = f.unbind(-1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim=-1).float()


@dataclass(frozen=True, slots=True)
class Parts:
    """A batch taken apart: L*a*b* pixels, ΔE to the background, ink, the main silhouette."""

    pixels: Tensor  # (n, 64, 64, 3)
    distance: Tensor  # (n, 64, 64)
    ink: Tensor  # (n, 64, 64) 0 or 1: not background
    silhouette: Tensor  # (n, 64, 64) 0 or 1: the largest piece of ink, holes filled

    @property
    def inside(self) -> Tensor:
        """The silhouette less its outline of three pixels."""
        return shrink(self.silhouette, 3)


def take_apart(pictures: NDArray[np.uint8]) -> Parts:
    """The background is the median of each end of the picture's rim, blended from top to bottom."""
    pixels = lab(pictures)
    top = torch.cat(
        [
            pixels[:, :2].flatten(1, 2),
            pixels[:, 2:20, :2].flatten(1, 2),
            pixels[:, 2:20, -2:].flatten(1, 2),
        ],
        1,
    )
    low = torch.cat(
        [
            pixels[:, -2:].flatten(1, 2),
            pixels[:, -20:, :2].flatten(1, 2),
            pixels[:, -20:, -2:].flatten(1, 2),
        ],
        1,
    )
    share = torch.linspace(0, 1, pixels.shape[1]).view(1, -1, 1)
    ground = torch.lerp(top.median(1).values[:, None], low.median(1).values[:, None], share)
    distance = (pixels - ground[:, :, None]).norm(dim=-1)
    ink = (distance > APART).float()
    return Parts(pixels, distance, ink, filled(largest(ink)))


def colours(parts: Parts) -> list[str]:
    """The named colour nearest to the median of each object's inside."""
    names, palette = list(COLOURS), lab(np.array(list(COLOURS.values())))
    found = []
    for pixels, inside in zip(parts.pixels, parts.inside, strict=True):
        chosen = pixels[inside > 0]
        middle = chosen.median(0).values if len(chosen) else torch.full((3,), 1e3)
        found.append(names[int((palette - middle).norm(dim=1).argmin())])
    return found


def normalised(masks: Tensor) -> Tensor:
    """Silhouettes moved to the centre and scaled to one area: (n, 32, 32), 0 … 1."""
    h, w = masks.shape[1:]
    ys, xs = torch.meshgrid(torch.linspace(-1, 1, h), torch.linspace(-1, 1, w), indexing="ij")
    area = masks.sum((1, 2)).clamp(min=1)
    x, y = (masks * xs).sum((1, 2)) / area, (masks * ys).sum((1, 2)) / area
    scale = (area / (h * w)).sqrt() * 1.1
    theta = torch.zeros(len(masks), 2, 3)
    theta[:, 0, 0], theta[:, 1, 1], theta[:, 0, 2], theta[:, 1, 2] = (
        scale * 1.25,
        scale * 1.25,
        x,
        y,
    )
    grid = F.affine_grid(theta, [len(masks), 1, GRID, GRID], align_corners=True)
    return F.grid_sample(masks[:, None], grid, align_corners=True)[:, 0]


@cache
def templates() -> tuple[list[str], Tensor]:
    """Every object and the character, tilted and stretched: names and silhouettes (m, 32, 32)."""
    names, masks = [], []
    for name, thing in {**OBJECTS, CHARACTER: HEAD}.items():
        for tilt in TILTS:
            for stretch in STRETCHES:
                mask = mask_of(thing.body, Pose(CANVAS / 2, CANVAS / 2, 54, tilt, stretch)).reduce(
                    3
                )
                names.append(name)
                masks.append(torch.from_numpy(np.asarray(mask, dtype=np.float32)) / 255)
    return names, normalised(filled((torch.stack(masks) > 0.5).float()))


def shapes(parts: Parts) -> list[str]:
    """The object whose silhouette overlaps most (intersection over union)."""
    names, shape = templates()
    found = normalised(parts.silhouette).flatten(1)
    both = found @ shape.flatten(1).T
    union = found.sum(1, keepdim=True) + shape.sum((1, 2))[None] - both
    return [names[int(i)] for i in (both / union).argmax(1)]


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    return (values * mask).sum((1, 2)) / mask.sum((1, 2)).clamp(min=1)


def fill(parts: Parts) -> Tensor:
    """How far the inside is from the background: mean of ΔE/40, at most 1; 0 for open lines."""
    return masked_mean((parts.distance / 40).clamp(max=1), parts.inside)


def glow(parts: Parts) -> Tensor:
    """The share that is nearly black (L* under 20) in a picture with something bright (over 60)."""
    light = parts.pixels[..., 0]
    lit = (light > 60).float().mean((1, 2)) > 0.005
    return (light < 20).float().mean((1, 2)) * lit


def spots(parts: Parts) -> Tensor:
    """How many spots lie on the object: 2 to 40 pixels with ΔE over 20 from its median colour."""
    counts = []
    for pixels, mask in zip(parts.pixels, shrink(parts.silhouette, 2), strict=True):
        middle = pixels[mask > 0].median(0).values if mask.any() else pixels[0, 0]
        odd = ((pixels - middle).norm(dim=-1) > 20).float() * mask
        sizes = torch.unique(components(odd[None]), return_counts=True)
        counts.append(int(((sizes[1] >= 2) & (sizes[1] <= 40) & (sizes[0] > 0)).sum()))
    return torch.tensor(counts, dtype=torch.float32)


def width(parts: Parts) -> Tensor:
    """log₂ of width over height of the object, from the second moments of its silhouette."""
    mask = parts.silhouette
    h, w = mask.shape[1:]
    xs, ys = torch.arange(w).view(1, 1, -1).float(), torch.arange(h).view(1, -1, 1).float()
    x, y = masked_mean(xs.expand_as(mask), mask), masked_mean(ys.expand_as(mask), mask)
    across = masked_mean((xs - x.view(-1, 1, 1)).square().expand_as(mask), mask)
    down = masked_mean((ys - y.view(-1, 1, 1)).square().expand_as(mask), mask)
    return 0.5 * torch.log2((across + 0.1) / (down + 0.1))


def character(parts: Parts) -> Tensor:
    """1 where the silhouette is the character's and shows its fur and its white in fair shares."""
    fur = (parts.pixels - lab(np.array(FUR))).norm(dim=-1) < 28
    white = (parts.pixels[..., 0] > 82) & (parts.pixels[..., 1:].norm(dim=-1) < 18)
    furry, pale = (masked_mean(part.float(), parts.silhouette) for part in (fur, white))
    shaped = torch.tensor([shape == CHARACTER for shape in shapes(parts)])
    return (shaped & (furry > 0.2) & (pale > 0.08)).float()


def as_batch(pictures: list[Image.Image]) -> NDArray[np.uint8]:
    return np.stack([np.asarray(picture.convert("RGB")) for picture in pictures])

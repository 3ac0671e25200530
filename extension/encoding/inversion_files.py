"""Textual inversions on disk and in LoRA files: which vectors they hold, and for which model.

Files as A1111 (`string_to_param`), diffusers (one tensor under the word) and kohya (`emb_params`;
`clip_l` and `clip_g` for SDXL) write them. Pickles are read as `weights_only`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from ..errors import FileError, LiveLoraError
from ..library import header
from ..library.walk import Stat, walk
from ..model.base_targets import name_of_width
from ..network.pickles import read_pickle
from ..network.tensor_file import Safetensors, Source
from ..prompt.words.chunks import LENGTH
from ..records import Component
from .inversions import WordVectors

SUFFIXES = (".safetensors", ".pt", ".bin")
XL: Mapping[str, Component] = {"clip_l": "text_encoder", "clip_g": "text_encoder_2"}
SINGLE = "string_to_param."
MOST_BYTES = 64 << 20  # 75 vectors of 2048 numbers are 600 kB


@dataclass(frozen=True, slots=True)
class InversionFile:
    """One file: its vectors by part ("" for a model with one encoder), or what is wrong with it."""

    name: str
    path: Path
    stat: Stat
    parts: Mapping[str, Tensor] = field(default_factory=dict)
    problem: str = ""

    @property
    def base(self) -> str:
        """ "SD1", "SD2", "SDXL", or "" where its width is none of theirs."""
        if set(self.parts) == set(XL):
            return "SDXL"
        widths = {int(part.shape[-1]) for part in self.parts.values()}
        return next(filter(None, map(name_of_width, widths)), "") if len(widths) == 1 else ""

    @property
    def count(self) -> int:
        """Vectors, which is how many tokens it takes."""
        return max((len(part) for part in self.parts.values()), default=0)

    def shorthash(self) -> str:
        """As the webui's infotext has it: the first 12 digits of the file's SHA-256."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()[:12]


class InversionLibrary:
    """Folders of embeddings. Of two files with one name, the first found counts."""

    def __init__(self, folders: Sequence[str | Path] = ()) -> None:
        self.folders = [Path(folder) for folder in folders]
        self.files: list[InversionFile] = []

    def scan(self) -> list[InversionFile]:
        """All files, by name; those that have not changed are not read again."""
        known = {(one.path, one.stat): one for one in self.files}
        found = [known.get(place) or _read(*place) for place in self._places()]
        self.files = sorted(found, key=lambda one: one.name.lower())
        return self.files

    def _places(self) -> Iterator[tuple[Path, Stat]]:
        seen: set[tuple[int, int]] = set()
        for root in self.folders:
            for folder in walk(root, SUFFIXES, lambda problem: None, seen):
                for name, stat in folder.files.items():
                    if stat.size:
                        yield folder.path / name, stat


def fitted(
    name: str, parts: Mapping[str, Tensor], widths: Mapping[Component, int], source: str = ""
) -> WordVectors | str:
    """The embedding for encoders of these widths, or why it does not fit them."""
    by_component: dict[Component, Tensor] = {}
    if set(parts) == set(XL):
        by_component = {XL[part]: vectors for part, vectors in parts.items()}
    elif len(parts) == 1 and len(widths) == 1:
        by_component = dict(zip(widths, parts.values(), strict=True))
    found = " + ".join(str(int(vectors.shape[-1])) for vectors in parts.values())
    own = {component: int(vectors.shape[-1]) for component, vectors in by_component.items()}
    if own != dict(widths):
        wanted = " + ".join(map(str, widths.values()))
        return f"its vectors are {found} numbers long, and this model's {wanted}"
    return WordVectors(name, by_component, source)


def parts_of_file(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """(n, width) by part. ValueError where they are no embedding's."""
    kept = {
        key: vectors if vectors.dim() == 2 else vectors.unsqueeze(0)
        for key, vectors in tensors.items()
        if vectors.is_floating_point() and vectors.dim() in (1, 2)
    }
    if set(XL) <= set(kept):
        found = {part: kept[part] for part in XL}
    else:
        single = {key: one for key, one in kept.items() if key.startswith(SINGLE)} or kept
        if len(single) != 1:
            raise ValueError(f"it holds {len(single)} embeddings in place of one")
        found = {"": next(iter(single.values()))}
    longest = max(len(part) for part in found.values())
    if not 0 < longest <= LENGTH:
        raise ValueError(f"it has {longest} vectors, and a chunk has room for {LENGTH}")
    return {part: vectors.detach().to(torch.float32) for part, vectors in found.items()}


def _read(path: Path, stat: Stat) -> InversionFile:
    """The file, whatever is in it."""
    try:
        if stat.size > MOST_BYTES:
            raise ValueError("it is far too large for one")
        source = _source(path)
        with source.open() as read:
            tensors = {key: read(key) for key in source.header.tensors}
        return InversionFile(path.stem, path, stat, parts_of_file(tensors))
    except ValueError as error:
        return InversionFile(path.stem, path, stat, problem=f"this is no embedding: {error}")
    except LiveLoraError as error:
        reason = error.reason if isinstance(error, FileError) else str(error)
        return InversionFile(path.stem, path, stat, problem=reason)


def _source(path: Path) -> Source:
    if path.suffix.lower() == ".safetensors":
        return Safetensors(path, header.read(path))
    return read_pickle(path, allowed=True)

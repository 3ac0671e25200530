"""A file as a network: dialect and algorithm of each module, and what cannot be used, with reasons.

Only the header is read here. Tensors come later, one module at a time, through `Network.open`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..errors import ModuleError
from ..library import header as headers
from ..library.header import Header
from ..library.lora_file import PICKLES
from ..records import Target, TargetKey
from . import not_a_lora
from .adapter_config import read_configs
from .base_model import Base, find_base
from .embeddings import Embedding as Embedding
from .grouping import Grouped, group
from .lora_module import Module as Module
from .lora_module import Unused as Unused
from .other_models import other_model
from .pickles import read_pickle
from .tensor_file import Read, Safetensors, Source


@dataclass(frozen=True, slots=True)
class Match:
    """A network on one model: which module changes which target, and what cannot, with reasons."""

    matched: tuple[tuple[Target, Module], ...]
    unmatched: tuple[Unused, ...]


@dataclass(frozen=True)
class Network:
    """One LoRA file, understood. `unused` are the keys that nothing can be done with, and why."""

    source: Source
    modules: tuple[Module, ...]
    unused: tuple[Unused, ...]
    embeddings: tuple[Embedding, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        """The file."""
        return self.source.path

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the file says of itself."""
        return self.source.header.metadata

    @property
    def formats(self) -> tuple[str, ...]:
        """The dialects of its keys, the most frequent first."""
        return _by_count(module.format for module in self.modules)

    @property
    def algorithms(self) -> tuple[str, ...]:
        """The names of its algorithms, the most frequent first."""
        return _by_count(module.algorithm.name for module in self.modules)

    @cached_property
    def base(self) -> Base:
        """The base model it was made for, and how that is known."""
        return find_base(self.modules, self.metadata)

    def match(self, targets: Mapping[TargetKey, Target]) -> Match:
        """Which modules change which of these targets; shapes are compared, no tensor is read."""
        matched, unmatched = [], []
        for module in self.modules:
            try:
                matched.append((module.on(targets), module))
            except ModuleError as error:
                unmatched.append(Unused.because(module.prefix, error))
        return Match(tuple(matched), tuple(unmatched))

    @property
    def stamp(self) -> tuple[int, int] | None:
        """Size and mtime in ns of the file that its header is of, where they are known."""
        return self.source.header.stamp

    def open(self) -> AbstractContextManager[Read]:
        """Gives `read`, for `Module.build`; FileError when the file cannot be read any more."""
        return self.source.open()


def load(path: str | Path, *, header: Header | None = None, allow_pickle: bool = False) -> Network:
    """The file as a network; `header` where it is known already.

    Raises FileError when the file cannot be read, NotALora when it is something else.
    """
    source = _source(Path(path), header, allow_pickle)
    header = source.header
    not_a_lora.demand_size(source.path, len(header.tensors))
    configs = read_configs(source.path, header.metadata)
    grouped = group(header, configs)
    _demand_lora(source, grouped, configs.peft_type)
    problems = (*configs.problems, *grouped.readings)
    return Network(source, grouped.modules, grouped.unused, grouped.embeddings, problems)


def _demand_lora(source: Source, grouped: Grouped, peft_type: str) -> None:
    """NotALora unless something in it is for Stable Diffusion, usable or broken."""
    shapes = {key: info.shape for key, info in source.header.tensors.items()}
    metadata = source.header.metadata
    if not_a_lora.is_decisive(shapes):
        raise not_a_lora.refusal(source.path, shapes, metadata)
    if "unet" in grouped.components:
        return
    known = grouped.components or grouped.embeddings
    strange = {item.key: shapes[item.key] for item in grouped.unused}
    if not known or other_model(strange, metadata):
        raise not_a_lora.refusal(source.path, shapes, metadata, peft_type)


def _source(path: Path, header: Header | None, allow_pickle: bool) -> Source:
    if path.suffix.lower() in PICKLES:
        return read_pickle(path, allowed=allow_pickle)
    return Safetensors(path, header or headers.read(path))


def _by_count(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for name, _ in Counter(names).most_common())

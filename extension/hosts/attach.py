"""`attach`: finds the host that fits a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, overload

from torch import nn

from .. import hosts as parent
from ..discovery import import_all
from ..engine.choice import Executor
from ..library.catalog import Catalog
from ..network.glance import glance
from ..prompt.bound import bound_of
from ..session.cache import ProgressCallback
from ..session.session import Options, base_name
from .diffusers import PipelineLive
from .modules import Live

Library = str | Path | Sequence[str | Path] | Catalog
DEFAULTS = Options()


@overload
def attach(
    model: Mapping[str, nn.Module],
    library: Library = ...,
    *,
    strict: bool = ...,
    allow_pickle: bool = ...,
    cache_bytes: int = ...,
    watch: ProgressCallback = ...,
    executor: Executor = ...,
    embeddings: str | Path | Sequence[str | Path] = ...,
    masks: str | Path | Sequence[str | Path] = ...,
    cap: str = ...,
) -> Live: ...


@overload
def attach(
    model: Any,
    library: Library = ...,
    *,
    strict: bool = ...,
    allow_pickle: bool = ...,
    cache_bytes: int = ...,
    watch: ProgressCallback = ...,
    executor: Executor = ...,
    embeddings: str | Path | Sequence[str | Path] = ...,
    masks: str | Path | Sequence[str | Path] = ...,
    cap: str = ...,
) -> PipelineLive: ...


def attach(
    model: Any,
    library: Library = "models/Lora",
    *,
    strict: bool = DEFAULTS.strict,
    allow_pickle: bool = DEFAULTS.allow_pickle,
    cache_bytes: int = DEFAULTS.cache_bytes,
    watch: ProgressCallback = DEFAULTS.watch,
    executor: Executor = DEFAULTS.executor,
    embeddings: str | Path | Sequence[str | Path] = (),
    masks: str | Path | Sequence[str | Path] = (),
    cap: str = "",
) -> Live:
    """Makes LoRAs of `library` available to a model; nothing of the model changes until a run.

    Args:
        model: a diffusers pipeline, or modules by name: `unet`, `text_encoder`, `text_encoder_2`.
        library: the folder, or folders, of LoRA files, or a Catalog.
        strict: raise StrictError instead of going on without what failed.
        allow_pickle: read pickles (.pt, .pth, .ckpt, .bin) too.
        cache_bytes: bytes of deltas kept for networks that are not in use.
        watch: called with (file, modules done, modules in all) while a file is made ready.
        executor: "hooked" (added to each layer's output), "folded" (the changed weight in memory of
            our own in the layer's place during a run), or "automatic": what costs less.
        embeddings: the folder, or folders, of textual inversions, for the words of a pipeline.
        masks: the folder, or folders, of the pictures that `mask=` names.
        cap: a bound for all LoRAs of a picture together, as `cap=` has it ("0.8"). ValueError.
    Raises:
        TypeError: `model` is neither.
    """
    options = Options(strict, allow_pickle, cache_bytes, watch, executor, cap=bound_of(cap))
    options = replace(options, embeddings=_listed(embeddings), masks=_listed(masks))
    catalog = library if isinstance(library, Catalog) else open_library(library, options)
    for host in every_host():
        if host.accepts(model):
            return host(model, catalog, options)
    raise TypeError(
        f"cannot attach to {type(model).__name__}: give a diffusers pipeline, or a dict of modules "
        "with keys unet, text_encoder, text_encoder_2"
    )


def open_library(
    library: str | Path | Sequence[str | Path],
    options: Options,
    cache: Path | None = None,
    data: Path | None = None,
) -> Catalog:
    """The catalog of one or several folders, walked once; what it learns is kept in `cache`, how
    often files are drawn with in `data`."""
    folders = _listed(library)
    catalog = Catalog(
        folders,
        allow_pickle=options.allow_pickle,
        cache=cache,
        guess=base_name,
        glance=glance,
        data=data,
    )
    catalog.scan()
    return catalog


def _listed(folders: str | Path | Sequence[str | Path]) -> list[str | Path]:
    return [folders] if isinstance(folders, (str, Path)) else list(folders)


def every_host() -> list[type[Live]]:
    """Every host of this folder that attaches to an object, the more particular ones first."""
    import_all(parent.__name__, parent.__path__)
    return [*_below(Live), Live]


def _below(host: type[Live]) -> list[type[Live]]:
    return [found for sub in host.__subclasses__() for found in (*_below(sub), sub)]


__all__ = ["attach", "every_host", "open_library"]

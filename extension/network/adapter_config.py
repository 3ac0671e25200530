"""PEFT's configuration of a file: what its tensors do not carry, such as rank and alpha.

diffusers writes it into the metadata (`lora_adapter_metadata`, keys such as `unet.lora_alpha`;
`_maybe_populate…`, 0.35 and later); PEFT writes `adapter_config.json` beside the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..algorithms import Settings
from ..library.lora_file import MODELS, PICKLES
from ..records import COMPONENTS, Component
from . import base_changing
from .writer import PEFT, writer_of

METADATA_KEY = "lora_adapter_metadata"
SIDECAR = "adapter_config.json"
LONGEST = 1 << 20  # bytes; real ones have about 1,000
Config = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Configs:
    """The configurations of one file by component; `problems` says what could not be read.

    `writer` is the program that made the file, where it says so.
    """

    by_component: Mapping[str, Config] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    writer: str = ""

    def settings(self, component: Component, module: str, dialect: str) -> Settings:
        """What is known of a module besides its tensors; `module` is its part of the file's key.

        Raises ModuleError where the training changed the base model as well.
        """
        config = self.by_component.get(component)
        if not config:
            return _bare_settings(dialect, self.writer)
        base_changing.refuse(config)
        alpha = _number(config.get("lora_alpha", config.get("alpha")))
        own_alpha = _pattern(config.get("alpha_pattern"), module)
        own_rank = _pattern(config.get("rank_pattern"), module)
        return Settings(
            alpha=alpha if own_alpha is None else own_alpha,
            rslora=config.get("use_rslora") is True,
            trained_rank=_number(config.get("r")) if own_rank is None else own_rank,
            scales_input=_is_among(config.get("feedforward_modules"), module),
            config=config,
            format=dialect,
            writer=self.writer,
        )

    @property
    def peft_type(self) -> str:
        """PEFT's name of the algorithm, in capitals; empty where no configuration says."""
        said = (config.get("peft_type") for config in self.by_component.values())
        return next((str(name).upper() for name in said if isinstance(name, str)), "")


@lru_cache(maxsize=64)
def _bare_settings(dialect: str, writer: str) -> Settings:
    return Settings(format=dialect, writer=writer)


def read_configs(path: Path, metadata: Mapping[str, str]) -> Configs:
    """From the metadata; where that has none, from the file beside it that belongs to it."""
    writer = writer_of(metadata)
    text = metadata.get(METADATA_KEY)
    if text is not None:
        return _from_metadata(text, writer or PEFT)
    sidecar = path.with_name(SIDECAR)
    if (
        not writer
        and sidecar.is_file()
        and (path.stem.startswith("adapter_model") or _is_alone(path))
    ):
        return _from_sidecar(sidecar)
    return Configs(writer=writer)


def _is_alone(path: Path) -> bool:
    """Is it the only model in its folder? Then PEFT's file beside it can only be about it."""
    models = (other for other in path.parent.iterdir() if other.suffix.lower() in MODELS + PICKLES)
    return all(other.name == path.name for other in models)


def _from_metadata(text: str, writer: str) -> Configs:
    found = _object(text)
    if found is None:
        return Configs(problems=(f"its metadata {METADATA_KEY} is not valid JSON",))
    components: dict[str, dict[str, Any]] = {}
    for key, value in found.items():
        component, _, name = key.partition(".")
        if component in COMPONENTS and name:
            components.setdefault(component, {})[name] = value
    return Configs(components, writer=writer)


def _from_sidecar(path: Path) -> Configs:
    try:
        with path.open("rb") as file:
            text = file.read(LONGEST).decode("utf-8")
    except (OSError, ValueError) as error:
        return Configs(problems=(f"{SIDECAR} beside it cannot be read ({error})",))
    found = _object(text)
    if found is None:
        return Configs(problems=(f"{SIDECAR} beside it is not valid JSON",))
    return Configs(dict.fromkeys(COMPONENTS, found), writer=PEFT)


def _object(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and value is not True else None


def _pattern(patterns: object, module: str) -> float | None:
    """The value of the first pattern that fits the end of the module's path, as in PEFT."""
    if not isinstance(patterns, Mapping):
        return None
    found = next((pattern for pattern in patterns if _fits(str(pattern), module)), None)
    return None if found is None else _number(patterns[found])


def _is_among(names: object, module: str) -> bool | None:
    """Is the module one of these, by PEFT's rule? None where there is no list."""
    if isinstance(names, str):
        return _fits(names, module)
    if not isinstance(names, Iterable):
        return None
    return any(module.endswith(str(name)) for name in names)


def _fits(pattern: str, module: str) -> bool:
    """PEFT's patterns are regular expressions; those of a file are not run, only `.*` is heeded."""
    words = module.split(".")
    ends = {".".join(words[place:]) for place in range(len(words))}
    if pattern in ends:
        return True
    if not any(sign in pattern for sign in ("*", "\\", "^")):
        return False
    plain = pattern.removeprefix("^").removesuffix("$").replace("\\.", ".").replace(".*", "*")
    return any(fnmatchcase(end, plain) for end in ends)

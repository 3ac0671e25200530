"""What can go wrong, as exceptions that carry their facts and the next step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class LiveLoraError(Exception):
    """Everything Live LoRA raises on purpose; `str()` is a sentence for the user."""


class ResolveError(LiveLoraError):
    """A name in a prompt does not lead to one file."""

    def __init__(self, message: str, name: str) -> None:
        super().__init__(message)
        self.name = name


class UnknownName(ResolveError):
    """No file has this name; `nearest` are the names that look most like it."""

    def __init__(self, name: str, nearest: Sequence[str] = (), note: str = "") -> None:
        hint = f"; did you mean {' or '.join(map(repr, nearest))}?" if nearest else ""
        super().__init__(f"no LoRA is named {name!r}{hint}{note and ' ' + note}", name)
        self.nearest = tuple(nearest)


class AmbiguousName(ResolveError):
    """Several files answer to this name; `candidates` are names that tell them apart."""

    def __init__(self, name: str, candidates: Sequence[str]) -> None:
        listed = ", ".join(map(repr, candidates))
        super().__init__(
            f"{name!r} is the name of {len(candidates)} files: write one of {listed}", name
        )
        self.candidates = tuple(candidates)


class FileError(LiveLoraError):
    """A file cannot be read as a LoRA; nothing of it is used."""

    def __init__(self, path: str | Path, reason: str) -> None:
        super().__init__(f"{Path(path).name}: {reason}")
        self.path = Path(path)
        self.reason = reason


class NotALora(FileError):
    """The file is sound but something else: a checkpoint, a textual inversion, Flux's, …"""

    def __init__(self, path: str | Path, what: str, reason: str | None = None) -> None:
        super().__init__(path, reason or f"this is {what}, not a LoRA for Stable Diffusion")
        self.what = what


class ModuleError(LiveLoraError):
    """One module of a file cannot be used; the rest of the file is."""


class StateError(LiveLoraError):
    """A call that does not fit the present state, such as a second open run on one attach."""

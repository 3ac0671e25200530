"""What can go wrong, as exceptions that carry their facts and the next step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

# Why something is refused, for statistics and translations: every reason has one of these.
Code = Literal[
    # A name in a prompt
    "unknown-name",  # no file is called so
    "ambiguous-name",  # several files are
    "hash",  # the hash written beside the name is none, or another file's
    # A file
    "gone",  # it is not there (any more)
    "unreadable",  # the disk, its permissions or its kind do not let it be read
    "changed",  # it was overwritten or cut while it was in use
    "damaged",  # its bytes break the rules of its format, or end too soon
    "pickle",  # a pickle, where these are not allowed or cannot be opened safely
    "other-file",  # something else than a LoRA: a checkpoint, a web page, …
    "other-model",  # made for a model that this program does not run: Flux, …
    "other-algorithm",  # an adapter by an algorithm that is not read here: VeRA, HRA, …
    "preview",  # its picture cannot be shown
    "sidecar",  # the file about it cannot be written
    "place",  # it cannot be stored, moved or named so
    "other-base",  # made for another base model than the one at hand
    # A request to another site
    "offline",  # the network is switched off
    "settings",  # the site or the key is not set as it must be
    "address",  # an answer leads where no request may go
    "no-answer",  # the site cannot be reached, is too slow, or says that it is busy
    "refused",  # it wants a key, or a payment, or shows this to nobody
    "nonsense",  # its answer is not what was asked for
    "not-there",  # it does not know what was asked for
    # A key of a file
    "unknown-key",  # its ending is no tensor of an algorithm known here
    "unknown-layer",  # it names no layer of Stable Diffusion known here
    "embedding",  # a bundled textual inversion that cannot be used
    # A module, without a look at the model
    "duplicate",  # another has the same purpose, or is for the same layer
    "incomplete",  # tensors of the algorithm are missing
    "ambiguous",  # its tensors can be read in two ways
    "form",  # a tensor does not have the dimensions that the algorithm gives it
    "rank",  # its factors do not fit each other
    "dtype",  # a tensor holds numbers of a kind that weights are not
    "alpha",  # its alpha gives no scale
    "nonfinite",  # it holds NaN or infinite values
    "too-large",  # its values are so large that the file must be damaged
    "fused",  # it is for q, k and v in one, and cannot be divided
    "changed-base",  # it is for a base model that its training changed (PiSSA, OLoRA, …)
    # A module on a model
    "no-layer",  # the model has no such layer
    "kind",  # the layer is of a kind that the algorithm does not change
    "shape",  # the layer's weight has another shape
    "base-weights",  # it needs the layer's own values, which the host does not give
    # A module in a run
    "compiled",  # the host runs a graph in which our hooks have no place
    "bypassed",  # the host called the model, and not this layer
    # Anything
    "internal",  # an error nobody foresaw: its traceback is in the log
]


class LiveLoraError(Exception):
    """Everything Live LoRA raises on purpose; `str()` is a sentence for the user."""

    code: Code | None = None


class ResolveError(LiveLoraError):
    """A name in a prompt does not lead to one file."""

    def __init__(self, code: Code, message: str, name: str) -> None:
        super().__init__(message)
        self.code = code
        self.name = name


class UnknownName(ResolveError):
    """No file has this name; `nearest` are the names that look most like it."""

    def __init__(self, name: str, nearest: Sequence[str] = (), note: str = "") -> None:
        hint = f"; did you mean {' or '.join(map(repr, nearest))}?" if nearest else ""
        message = f"no LoRA is named {name!r}{hint}{note and ' ' + note}"
        super().__init__("unknown-name", message, name)
        self.nearest = tuple(nearest)


class AmbiguousName(ResolveError):
    """Several files answer to this name; `candidates` are names that tell them apart."""

    def __init__(self, name: str, candidates: Sequence[str]) -> None:
        listed = ", ".join(map(repr, candidates))
        message = f"{name!r} is the name of {len(candidates)} files: write one of {listed}"
        super().__init__("ambiguous-name", message, name)
        self.candidates = tuple(candidates)


class FileError(LiveLoraError):
    """A file cannot be read as a LoRA; nothing of it is used."""

    def __init__(self, code: Code, path: str | Path, reason: str) -> None:
        super().__init__(f"{Path(path).name}: {reason}")
        self.code = code
        self.path = Path(path)
        self.reason = reason


class NotALora(FileError):
    """The file is sound but something else: a checkpoint, a textual inversion, Flux's, …

    `what` says what it is; `model` is the other model where it is a LoRA for one. `algorithm` is
    true of adapters for Stable Diffusion by an algorithm that is not read.
    """

    def __init__(
        self, path: str | Path, what: str, model: str | None = None, *, algorithm: bool = False
    ) -> None:
        code: Code = "other-model" if model else "other-algorithm" if algorithm else "other-file"
        rest = "which is not read here" if algorithm else "not a LoRA for Stable Diffusion"
        super().__init__(code, path, f"this is {what}, {rest}")
        self.what = what
        self.model = model


class OnlineError(LiveLoraError):
    """Another site was not asked, or did not answer as it should; nothing here has changed.

    `wait` is in how many seconds it may be asked again, where the site said so.
    """

    def __init__(self, code: Code, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.code: Code | None = code
        self.wait = wait


class ModuleError(LiveLoraError):
    """One module of a file cannot be used; the rest of the file is."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.code: Code = code


class StateError(LiveLoraError):
    """A call that does not fit the present state, such as a second open run on one attach."""


class InternalError(LiveLoraError):
    """Something nobody foresaw went wrong with one file; all others go on.

    `__cause__` is what was raised, and its traceback is logged.
    """

    code: Code | None = "internal"

    def __init__(self, error: Exception) -> None:
        super().__init__(
            f"an error in Live LoRA itself ({type(error).__name__}: {error}); the traceback is in "
            "the console, please report it"
        )
        self.__cause__ = error

"""All about one file: what it is, what of it can be used on which base model, and why not.

The dict of `inspect` (schema 1; everything in it is JSON):

    schema      1
    file, path  name and place; size: bytes, or None
    usable      "yes", "partly" or "no"; "unknown" where no base model known here fits
    error       why nothing of it can be used, or None
    code        the kind of that reason (errors.Code), or None
    problems    sentences about what is lost or odd
    kind        "LoRA", or what else it is
    base        SD1, SD2, SDXL, SDXL refiner, another model's name or Unknown
    base_how    how that is known
    against     the base model it was matched to (sd15, sdxl, …), or None
    formats     the dialects of its keys, the most frequent first
    algorithms  their names, the most frequent first
    parts       [{component, format, algorithm, modules, ranks: {r: n}, alphas: {α: n}}]
    precision   {dtype: tensors}
    counts      {keys, modules, matched, unmatched, nonfinite, embeddings}
    matched     [{key, target, component, algorithm, rank, alpha}]: `key` is the file's name of a
                module, `target` its layer in diffusers' names (`unet.…`, `text_encoder.…`)
    unmatched   [{key, code, reason}]: modules, and single keys of the file, that do nothing
    nonfinite   [{key, values}]: tensors with NaN or Inf
    embeddings  [{name, parts: {part: shape}}]
    hashes      computed: {tensors, file, legacy, autov2, autov3}; None when the file is not there
    claims      what the file says of its own hashes: [{name, value, true}]
    metadata    as the file has it
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from .. import network
from ..errors import FileError, NotALora
from ..library import hashes
from ..library import header as headers
from ..model.base_targets import base_named
from .contents import Facts, facts_of_network
from .describe import describe as describe

SCHEMA = 1
STATUS = {"yes": 0, "partly": 1, "unknown": 1, "no": 2}
LISTS = (
    "problems",
    "formats",
    "algorithms",
    "parts",
    "matched",
    "unmatched",
    "nonfinite",
    "embeddings",
    "claims",
)
CLAIMS = ("sshs_model_hash", "sshs_legacy_hash", "modelspec.hash_sha256")


def inspect(path: str | Path, base: str | None = None, *, allow_pickle: bool = False) -> Facts:
    """The facts listed above. `base` is the base model to match; without it the file's own.

    A file that cannot be read, or is no LoRA, gives facts as well, with `error`. Raises ValueError
    for a base model that is not known.
    """
    path = Path(path)
    against = None if base is None else base_named(base)
    facts = _empty(path) | {"against": against}
    try:
        facts |= _of_file(path)
        found = network.load(path, allow_pickle=allow_pickle)
        facts |= facts_of_network(found, against)
    except NotALora as error:
        facts |= {"error": str(error), "code": error.code, "kind": error.what}
        if error.model:
            facts |= {"base": error.model, "base_how": "its keys or metadata"}
    except FileError as error:
        facts |= {"error": str(error), "code": error.code}
    return facts


def exit_status(facts: Facts) -> int:
    """0 usable, 1 partly or on no base model known here, 2 not."""
    return STATUS[facts["usable"]]


def _empty(path: Path) -> Facts:
    lists: Facts = {name: [] for name in LISTS}
    return lists | {
        "schema": SCHEMA,
        "file": path.name,
        "path": str(path),
        "size": None,
        "usable": "no",
        "error": None,
        "code": None,
        "kind": "unknown",
        "base": "Unknown",
        "base_how": "",
        "against": None,
        "precision": {},
        "counts": {},
        "hashes": None,
        "metadata": {},
    }


def _of_file(path: Path) -> Facts:
    """What can be said of any file, and of any .safetensors. FileError."""
    found = hashes.hash_file(path)
    assert found is not None
    facts: Facts = {
        "size": path.stat().st_size,
        "hashes": {
            "tensors": found.tensors,
            "file": found.file,
            "legacy": found.legacy[:8],
            "autov2": found.file[:10],
            "autov3": found.tensors[:12],
        },
    }
    if path.suffix.lower() != ".safetensors":
        return facts
    header = headers.read(path)
    precision = Counter(info.dtype for info in header.tensors.values())
    return facts | {
        "precision": dict(precision.most_common()),
        "metadata": dict(header.metadata),
        "claims": _claims(header.metadata, found),
    }


def _claims(metadata: Mapping[str, str], found: hashes.Hashes) -> list[Facts]:
    """What the file says its hashes are: A1111 trusts `sshs_model_hash`.

    LyCORIS 3 and later write a number of their own there (`0x…`), which claims nothing.
    """
    claimed = {name: metadata[name] for name in CLAIMS if name in metadata}
    claimed = {name: value for name, value in claimed.items() if not value.startswith("0x")}
    return [{"name": n, "value": v, "true": found.match(v)} for n, v in claimed.items()]

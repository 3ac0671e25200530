"""Textual inversions bundled into a LoRA file, handed on to the host.

`bundle_emb.{name}.string_to_param.*` and `.emb_params` (LyCORIS' pack_bundle), `.clip_l` and
`.clip_g` (OneTrainer); a bare `<token>` with the metadata `<embed>` (cloneofsimo).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from ..records import Shape
from .tensor_file import Read

PREFIX = "bundle_emb."
LONGEST = 128  # characters of a name; OneTrainer's placeholders have up to 40
WIDEST = 1 << 14  # of a vector; CLIP's have 768 to 1280
_KEY = re.compile(r"bundle_emb\.(.+)\.(string_to_param\.\*|emb_params|clip_l|clip_g)", re.DOTALL)
_OUTPUT = re.compile(r".+\.clip_[lg]_out", re.DOTALL)
_UNFIT = re.compile(r"[\x00-\x1f\x7f/\\:*?\"|]|^\.+$")


@dataclass(frozen=True, slots=True)
class Embedding:
    """One textual inversion: the file's key of each part.

    Parts are `string_to_param.*` and `emb_params` (n, width) for the only text encoder, `clip_l`
    and `clip_g` for SDXL's two.
    """

    name: str
    keys: Mapping[str, str]

    def vectors(self, read: Read) -> dict[str, Tensor]:
        """(n, width) of each part; `read` comes from `Network.open`."""
        return {part: read(key) for part, key in self.keys.items()}


def find_part(key: str, shape: Shape, metadata: Mapping[str, str]) -> tuple[str, str] | str | None:
    """(name, part) of a bundled embedding's key, or why it is unusable; None for any other key."""
    if metadata.get(key) == "<embed>":
        name, part = key, "emb_params"
    elif not key.startswith(PREFIX):
        return None
    elif match := _KEY.fullmatch(key):
        name, part = match[1], match[2]
    elif _OUTPUT.fullmatch(key):
        return (
            "OneTrainer's output embedding, added behind the text encoder, which is not read here"
        )
    else:
        return "a bundled embedding of an unknown kind"
    if len(name) > LONGEST or _UNFIT.search(name):
        return "a bundled embedding whose name could not be a file's name"
    if len(shape) not in (1, 2) or not 0 < shape[-1] <= WIDEST or not shape[0]:
        return f"a bundled embedding with vectors of shape {list(shape)[:4]}"
    return name, part

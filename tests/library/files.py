"""Made-up LoRA files for the tests of the library."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path


def lora(
    path: Path, *, alias: str | None = None, data: bytes = b"tensors.", **metadata: str
) -> Path:
    """A sound safetensors file at `path` with one tensor, made of `data`."""
    if alias is not None:
        metadata["ss_output_name"] = alias
    content: dict[str, object] = {"__metadata__": metadata} if metadata else {}
    content["a"] = {"dtype": "U8", "shape": [len(data)], "data_offsets": [0, len(data)]}
    return raw(path, content, data)


def raw(path: Path, content: Mapping[str, object], data: bytes) -> Path:
    """A file with this header, whatever it says."""
    head = json.dumps(content).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(head)) + head + data)
    return path

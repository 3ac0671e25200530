"""The shapes of the models that a single-file checkpoint can hold, without a network.

A checkpoint file has tensors only; diffusers looks up what model they belong to on a server unless
it is given a folder of configs. Ours lie in `data/configs`, one JSON file a family, and CLIP's
tokenizer (MIT, OpenAI) in `data/clip`.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

DATA = Path(__file__).parent / "data"
SPECIAL = ("<|startoftext|>", "<|endoftext|>")
NAMES = {
    "unet": "config.json",
    "vae": "config.json",
    "text_encoder": "config.json",
    "text_encoder_2": "config.json",
    "tokenizer": "tokenizer_config.json",
    "tokenizer_2": "tokenizer_config.json",
    "scheduler": "scheduler_config.json",
}

Config = Mapping[str, Any]


def read(family: str) -> dict[str, Any]:
    """The configs of "sd15", "sd21" or "sdxl", by component."""
    text = (DATA / "configs" / f"{family}.json").read_text(encoding="utf-8")
    config: dict[str, Any] = json.loads(text)
    return config


@contextmanager
def folder(config: Config) -> Iterator[Path]:
    """A diffusers folder of these configs, without weights, for as long as the `with` lasts."""
    with TemporaryDirectory(prefix="live-lora-") as name:
        root = Path(name)
        for component, values in config.items():
            if component == "model_index":
                write(root / "model_index.json", values)
                continue
            write(root / component / NAMES[component], values)
            if component.startswith("tokenizer"):
                write_clip_tokenizer(root / component)
        yield root


def write_clip_tokenizer(place: Path) -> None:
    """CLIP's `merges.txt` and the `vocab.json` that follows from it."""
    merges = clip_merges()
    place.mkdir(parents=True, exist_ok=True)
    text = "\n".join(("#version: 0.2", *merges, ""))
    (place / "merges.txt").write_text(text, encoding="utf-8")
    write(place / "vocab.json", vocabulary(merges))


def clip_merges() -> list[str]:
    """The 48,894 byte-pair merges of CLIP, in order."""
    return gzip.decompress((DATA / "clip" / "merges.txt.gz").read_bytes()).decode().split("\n")


def vocabulary(merges: list[str]) -> dict[str, int]:
    """Ids by token: bytes, bytes that end a word, each merge's result, the two special tokens."""
    letters = byte_letters()
    joined = (merge.replace(" ", "") for merge in merges)
    tokens = (*letters, *(letter + "</w>" for letter in letters), *joined, *SPECIAL)
    return {token: index for index, token in enumerate(tokens)}


def byte_letters() -> list[str]:
    """One visible letter per byte: itself where visible, else one from 256 on (GPT-2's BPE)."""
    ranges = (("!", "~"), ("¡", "¬"), ("®", "ÿ"))
    visible = [byte for first, last in ranges for byte in range(ord(first), ord(last) + 1)]
    hidden = sorted(set(range(256)) - set(visible))
    return [chr(byte) for byte in visible] + [chr(256 + index) for index in range(len(hidden))]


def write(path: Path, values: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values), encoding="utf-8")

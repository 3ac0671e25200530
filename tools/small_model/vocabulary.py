"""A byte-level BPE vocabulary learned from the captions, in the files of CLIP's tokenizer."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from transformers import CLIPTokenizer

WORDS = re.compile(r"[a-z]+|[0-9]|[^\sa-z0-9]+")
START, END = "<|startoftext|>", "<|endoftext|>"
FILES = ("vocab.json", "merges.txt", "special_tokens_map.json")  # those of CLIP's tokenizer
Pair = tuple[str, str]


def byte_symbols() -> dict[int, str]:
    """GPT-2's printable character for each byte: itself where printable, else from 256 upwards."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return {b: chr(b) for b in printable} | {b: chr(256 + i) for i, b in enumerate(others)}


def spell(word: str, symbols: dict[int, str]) -> tuple[str, ...]:
    letters = [symbols[byte] for byte in word.encode()]
    return (*letters[:-1], letters[-1] + "</w>")


def merged(pieces: tuple[str, ...], pair: Pair) -> tuple[str, ...]:
    out: list[str] = []
    for piece in pieces:
        if out and (out[-1], piece) == pair:
            out[-1] += piece
        else:
            out.append(piece)
    return tuple(out)


def learn(captions: Iterable[str], limit: int = 2000) -> tuple[dict[str, int], list[Pair]]:
    """Sennrich et al. 2016: join the commonest pair until words are whole or `limit` is met."""
    symbols = byte_symbols()
    counts = Counter(word for text in captions for word in WORDS.findall(text.lower()))
    words = {word: spell(word, symbols) for word in counts}
    tokens = [*symbols.values(), *(symbol + "</w>" for symbol in symbols.values())]
    merges: list[Pair] = []
    while len(tokens) + 2 < limit:
        pairs: Counter[Pair] = Counter()
        for word, pieces in words.items():
            for pair in pairwise(pieces):
                pairs[pair] += counts[word]
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        tokens += ["".join(best)] if "".join(best) not in tokens else []
        words = {word: merged(pieces, best) for word, pieces in words.items()}
    return {token: i for i, token in enumerate([*tokens, START, END])}, merges


def save(folder: Path, vocabulary: dict[str, int], merges: list[Pair]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), "utf-8")
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", "utf-8")
    special = {"bos_token": START, "eos_token": END, "unk_token": END, "pad_token": END}
    (folder / "special_tokens_map.json").write_text(json.dumps(special, indent=1))
    config = {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": 77,
        "do_lower_case": True,
        **special,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1))


def load(folder: Path) -> CLIPTokenizer:
    return CLIPTokenizer.from_pretrained(str(folder))

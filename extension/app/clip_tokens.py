"""CLIP's tokens without a model: all that counting the words of a prompt takes."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from ..prompt.words.chunks import Chunking
from . import configs


@cache
def clip_chunking() -> Chunking | None:
    """How SD 1.x, 2.x and SDXL divide a text; None where the package `tokenizers` is not there.

    Not transformers' own class: its import takes seconds.
    """
    try:
        tokenizers = import_module("tokenizers")
    except ImportError:
        return None
    merges = configs.clip_merges()
    words = configs.vocabulary(merges)
    pairs = [(first, second) for first, second in (merge.split(" ") for merge in merges)]
    tokenizer = tokenizers.Tokenizer(
        tokenizers.models.BPE(words, pairs, end_of_word_suffix="</w>", unk_token=configs.SPECIAL[1])
    )
    normal, pre = tokenizers.normalizers, tokenizers.pre_tokenizers
    tokenizer.normalizer = normal.Sequence(
        [normal.NFC(), normal.Replace(tokenizers.Regex(r"\s+"), " "), normal.Lowercase()]
    )
    pattern = tokenizers.Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+")
    split = pre.Split(pattern, behavior="removed", invert=True)
    tokenizer.pre_tokenizer = pre.Sequence([split, pre.ByteLevel(add_prefix_space=False)])

    def tokenize(texts: list[str]) -> list[list[int]]:
        return [found.ids for found in tokenizer.encode_batch(texts)]

    return Chunking(tokenize, words[",</w>"])

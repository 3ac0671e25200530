"""The shipped configs are those of the real models, and the tokenizer is CLIP's."""

from __future__ import annotations

import json

import pytest
from live_lora.app import configs
from transformers import CLIPTokenizer

# What OpenAI's own tokenizer gives, without start and end.
KNOWN = {
    "a photo of an astronaut riding a horse": [320, 1125, 539, 550, 18376, 6765, 320, 4558],
    "": [],
    "It's 2 cats.": [585, 568, 273, 3989, 269],
}


@pytest.fixture(scope="module")
def tokenizers() -> dict[str, CLIPTokenizer]:
    with configs.folder(configs.read("sdxl")) as folder:
        names = ("tokenizer", "tokenizer_2")
        return {name: CLIPTokenizer.from_pretrained(folder / name) for name in names}


@pytest.mark.parametrize(("text", "ids"), KNOWN.items())
def test_clips_ids(tokenizers: dict[str, CLIPTokenizer], text: str, ids: list[int]) -> None:
    for tokenizer in tokenizers.values():
        assert tokenizer(text).input_ids == [49406, *ids, 49407]


def test_padding_is_the_models_own(tokenizers: dict[str, CLIPTokenizer]) -> None:
    def last(name: str) -> int:
        return tokenizers[name]("a", padding="max_length", max_length=77).input_ids[-1]

    assert last("tokenizer") == 49407
    assert last("tokenizer_2") == 0  # OpenCLIP pads with "!"


def test_vocabulary_is_whole() -> None:
    vocabulary = configs.vocabulary(configs.clip_merges())
    assert len(vocabulary) == 49408
    assert vocabulary["<|startoftext|>"] == 49406


@pytest.mark.parametrize("family", ["sd15", "sd21", "sdxl"])
def test_folder_has_what_the_index_names(family: str) -> None:
    with configs.folder(configs.read(family)) as folder:
        index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
        named = {part for part, home in index.items() if isinstance(home, list) and home[0]}
        assert {item.name for item in folder.iterdir() if item.is_dir()} == named
    assert not folder.exists()

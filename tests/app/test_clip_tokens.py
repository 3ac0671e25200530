"""Counting without transformers gives its tokens."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from live_lora.app import configs
from live_lora.app.clip_tokens import clip_chunking
from live_lora.app.explaining import explain
from live_lora.prompt.words.word_lines import most_tokens
from transformers import CLIPTokenizer

CHUNKING = clip_chunking()
TEXTS = [
    "a red fox, (in the:1.2) snow",
    "don't e.g. 3.14 #tag @you 100% a_b a-b a/b",
    "Ünïcödé 狐 красная лиса 🦊 ½ \t x",
]


def test_tokens_are_clips(tmp_path: Path) -> None:
    configs.write_clip_tokenizer(tmp_path)
    theirs = CLIPTokenizer.from_pretrained(tmp_path)
    assert CHUNKING is not None
    assert CHUNKING.comma == theirs.convert_tokens_to_ids(",</w>")
    for text in TEXTS:
        (ours,) = CHUNKING.tokenize([text])
        assert ours == theirs(text, add_special_tokens=False).input_ids


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=60))
def test_any_text_is_counted(text: str) -> None:
    explained = explain(text, 4, chunking=CHUNKING)
    count, room = most_tokens(explained.words)
    assert 0 <= count <= room
    assert list(explained.lines())


def test_an_explanation_shows_chunks_emphasis_and_schedules() -> None:
    text = "a (red:1.3) [fox:owl:0.5] BREAK hat <lora:x:1> AND sea :0.7"
    explained = explain(text, 10, chunking=CHUNKING)
    shown = "\n".join(explained.lines())
    assert "part 1, weight 1" in shown
    assert "steps 1–6  'a (red:1.3) fox BREAK hat" in shown
    assert "steps 7–10" in shown
    assert "chunks  3 + 1 tokens" in shown
    assert "× 1.3  'red'" in shown
    assert "part 2, weight 0.7" in shown
    first, second = explained.as_dict()["parts"]
    assert [entry["last_call"] for entry in first["entries"]] == [5, 9]
    assert second["entries"][0]["tokens"] == 1
    assert most_tokens(explained.words) == (76, 150)


def test_a_plain_prompt_is_explained_as_before() -> None:
    assert list(explain("a fox", 4).lines()) == ["text  'a fox'"]
    assert list(explain("a fox", 4, chunking=CHUNKING).lines())[1:] == ["    tokens  2 of 75"]

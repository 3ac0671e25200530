"""Words as the webui reads them: parts, schedules, emphasis, chunks."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from live_lora.prompt.words.chunks import (
    BACKTRACK,
    LENGTH,
    Chunking,
    room_for,
    token_count,
)
from live_lora.prompt.words.emphasis import EmphasisRun, emphasis_of
from live_lora.prompt.words.parts import parts_of
from live_lora.prompt.words.word_schedule import entries_of, entry_at
from live_lora.records import Progress

TEN = Progress(steps=10)
SIGNS = st.lists(
    st.sampled_from(["(", ")", "[", "]", ":", "|", "\\", "a", " ", "BREAK", "AND", "0.5", "3", ","])
).map("".join)
TEXTS = SIGNS | st.text(max_size=40)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a fox", [("a fox", 1.0)]),
        ("a fox :1.3", [("a fox", 1.3)]),
        ("a AND b", [("a", 1.0), (" b", 1.0)]),
        ("a :.5 AND b:-2 AND (c:1.1)", [("a", 0.5), (" b", -2.0), (" (c:1.1)", 1.0)]),
        ("aANDb ANDroid", [("aANDb ANDroid", 1.0)]),
        ("a:1:2", [("a:1", 2.0)]),
        ("a: x", [("a: x", 1.0)]),
    ],
)
def test_parts(text: str, parts: list[tuple[str, float]]) -> None:
    assert [tuple(part) for part in parts_of(text)] == parts


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("a fox", [(10, "a fox")]),
        ("a [b:c:0.5] d", [(5, "a b d"), (10, "a c d")]),
        ("a [b:3]", [(3, "a "), (10, "a b")]),
        ("[b::2]", [(2, "b"), (10, "")]),
        ("[b:c:99]", [(10, "b")]),
        ("[b:c:0]", [(10, "c")]),
        ("[(b:1.2):c: .5 ]", [(5, "(b:1.2)"), (10, "c")]),
        ("[a [b:c:2]:d:0.5]", [(2, "a b"), (5, "a c"), (10, "d")]),
        (r"\[b:c:0.5\]", [(10, r"\[b:c:0.5\]")]),
        ("[b:c:0.5] | d", [(10, "[b:c:0.5] | d")]),
        ("[x] (y:1.2)", [(10, "[x] (y:1.2)")]),
        ("[b:c:d:3]", [(10, "[b:c:d:3]")]),
    ],
)
def test_schedules(text: str, entries: list[tuple[int, str]]) -> None:
    assert [tuple(entry) for entry in entries_of(text, TEN)] == entries


def test_alternating_words() -> None:
    found = entries_of("[fe|]male", Progress(steps=4))
    assert [entry.text for entry in found] == ["female", "male", "female", "male"]
    assert [entry.end for entry in found] == [1, 2, 3, 4]
    # The first entry lasts two calls, 0 and 1, in the webui as well.
    assert [entry_at([1, 2, 3, 4], call) for call in range(6)] == [0, 0, 1, 2, 3, 0]


def test_the_hires_pass_counts_on() -> None:
    hires = Progress(calls=10, hires=True, first_calls=10)
    assert [tuple(e) for e in entries_of("[a:b:0.5]", hires)] == [(10, "b")]
    assert [tuple(e) for e in entries_of("[a:b:1.5]", hires)] == [(5, "a"), (10, "b")]


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("", [("", 1.0)]),
        ("an (important) word", [("an ", 1.0), ("important", 1.1), (" word", 1.0)]),
        ("[less]", [("less", 1 / 1.1)]),
        ("(a (b:1.5):2)", [("a ", 2.0), ("b", 3.0)]),
        ("(never closed", [("never closed", 1.1)]),
        (r"\(text\] a\\b a\b", [(r"(text] a\b ab", 1.0)]),
        ("a) b:1.2)", [("a) b:1.2)", 1.0)]),
        ("(a:1.2.3)", [("a:1.2.3", 1.1)]),
        ("a BREAK b", [("a", 1.0), ("BREAK", -1.0), ("b", 1.0)]),
        ("(a)(b)", [("ab", 1.1)]),
    ],
)
def test_emphasis(text: str, runs: list[tuple[str, float]]) -> None:
    assert [tuple(run) for run in emphasis_of(text)] == runs


def test_a_break_in_brackets_is_a_word_with_a_negative_weight() -> None:
    """As in the webui: its marker is multiplied like a word."""
    assert [run.breaks for run in emphasis_of("a BREAK b")] == [False, True, False]
    assert not any(run.breaks for run in emphasis_of("(a BREAK b)"))


@given(TEXTS)
def test_any_text_is_read(text: str) -> None:
    for part in parts_of(text):
        entries = entries_of(part.text, TEN)
        assert [entry.end for entry in entries] == sorted({entry.end for entry in entries})
        assert entries[-1].end == 10
        for entry in entries:
            assert emphasis_of(entry.text)


@given(TEXTS)
def test_emphasis_of_1_is_none(text: str) -> None:
    plain = re.sub(r"[()\[\]\\:]|\bBREAK\b", "", text)
    assert emphasis_of(f"({plain}:1)") == emphasis_of(plain) == [EmphasisRun(plain)]


def letters(texts: Sequence[str]) -> list[list[int]]:
    """A tokenizer: one id for each character."""
    return [[ord(character) for character in text] for text in texts]


CHUNKING = Chunking(letters, ord(","))


@settings(max_examples=200)
@given(st.text(st.sampled_from("ab,() "), max_size=400))
def test_chunks_join_to_the_same_tokens(text: str) -> None:
    runs = emphasis_of(text)
    chunks = CHUNKING.chunks(runs)
    assert [one for chunk in chunks for one in chunk.ids] == [
        ord(c) for run in runs for c in run.text
    ]
    assert all(len(chunk.ids) == len(chunk.weights) <= LENGTH for chunk in chunks)
    for chunk in chunks[:-1]:
        short = len(chunk.ids) < LENGTH
        assert not short or chunk.ids[-1] == ord(",")
        assert len(chunk.ids) >= LENGTH - BACKTRACK


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        ("a" * 75, [75]),
        ("a" * 76, [75, 1]),
        ("a" * 60 + "," + "a" * 30, [61, 30]),
        ("a" * 75 + ",", [75, 1]),
        ("a" * 40 + "," + "a" * 50, [75, 16]),  # 34 tokens behind the comma are too many to move
        ("a BREAK b", [1, 1]),
        ("BREAK", [0]),
    ],
)
def test_chunks(text: str, lengths: list[int]) -> None:
    chunks = CHUNKING.chunks(emphasis_of(text))
    assert [len(chunk.ids) for chunk in chunks] == lengths


def test_counts_are_those_under_the_webuis_prompt() -> None:
    chunks = CHUNKING.chunks(emphasis_of("a BREAK bcd"))
    assert (token_count(chunks), room_for(token_count(chunks))) == (78, 150)
    assert (room_for(0), room_for(75), room_for(76)) == (75, 75, 150)

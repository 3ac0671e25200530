"""What is shown of a training: the tags it saw most, and metadata a person can read."""

from __future__ import annotations

import json

import pytest
from live_lora.library.training import LONGEST, MOST_TAGS, readable, top_tags


def test_tags_add_up_over_the_data_sets() -> None:
    sets = {"10_a": {"sky ": 3, "sea": 5}, "5_b": {"sky": 4, " ": 9}}
    assert top_tags({"ss_tag_frequency": json.dumps(sets)}) == [("sky", 7), ("sea", 5)]


def test_only_the_most_frequent_are_shown() -> None:
    sets = {"a": {f"tag {n}": n for n in range(99)}}
    found = top_tags({"ss_tag_frequency": json.dumps(sets)})
    assert len(found) == MOST_TAGS
    assert found[0] == ("tag 98", 98)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"a": 1}', '{"a": {"x": "1", "y": null, "z": true}}', "[" * 9999],
)
def test_what_is_no_count_is_left_out(text: str) -> None:
    assert top_tags({"ss_tag_frequency": text}) == []


def test_metadata_without_tags_are_readable() -> None:
    assert top_tags({}) == []
    metadata = {"a": "b", "long": "x" * 3000, "ss_tag_frequency": "{}", "ssmd_cover_images": "[]"}
    assert readable(metadata) == {"a": "b", "long": "x" * LONGEST + "…"}

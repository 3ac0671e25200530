"""What a file's metadata tells of its training, for people to read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping

COVER = "ssmd_cover_images"  # pictures inside the metadata, as the webui reads them
MOST_TAGS = 24
LONGEST = 2000  # characters of one value
MOST_PARSED = 8 << 20  # characters of tag counts: real ones have some hundred thousand at most


def top_tags(metadata: Mapping[str, str], most: int = MOST_TAGS) -> list[tuple[str, int]]:
    """The captions' most frequent tags over all data sets of `ss_tag_frequency`, with counts."""
    written = metadata.get("ss_tag_frequency", "{}")
    if len(written) > MOST_PARSED:
        return []
    try:
        sets = json.loads(written)
    except (ValueError, RecursionError):
        return []
    counts: Counter[str] = Counter()
    for tags in sets.values() if isinstance(sets, dict) else ():
        for tag, count in tags.items() if isinstance(tags, dict) else ():
            if type(count) is int and tag.strip():
                counts[tag.strip()] += count
    return counts.most_common(most)


def readable(metadata: Mapping[str, str]) -> dict[str, str]:
    """The metadata without pictures and tag counts, long values cut."""
    return {
        key: value if len(value) <= LONGEST else f"{value[:LONGEST]}…"
        for key, value in metadata.items()
        if key not in (COVER, "ss_tag_frequency")
    }

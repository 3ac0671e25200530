"""What is recorded of the webui's words (tests/encoding) is what this webui says."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import numpy as np
import pytest

from . import words_checkpoints as words
from .server import Webui

SAME = 1e-5  # relative


@pytest.fixture(scope="module")
def seeded_webui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Webui]:
    """Without our extension, on the checkpoint whose numbers follow from its keys."""
    folder, data = tmp_path_factory.mktemp("seeded"), tmp_path_factory.mktemp("words")
    words.make(folder, os.environ["WEBUI_ROOT"])
    words.add_embeddings(data, "sd1")
    with Webui(folder, data, builtin=True, ours=False) as webui:
        yield webui


def test_the_recorded_conds(seeded_webui: Webui) -> None:
    told = json.loads((words.seeded.DATA / "sd1.json").read_text("utf-8"))
    recorded = np.load(words.seeded.DATA / "sd1.npz")
    for number, prompt in enumerate(words.prompts()):
        found = words.conds(seeded_webui, prompt)
        assert found["parts"] == told[number]["parts"]
        for key, array in found["arrays"].items():
            want = recorded[f"{number}.{key}"]
            got = words.seeded.sample(array).numpy()
            assert np.linalg.norm(got - want) <= SAME * np.linalg.norm(want), prompt

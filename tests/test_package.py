"""What `import live_lora` offers: the same to programs, to type checkers and to `dir`."""

from __future__ import annotations

import ast
from pathlib import Path

import live_lora
import pytest


@pytest.mark.parametrize("name", live_lora.__all__)
def test_public_names_are_there(name: str) -> None:
    assert getattr(live_lora, name).__name__ == name
    assert name in dir(live_lora)


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(Path(live_lora.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = [alias.asname for node in block.body for alias in node.names]
    assert sorted(seen) == sorted(live_lora.__all__)


def test_other_names_are_not() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        live_lora.Nothing  # noqa: B018

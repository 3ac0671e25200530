"""Every refusal has a code of the one table, and the table holds no code that nothing has."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from live_lora.errors import AmbiguousName, Code, FileError, ModuleError, NotALora, UnknownName
from live_lora.network import Unused

PACKAGE = Path(__file__).parent.parent / "extension"
CODES = set(get_args(Code))
# Where the code stands among the arguments of what is refused.
PLACES = {
    "ModuleError": 0,
    "FileError": 0,
    "ResolveError": 0,
    "OnlineError": 0,
    "Unused": 1,
    "_drop": 1,
}
RETURNED = ("Code", "tuple[Code, str]")


def nodes() -> Iterator[ast.AST]:
    for path in PACKAGE.rglob("*.py"):
        yield from ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def called(node: ast.Call) -> str:
    return getattr(node.func, "id", getattr(node.func, "attr", ""))


def written(node: ast.expr | None) -> Iterator[str]:
    """The text of a constant, of the first of several, or of both ends of a choice."""
    if isinstance(node, ast.IfExp):
        yield from (*written(node.body), *written(node.orelse))
    elif isinstance(node, ast.Tuple):
        yield from written(node.elts[0])
    elif isinstance(node, ast.Constant):
        yield str(node.value)


def codes_of(node: ast.AST) -> Iterator[str]:
    """Codes as arguments, as defaults, and as values of what is declared a Code."""
    if isinstance(node, ast.Call):
        place = PLACES.get(called(node))
        yield from written(node.args[place] if place is not None else None)
        if called(node) == "Unsound" and len(node.args) > 1:
            yield from written(node.args[1])
        if ast.unparse(node.func) == "super().__init__":
            yield from CODES.intersection(*[written(node.args[0])] if node.args else [()])
    elif isinstance(node, ast.AnnAssign) and "Code" in ast.unparse(node.annotation):
        yield from CODES.intersection(written(node.value))
    elif (
        isinstance(node, ast.FunctionDef) and node.returns and ast.unparse(node.returns) in RETURNED
    ):
        yield from (text for part in ast.walk(node) if isinstance(part, ast.Return)
                    for text in written(part.value))  # fmt: skip
    elif isinstance(node, ast.arguments) and "Code" in ast.unparse(node):
        yield from (text for value in node.defaults for text in written(value) if text in CODES)


def test_the_table_holds_what_is_used_and_nothing_else() -> None:
    assert {code for node in nodes() for code in codes_of(node)} == CODES


def test_nothing_is_refused_without_a_code() -> None:
    for node in nodes():
        if isinstance(node, ast.Call) and called(node) in PLACES:
            assert len(node.args) > PLACES[called(node)], ast.unparse(node)


@pytest.mark.parametrize("make", [ModuleError, FileError, Unused])
def test_it_cannot_be_left_out(make: Any) -> None:
    with pytest.raises(TypeError):
        make("x")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ModuleError("rank", "up has rank 2"), "rank"),
        (FileError("gone", "x.safetensors", "it is gone"), "gone"),
        (NotALora("x.safetensors", "a checkpoint"), "other-file"),
        (NotALora("x.safetensors", "a LoRA for Flux", "Flux"), "other-model"),
        (UnknownName("x"), "unknown-name"),
        (AmbiguousName("x", ["a/x", "b/x"]), "ambiguous-name"),
    ],
)
def test_every_error_has_its_code(error: Any, code: str) -> None:
    assert error.code == code


def test_an_unused_key_takes_the_code_of_its_error() -> None:
    unused = Unused.because("lora_unet_x", ModuleError("shape", "has 3 outputs"))
    assert unused.as_dict() == {"key": "lora_unet_x", "code": "shape", "reason": "has 3 outputs"}

"""The house plan, held: who may import whom, and how large things get."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

TESTS = str(Path(__file__).parent)
ROOT = Path(TESTS).parent
PACKAGE = ROOT / "extension"
SOURCES = sorted(PACKAGE.rglob("*.py"))
PAGE = sorted((PACKAGE / "browser" / "static").glob("*.mjs"))

KNOWN_TO_ALL = {"errors", "records", "deltas", "__version__"}
LOOSE = {"__init__.py", "errors.py", "records.py", "deltas.py", "discovery.py"}
MOST_ROOMS = 20
# Who imports whom; what the other imports may be imported as well.
ARROWS = {
    "discovery": set(),
    "model": set(),
    "library": set(),
    "algorithms": {"discovery"},
    "engine": {"discovery"},
    "formats": {"discovery", "model"},
    "prompt": {"discovery", "model"},  # block weights are written in a model's blocks
    "network": {"formats", "algorithms", "model", "library"},
    "session": {"prompt", "library", "network", "engine"},
    "inspection": {"network"},
    "browser": {"session", "inspection"},
    "encoding": {"prompt", "network"},
    "hosts": {"session", "browser", "encoding"},
    "app": {"hosts"},
    "serving": {"app"},  # the app's command line names it by a string, as it does its own commands
    "__init__": {"app"},
}
# Packages that not everyone has, or that cost a second to import, and the only places for them.
OUTSIDE = {
    "torch": (
        *("deltas.py", "algorithms/", "engine/", "network/", "session/", "hosts/", "app/"),
        "encoding/",
        "serving/mixed_drawing.py",
        "serving/device_memory.py",
        "inspection/examine.py",
    ),
    "lark": ("prompt/",),
    "PIL": ("library/preview.py", "library/mask_pictures.py", "app/", "serving/"),
    "gradio": ("browser/tab.py", "app/", "hosts/webui/"),
    "fastapi": ("browser/routes/", "app/", "hosts/webui/", "serving/"),
    "starlette": ("app/", "hosts/webui/", "serving/"),
    "uvicorn": ("app/", "serving/"),
    "ray": ("serving/",),
    "diffusers": ("hosts/diffusers.py", "app/"),
    "transformers": ("app/",),
    "peft": (),
    "lycoris": (),
    "modules": ("hosts/webui/",),
    "backend": ("hosts/webui/",),
}
# Folders that mirror each other: one file for each thing that is discovered.
MIRRORS = {"algorithms", "formats", "prompt/arguments", "engine/layers"}
LONGEST_FILE = 250
LONGEST_FUNCTION = 40
NAMES_THAT_SAY_NOTHING = re.compile(r"(^|_)(utils?|helpers?|misc|common|managers?)(_|$)|_v\d+$")


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def place(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def reached(room: str) -> set[str]:
    """The rooms that one may import: the arrows are transitive."""
    found = set(ARROWS[room])
    return found.union(*map(reached, found))


def imported_modules(path: Path) -> Iterator[str]:
    """The modules of the package that a module imports, wherever in it, TYPE_CHECKING or not."""
    here = path.relative_to(PACKAGE).parts[:-1]
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and node.level:
            above = here[: len(here) - node.level + 1]
            base = Path(PACKAGE, *above, *(node.module or "").split("."))
            for alias in node.names:
                for found in (base / f"{alias.name}.py", base / alias.name / "__init__.py"):
                    if found.exists():
                        yield place(found)
                        break
                else:
                    module = base.with_suffix(".py")
                    yield place(module if module.exists() else base / "__init__.py")


def inner_imports(path: Path) -> Iterator[str]:
    """The rooms that a module imports from."""
    here = path.relative_to(PACKAGE).parts[:-1]
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and node.level:
            above = here[: len(here) - node.level + 1]
            target = (*above, *(node.module or "").split("."))
            named = [part for part in target if part]
            yield from named[:1] or [alias.name for alias in node.names]


def outer_imports(path: Path) -> Iterator[str]:
    """The packages that a module imports, wherever in it."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.split(".")[0]


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree(path)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def test_arrows() -> None:
    astray = {}
    for path in SOURCES:
        home = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        allowed = {home} | KNOWN_TO_ALL | (set() if home in KNOWN_TO_ALL else reached(home))
        astray[place(path)] = set(inner_imports(path)) - allowed
    assert not {name: rooms for name, rooms in astray.items() if rooms}


def test_no_circles() -> None:
    """Also none that hides behind TYPE_CHECKING; a package's __init__ may import its own files."""
    graph = {place(path): set(imported_modules(path)) for path in SOURCES}
    for name, imported in graph.items():
        inside = name.removesuffix("__init__.py")
        if name.endswith("__init__.py"):
            imported -= {one for one in imported if one.startswith(inside)}
    TopologicalSorter(graph).prepare()


def test_the_rooms() -> None:
    """No loose file on the top level, and no more folders than a newcomer can keep in mind."""
    assert {path.name for path in PACKAGE.glob("*.py")} <= LOOSE
    assert len(ARROWS) + len(KNOWN_TO_ALL) <= MOST_ROOMS


def test_one_word_has_one_meaning() -> None:
    """No public class and no file is called like another."""
    classes: dict[str, list[str]] = {}
    files: dict[str, list[str]] = {}
    for path in SOURCES:
        for node in tree(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                classes.setdefault(node.name, []).append(place(path))
        if (
            path.name != "__init__.py"
            and path.relative_to(PACKAGE).parent.as_posix() not in MIRRORS
        ):
            files.setdefault(path.name, []).append(place(path))
    twice = {name: homes for name, homes in (classes | files).items() if len(homes) > 1}
    assert twice == {}


def test_packages_from_outside_stay_in_their_places() -> None:
    astray = [
        (place(path), package)
        for path in SOURCES
        for package in outer_imports(path)
        if package in OUTSIDE and not place(path).startswith(OUTSIDE[package])
    ]
    assert astray == []


def test_imports_inside_the_package_are_relative() -> None:
    assert [place(path) for path in SOURCES if "live_lora" in outer_imports(path)] == []


def test_every_module_says_what_it_is() -> None:
    assert [place(path) for path in SOURCES if not ast.get_docstring(tree(path))] == []


def test_every_module_has_annotations_that_older_pythons_can_read() -> None:
    bare = [path for path in SOURCES if "__future__" not in outer_imports(path)]
    assert [place(path) for path in bare if len(tree(path).body) > 1] == []


def test_files_are_small() -> None:
    lengths = {
        place(path): len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES + PAGE
    }
    assert not {name: count for name, count in lengths.items() if count > LONGEST_FILE}


def test_files_have_telling_names() -> None:
    named = [place(path) for path in SOURCES + PAGE if NAMES_THAT_SAY_NOTHING.search(path.stem)]
    assert named == []


def test_functions_are_small() -> None:
    long = [
        f"{place(path)}: {function.name}"
        for path in SOURCES
        for function in functions(path)
        if (function.end_lineno or 0) - function.lineno >= LONGEST_FUNCTION
    ]
    assert long == []


def test_every_folder_of_modules_is_a_package() -> None:
    """Others are not in the wheel."""
    assert [place(path) for path in SOURCES if not (path.parent / "__init__.py").exists()] == []


IMPORTS = {
    "live_lora": {"torch", "gradio", "lark"},
    "live_lora.prompt": {"torch", "gradio", "fastapi", "diffusers"},
    "live_lora.library.catalog": {"torch", "gradio", "fastapi", "diffusers"},
    "live_lora.hosts.attach": {"gradio", "fastapi", "diffusers", "transformers"},
    "live_lora.app.cli": {"torch", "gradio", "fastapi", "diffusers"},
    "live_lora.serving.picture_queue": {"torch", "gradio", "fastapi", "diffusers"},
}


@pytest.mark.parametrize(("module", "absent"), IMPORTS.items(), ids=IMPORTS)
def test_imports_bring_no_more_than_is_needed(module: str, absent: set[str]) -> None:
    _demand_absent(module, absent, [TESTS])


def test_a_webui_loads_no_other_host() -> None:
    """Each module costs its start some milliseconds."""
    others = {"live_lora.hosts.diffusers", "live_lora.encoding", "live_lora.app"}
    standin = str(Path(TESTS, "hosts", "standin"))
    _demand_absent("live_lora.hosts.webui", others, [TESTS, standin])


def _demand_absent(module: str, absent: set[str], folders: list[str]) -> None:
    program = (
        f"import sys; sys.path[:0] = {folders!r}; import conftest, {module}; "
        f"print(sorted({absent!r} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr

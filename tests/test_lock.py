"""requirements/*.txt: what is installed is what is tested."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tools import lock, newest
from tools.locked import installed, locked

ROOT = Path(__file__).parent.parent


def lines(name: str) -> list[str]:
    """The packages of a file, with the Pythons and systems that they are for."""
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    return [line.removesuffix(" \\") for line in text.splitlines() if line[:1].isalnum()]


def test_the_environment_is_what_is_locked() -> None:
    """Only an environment of `install.py test` must be; there, `install.py` has left a mark."""
    if not Path(sys.prefix, "live-lora-test").exists():
        pytest.skip(f"{sys.prefix} was not made by `python install.py test`")
    here = installed()
    assert {name: here.get(name) for name in locked()} == locked()


@pytest.mark.parametrize("system", ["linux", "win32", "darwin"])
@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13"])
def test_the_app_has_the_versions_that_are_tested(python: str, system: str) -> None:
    where = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": system,
    }
    assert locked("app", **where).items() < locked("test", **where).items()
    assert locked("app", **where).items() < locked("cluster", **where).items()
    assert "ray" in locked("cluster", **where)


@pytest.mark.parametrize("name", ["app.txt", "cluster.txt", "test.txt"])
def test_every_file_that_may_be_installed_is_known_by_its_hash(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    assert len(re.findall(r"^\w.*\\\n    --hash=sha256:", text, re.MULTILINE)) == len(lines(name))


def test_torch_and_its_cuda_are_not_in_it() -> None:
    names = {line.split("=")[0] for line in lines("test.txt")}
    assert {"numpy", "sympy"} <= names, "what torch needs everywhere is"
    cuda = set(lines("cuda.txt")) | {"torch", "live-lora"}
    assert not {name for name in names if name in cuda or name.startswith("nvidia")}


def test_renewing_takes_the_options_and_stops_at_the_first_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []

    def fail(command: tuple[str, ...]) -> object:
        seen.append(command)
        return lock.subprocess.CompletedProcess(command, 2)

    monkeypatch.setattr(lock.subprocess, "run", fail)
    assert lock.main(["--upgrade"]) == 2
    assert len(seen) == 1
    assert seen[0][-1] == "--upgrade"


def test_what_the_newest_change_is_a_table() -> None:
    old = {"gradio": "6.31.0", "numpy": "2.4.6", "toml": "0.10.2", "uvicorn": "0.54"}
    old |= newest.torch_locked()
    new = {"gradio": "7.0", "numpy": "2.4.6", "tomli": "3", "pip": "26", "uv": "1"}
    new["nvidia-cublas"] = "13.1"
    new["torch"] = f"{old['torch']}+cpu"
    assert newest.table(old, new) == [
        "What differs from requirements (4):",
        "  gradio   6.31.0 -> 7.0",
        "  toml     0.10.2 -> none",
        "  tomli      none -> 3",
        "  uvicorn    0.54 -> none",
    ]
    assert newest.table(old, old) == ["Nothing is newer than the lock."]


def test_the_commit_hook_lints_as_the_tests_do() -> None:
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    ruff = next(line for line in lines("test.txt") if line.startswith("ruff=="))
    assert f"rev: v{ruff.removeprefix('ruff==')} " in hooks

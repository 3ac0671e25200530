"""`tools/checks.py`: which checks run, and which warnings fail."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tools import checks

ROOT = Path(__file__).parent.parent


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The checks are noted, not run; pytest and ruff pass, mypy does not."""
    seen: list[tuple[str, ...]] = []

    def run(command: tuple[str, ...]) -> object:
        seen.append(command[2:])
        return subprocess.CompletedProcess(command, 0)

    class Popen:
        returncode = 1

        def __init__(self, command: tuple[str, ...], **_: object) -> None:
            seen.append(command[2:])

        def communicate(self) -> tuple[str, None]:
            return "x.py:1: error", None

    monkeypatch.setattr(checks.subprocess, "run", run)
    monkeypatch.setattr(checks.subprocess, "Popen", Popen)
    return seen


def test_every_check_runs_and_counts(
    ran: list[tuple[str, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert checks.main([]) == 1
    assert [check[0] for check in ran] == ["ruff", "ruff", "mypy", "pytest"]
    said = capsys.readouterr()
    assert "x.py:1: error" in said.out
    assert said.err == "live-lora: not passed: mypy\n"


@pytest.mark.parametrize(
    ("options", "expected"), [([], checks.TWO_PROCESSES), (["-k", "curve"], ["-k", "curve"])]
)
def test_everything_runs_in_two_processes(
    ran: list[tuple[str, ...]], options: list[str], expected: list[str]
) -> None:
    checks.main(options)
    assert ran[-1] == ("pytest", *expected)


CALLS = """
import warnings
import pytest

LIBRARY = {"warnings": warnings, "__name__": "another_library.module"}
exec("def old(kind, level): warnings.warn('old', kind, stacklevel=level)", LIBRARY)
exec("def inner(kind): old(kind, 2)", LIBRARY)

@pytest.mark.parametrize("kind", [DeprecationWarning, PendingDeprecationWarning, FutureWarning])
@pytest.mark.parametrize(
    "module",
    ["live_lora", "live_lora.session.run", "tools.lock", "tiny_models", "test_checks", "app.files"],
)
def test_called_by_us(module, kind):
    exec("old(kind, 2)", {**LIBRARY, "__name__": module, "kind": kind})

@pytest.mark.parametrize("kind", [DeprecationWarning, PendingDeprecationWarning, FutureWarning])
@pytest.mark.parametrize("call", ["old(kind, 1)", "inner(kind)"])
def test_of_the_library_itself(call, kind):
    exec(call, {**LIBRARY, "__name__": "live_lora", "kind": kind})

def test_any_other_warning():
    LIBRARY["old"](UserWarning, 1)
"""


def test_what_our_code_causes_is_an_error_and_a_librarys_own_deprecation_is_not(
    tmp_path: Path,
) -> None:
    """With the project's own settings."""
    (tmp_path / "test_calls.py").write_text(CALLS)
    command = ("-m", "pytest", "-q", "-rA", "-p", "conftest", "-c", str(ROOT / "pyproject.toml"))
    done = subprocess.run(
        [sys.executable, *command, str(tmp_path)],
        cwd=ROOT / "tests",  # for `-p conftest`
        capture_output=True,
        text=True,
    )
    assert "19 failed, 6 passed" in done.stdout
    passed = [line for line in done.stdout.splitlines() if line.startswith("PASSED")]
    assert all("test_of_the_library_itself" in line for line in passed)

"""`install.py`: silent in the webui, an environment of its own elsewhere; installs nothing here."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parent.parent / "install.py"
Commands = list[tuple[str, ...]]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module whose environment lies in a folder of the test."""
    spec = importlib.util.spec_from_file_location("install", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "VENV", str(tmp_path / "venv"))
    monkeypatch.setattr(module, "PYTHON", str(tmp_path / "venv" / "python"))
    return module


@pytest.fixture
def commands(
    install: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[tuple[str, ...]], int]], Commands]:
    """Programs are noted instead of run; `answer` gives their exit status."""

    def note(answer: Callable[[tuple[str, ...]], int]) -> Commands:
        seen: Commands = []

        def call(*command: str, **_: object) -> int:
            seen.append(command)
            if "venv" in command:
                Path(install.VENV).mkdir()
                Path(install.PYTHON).touch()
            return answer(command)

        monkeypatch.setattr(install, "call", call)
        return seen

    return note


def test_start_up_call_is_silent() -> None:
    """As the webui calls it, with its own folders on PYTHONPATH."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(("/webui", "/webui/modules"))}
    done = subprocess.run(
        [sys.executable, str(SCRIPT)], env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_start_up_call_imports_nothing_heavy() -> None:
    program = (
        "import sys; heavy = {'subprocess', 'pathlib', 'hashlib', 'lark', 'torch'}; "
        f"before = set(sys.modules); sys.path.insert(0, {str(SCRIPT.parent)!r}); "
        "import install; install.main([]); print(heavy & (sys.modules.keys() - before))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr


def test_what_the_webui_lacks_is_added_and_nothing_else(
    install: ModuleType, monkeypatch: pytest.MonkeyPatch, commands: Callable[..., Commands]
) -> None:
    seen = commands(lambda command: 0)
    monkeypatch.setattr(install, "find_spec", lambda name: None if name == "lark" else object())
    assert install.main([]) == 0
    assert seen == [(sys.executable, "-m", "pip", "install", "--no-deps", "lark>=1.1.2")]


@pytest.mark.parametrize(("arguments", "status"), [(["--help"], 0), (["aap"], 2)])
def test_usage(
    install: ModuleType, arguments: list[str], status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert install.main(arguments) == status
    assert "install.py app" in capsys.readouterr().out


def test_a_missing_ensurepip_names_the_package(
    install: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(install, "find_spec", lambda name: None)
    assert install.main(["app"]) == 1
    assert f"apt install python3.{sys.version_info[1]}-venv" in capsys.readouterr().err
    assert not Path(install.VENV).exists()


def test_setting_up_happens_once(
    install: ModuleType, monkeypatch: pytest.MonkeyPatch, commands: Callable[..., Commands]
) -> None:
    seen = commands(lambda command: 1 if "import torch" in command else 0)
    monkeypatch.setattr(install, "has_nvidia", lambda: False)
    assert install.main(["app", "--port", "1"]) == 0
    first = [" ".join(command[1:]) for command in seen]
    assert first[-1] == "-m live_lora.app.cli app --port 1"
    assert any(
        line.startswith("-m pip install --editable") and line.endswith("[app]") for line in first
    )
    seen.clear()
    assert install.main(["app"]) == 0
    assert not [command for command in seen if "install" in command]


@pytest.mark.parametrize(
    ("system", "nvidia", "index_answers", "expected"),
    [
        ("linux", False, True, ["--index-url"]),
        ("linux", False, False, ["--index-url", "torch==2.13.0"]),
        ("linux", True, True, ["torch==2.13.0"]),
        ("darwin", False, True, ["torch"]),
        ("win32", False, True, ["torch"]),
    ],
)
def test_torch_for_the_machine(
    install: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    commands: Callable[..., Commands],
    system: str,
    nvidia: bool,
    index_answers: bool,
    expected: list[str],
) -> None:
    failing = {"import torch"} | (set() if index_answers else {"--index-url"})
    seen = commands(lambda command: int(bool(failing & set(command))))
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(install, "has_nvidia", lambda: nvidia)
    install.install_torch()
    assert [command[4] for command in seen if "install" in command] == expected


def test_a_torch_that_is_there_is_kept(
    install: ModuleType, commands: Callable[..., Commands]
) -> None:
    seen = commands(lambda command: 0)
    install.install_torch()
    assert len(seen) == 1


def test_failed_installations_are_not_taken_for_done(
    install: ModuleType, commands: Callable[..., Commands], capsys: pytest.CaptureFixture[str]
) -> None:
    seen = commands(lambda command: int("--editable" in command))
    assert install.main(["app"]) == 1
    assert "pip could not install" in capsys.readouterr().err
    seen.clear()
    assert install.main(["app"]) == 1
    assert any("--editable" in command for command in seen), "it tries again"


def test_every_check_runs_and_counts(
    install: ModuleType, commands: Callable[..., Commands], capsys: pytest.CaptureFixture[str]
) -> None:
    seen = commands(lambda command: int("mypy" in command))
    assert install.main(["test", "-k", "x"]) == 1
    ran = [command[2:] for command in seen if command[2] in ("ruff", "mypy", "pytest")]
    assert [check[0] for check in ran] == ["ruff", "ruff", "mypy", "pytest"]
    assert ran[-1] == ("pytest", "-k", "x")
    assert "not passed: mypy" in capsys.readouterr().err


def test_the_callers_packages_do_not_leak_in(
    install: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/webui")
    monkeypatch.setenv("LIVE_LORA_TEST", "kept")
    environment = install.environment()
    assert "PYTHONPATH" not in environment
    assert environment["LIVE_LORA_TEST"] == "kept"

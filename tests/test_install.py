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

from tools import torch_download

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "install.py"
Commands = list[tuple[str, ...]]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module whose environments lie in a folder of the test."""
    spec = importlib.util.spec_from_file_location("install", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", str(tmp_path))
    monkeypatch.setattr(module, "has_nvidia", lambda: False)
    monkeypatch.setattr(module, "output", lambda *command: "")
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
                python = Path(install.Environment(Path(command[-1]).name).python)
                python.parent.mkdir(parents=True, exist_ok=True)
                python.touch()
            return answer(command)

        monkeypatch.setattr(install, "call", call)
        return seen

    return note


def without_torch(command: tuple[str, ...]) -> int:
    return int("import torch" in command)


def arguments(seen: Commands, word: str) -> list[str]:
    """What follows the interpreter, of the commands with this word."""
    return [" ".join(command[1:]) for command in seen if word in command]


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
    assert not Path(install.Environment(".venv").folder).exists()


def test_setting_up_happens_once(install: ModuleType, commands: Callable[..., Commands]) -> None:
    seen = commands(without_torch)
    assert install.main(["app", "--port", "1"]) == 0
    assert arguments(seen, "live_lora.app.cli") == ["-m live_lora.app.cli app --port 1"]
    assert arguments(seen, "install")
    seen.clear()
    assert install.main(["app"]) == 0
    assert not arguments(seen, "install")


def test_a_renewed_lock_is_installed(
    install: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    commands: Callable[..., Commands],
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(install, "REQUIREMENTS", str(tmp_path))
    seen = commands(without_torch)
    assert install.main(["app"]) == 0
    seen.clear()
    (tmp_path / "app.txt").write_text("gradio==7")
    assert install.main(["app"]) == 0
    assert arguments(seen, "uv")


@pytest.mark.parametrize("extra", ["app", "test"])
def test_the_lock_is_installed_without_resolving(
    install: ModuleType, commands: Callable[..., Commands], extra: str
) -> None:
    seen = commands(without_torch)
    assert install.main([extra]) == 0
    first, second = arguments(seen, "uv")
    assert first.endswith(f"--no-deps --requirement {ROOT / 'requirements' / extra}.txt")
    assert second.endswith(f"--no-deps --no-build-isolation --editable {install.ROOT}")
    assert seen.index(next(command for command in seen if "import torch" in command)) > seen.index(
        next(command for command in seen if "--editable" in command)
    ), "torch finds what it needs in the versions that are locked"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("", {}),
        ("global.find-links='/wheels'\n:env:.cert='/ca.pem'", {"SSL_CERT_FILE": "/ca.pem"}),
        (
            "global.index-url='https://a/simple'\ninstall.index-url='https://b/simple'",
            {"UV_DEFAULT_INDEX": "https://b/simple"},
        ),
        (
            ":env:.index-url='https://a/simple'\nglobal.index-url='https://b/simple'",
            {"UV_DEFAULT_INDEX": "https://a/simple"},
        ),
        ("global.extra-index-url='https://a/simple'\nglobal.constraint='/c.txt'", {}),
        ("download.no-index='true'", {}),
        ("global.no-index='true'", None),
        ("install.no-binary=':all:'", None),
        (":env:.proxy='proxy:3128'", None),
        ("global.some-setting-of-the-future='1'", None),
    ],
)
def test_uv_does_as_pip_is_set_to_or_is_not_used(
    install: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    settings: str,
    expected: dict[str, str] | None,
) -> None:
    monkeypatch.setattr(install, "output", lambda *command: settings)
    assert install.Environment(".venv").variables_for_uv() == expected


def test_pip_lists_its_settings_as_they_are_read(
    install: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "pip.conf").write_text("[install]\nno-index = true\nfind-links =\n  /a\n  /b\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", "https://user:secret@host/it's")
    done = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True
    )
    settings = install.pip_settings(done.stdout)
    assert settings["no-index"] == "true"
    assert settings["find-links"].split() == ["/a", "/b"]
    assert settings["index-url"] == "https://user:secret@host/it's"


@pytest.mark.parametrize("lacking", ["uv==", "--python"], ids=["uv is not to be had", "uv fails"])
def test_pip_takes_over_from_uv(
    install: ModuleType, commands: Callable[..., Commands], lacking: str
) -> None:
    seen = commands(lambda command: int(any(word.startswith(lacking) for word in command)))
    assert install.main(["app"]) == 0
    by_pip = [line for line in arguments(seen, "--no-deps") if line.startswith("-m pip install")]
    assert len(by_pip) == 2


def test_pip_alone_where_uv_would_act_differently(
    install: ModuleType, monkeypatch: pytest.MonkeyPatch, commands: Callable[..., Commands]
) -> None:
    monkeypatch.setattr(install, "output", lambda *command: "global.no-index='1'")
    seen = commands(without_torch)
    assert install.main(["app"]) == 0
    assert not [command for command in seen if "uv" in command or install.UV in command]
    assert len(arguments(seen, "--no-deps")) == 2


@pytest.mark.parametrize(
    ("system", "nvidia", "index_answers", "expected"),
    [
        ("linux", False, True, ["--index-url"]),
        ("linux", False, False, ["--index-url", "torch==2"]),
        ("linux", True, True, ["torch==2"]),
        ("darwin", False, True, ["torch==2"]),
        ("win32", False, True, ["torch==2"]),
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
    install.Environment(".venv").add_torch("torch==2")
    assert [command[5] for command in seen if "install" in command] == expected
    told = [command[0] for command in seen if "tools.torch_download" in command]
    assert bool(told) == (len(expected) == 2), "before it comes"
    assert expected != ["--index-url", "torch==2"] or "torch==2" in seen[-1]


def test_a_torch_that_is_there_is_kept(
    install: ModuleType, commands: Callable[..., Commands]
) -> None:
    seen = commands(lambda command: 0)
    install.Environment(".venv").add_torch("torch==2")
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("resolved", "expected"),
    [
        ('wheels = [{ url = "a", size = 500000000 }]', ""),
        (
            'name = "nvidia-x"\nsdist = { size = 1 }\nwheels = [{ url = "a", size = 2000000000 }]\n'
            'wheels = [\n    { url = "b", size = 600000000 },\n    { url = "c", size = 9 },\n]',
            "about 2.6 GB",
        ),
        (None, "about 2.7 GB"),
    ],
    ids=["a CPU build", "CUDA", "uv does not know"],
)
def test_gigabytes_are_told_of_before_they_come(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    resolved: str | None,
    expected: str,
) -> None:
    done = subprocess.CompletedProcess((), int(resolved is None), resolved or "")
    monkeypatch.setattr(subprocess, "run", lambda *command, **_: done)
    torch_download.main("torch==2")
    said = capsys.readouterr().out
    assert expected in said
    assert bool(said) == bool(expected)


def test_failed_installations_are_not_taken_for_done(
    install: ModuleType, commands: Callable[..., Commands], capsys: pytest.CaptureFixture[str]
) -> None:
    seen = commands(lambda command: int("--editable" in command))
    assert install.main(["app"]) == 1
    assert "pip could not install" in capsys.readouterr().err
    seen.clear()
    assert install.main(["app"]) == 1
    assert arguments(seen, "--editable"), "it tries again"


def test_the_newest_have_an_environment_of_their_own(
    install: ModuleType, commands: Callable[..., Commands]
) -> None:
    seen = commands(without_torch)
    assert install.main(["test", "--newest", "-k", "x"]) == 0
    assert all(".venv-newest" in " ".join(command) for command in seen)
    assert arguments(seen, "tools.newest") == ["-m tools.newest -k x"]
    (resolving,) = arguments(seen, "uv")
    assert resolving.endswith(f"--editable {install.ROOT}[test]"), "with all that it needs"
    seen.clear()
    assert install.main(["test", "--newest"]) == 0
    assert arguments(seen, "venv"), "and is made anew"


def test_the_callers_packages_do_not_leak_in(
    install: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/webui")
    monkeypatch.setenv("LIVE_LORA_TEST", "kept")
    environment = install.environment()
    assert "PYTHONPATH" not in environment
    assert environment["LIVE_LORA_TEST"] == "kept"

"""Sets Live LoRA up; needs nothing but a bare Python 3.10 or newer.

    python install.py                the webui's call at each start: silent, adds what is missing
    python install.py app [options]  makes .venv, installs the app there and opens its page
    python install.py test [options] the same for ruff, mypy and, with the options, pytest

Inside the webui nothing is ever upgraded: lark, safetensors and torch are there already.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

ROOT = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, *(("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")))
# No dependencies of their own, so `--no-deps` cannot touch anything else in a webui.
WEBUI_NEEDS = {"lark": "lark>=1.1.2", "safetensors": "safetensors>=0.4.2"}
TORCH = "torch==2.13.0"  # the version the tests run with
# On Linux, the torch of the default index brings gigabytes of CUDA along.
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
# The caller's (the webui's) packages must not leak into our environment.
FOREIGN = (
    "PYTHONPATH",
    "PYTHONHOME",
    "PIP_USER",
    "PIP_TARGET",
    "PIP_PREFIX",
    "__PYVENV_LAUNCHER__",
)


def main(arguments: list[str]) -> int:
    """The exit status of the command that the arguments name."""
    if not arguments:
        return complete_webui()
    commands = {"app": app, "test": test}
    if arguments[0] not in commands:
        print(__doc__)
        return 0 if arguments[0] in ("-h", "--help") else 2
    try:
        return commands[arguments[0]](arguments[1:])
    except SetupError as error:
        print(f"live-lora: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


class SetupError(Exception):
    """The environment could not be made; the message says what to do."""


def complete_webui() -> int:
    """Adds to the running Python what it lacks; says nothing where it lacks nothing."""
    missing = [need for name, need in WEBUI_NEEDS.items() if find_spec(name) is None]
    if not missing:
        return 0
    print(f"Live LoRA: installing {', '.join(missing)}")
    return call(sys.executable, "-m", "pip", "install", "--no-deps", *missing)


def app(options: list[str]) -> int:
    """Opens the page."""
    prepare("app")
    return call(PYTHON, "-m", "live_lora.app.cli", "app", *options, env=environment())


def test(options: list[str]) -> int:
    """Lint, format, types and tests; the last line is pytest's where all is well."""
    prepare("test")
    checks = (
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
        ("mypy",),
        ("pytest", *options),
    )
    failed = []
    for check in checks:
        print(f"{' '.join(check[:2])} …", flush=True)
        if call(PYTHON, "-m", *check, env=environment(), cwd=ROOT):
            failed.append(" ".join(check[:2]))
    if failed:
        print(f"live-lora: not passed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def prepare(extra: str) -> None:
    """Makes .venv hold what `extra` of pyproject.toml asks for; instant where it does already."""
    if sys.version_info < (3, 10):
        raise SetupError(f"needs Python 3.10 or newer, this is {sys.version.split()[0]}")
    stamp = os.path.join(VENV, f"live-lora-{extra}")
    if works(PYTHON) and read(stamp) == fingerprint():
        return
    print(f"Setting up {VENV}: the first time takes a few minutes", flush=True)
    make_venv()
    install_torch()
    pip("--editable", f"{ROOT}[{extra}]")
    with open(stamp, "w", encoding="utf-8") as file:
        file.write(fingerprint())


def make_venv() -> None:
    """An environment of our own, made anew where its Python has gone."""
    if works(PYTHON):
        return
    if find_spec("ensurepip") is None:
        raise SetupError(
            "this Python cannot make environments: ensurepip is missing. On Debian and Ubuntu: "
            f"sudo apt install python3.{sys.version_info[1]}-venv"
        )
    if call(sys.executable, "-m", "venv", "--clear", VENV, env=environment()):
        raise SetupError(f"could not make the environment {VENV}")


def install_torch() -> None:
    """torch for this machine; one that is there already, of whatever build, is kept."""
    if call(PYTHON, "-c", "import torch", env=environment(), quiet=True) == 0:
        return
    if sys.platform != "linux":
        pip("torch")
    elif has_nvidia() or not installed_cpu_build():
        pip(TORCH)


def installed_cpu_build() -> bool:
    """Whether PyTorch's own index could be reached; without retries, since there is another way."""
    quick = ("--index-url", TORCH_CPU_INDEX, "--timeout", "15", "--retries", "0")
    if call(PYTHON, "-m", "pip", "install", *quick, TORCH, env=environment()) == 0:
        return True
    print("PyTorch's CPU builds cannot be had from here: taking the usual one", flush=True)
    return False


def has_nvidia() -> bool:
    """Whether the NVIDIA driver is here."""
    from shutil import which

    return os.path.exists("/proc/driver/nvidia/version") or which("nvidia-smi") is not None


def pip(*requirements: str) -> None:
    """`pip install` in our environment."""
    if call(PYTHON, "-m", "pip", "install", *requirements, env=environment()):
        raise SetupError("pip could not install what is needed: its message is above")


def works(python: str) -> bool:
    """Whether this interpreter is there and starts."""
    return os.path.exists(python) and call(python, "-m", "pip", "--version", quiet=True) == 0


def environment() -> dict[str, str]:
    """The caller's variables without those that would let its packages in."""
    return {name: value for name, value in os.environ.items() if name not in FOREIGN}


def fingerprint() -> str:
    """Changes when the environment has to be looked at again."""
    from hashlib import sha256

    listed = (read(os.path.join(ROOT, name)) for name in ("pyproject.toml", "install.py"))
    return sha256("\0".join((ROOT, *listed)).encode()).hexdigest()


def read(path: str) -> str:
    """The text of a file, empty where there is none."""
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8") as file:
        return file.read()


def call(
    *command: str, env: dict[str, str] | None = None, cwd: str | None = None, quiet: bool = False
) -> int:
    """The exit status of a program."""
    import subprocess

    out = subprocess.DEVNULL if quiet else None
    return subprocess.run(command, env=env, cwd=cwd, stdout=out, stderr=out, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

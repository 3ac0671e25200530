"""Sets Live LoRA up; needs nothing but a bare Python 3.10 or newer.

    python install.py                the webui's call at each start: silent, adds what is missing
    python install.py app [options]  makes .venv, installs the app there and opens its page
    python install.py test [options] the same for ruff, mypy and, with the options, pytest
    python install.py test --newest  the same with the newest of everything, in .venv-newest
    python install.py test --cluster the same with Ray, whose tests are skipped without it
    python install.py lock [options] renews requirements/*.txt; --upgrade takes newer versions

Inside the webui nothing is ever upgraded: lark, safetensors and torch are there already.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

ROOT = os.path.dirname(os.path.abspath(__file__))
REQUIREMENTS = os.path.join(ROOT, "requirements")
# No dependencies of their own, so `--no-deps` cannot touch anything else in a webui.
WEBUI_NEEDS = {"lark": "lark>=1.1.2", "safetensors": "safetensors>=0.4.2"}
# Installs the 70 packages of the app in seconds, where pip takes most of a minute.
UV = "uv==0.13.9"
# On Linux, the torch of the default index brings gigabytes of CUDA along.
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
# All of torch takes 10 s to compile; what is imported compiles itself, in one.
NOT_COMPILED = "--no-compile"
# The caller's (the webui's) packages must not leak into our environment.
FOREIGN = (
    "PYTHONPATH",
    "PYTHONHOME",
    "PIP_USER",
    "PIP_TARGET",
    "PIP_PREFIX",
    "__PYVENV_LAUNCHER__",
)
# Settings of pip that uv can be told in its own words …
PIP_FOR_UV = {"index-url": "UV_DEFAULT_INDEX", "cert": "SSL_CERT_FILE"}
# … and those that change nothing here: further places (all that is locked is on PyPI), limits on
# versions (they are fixed), manners. Under any other setting pip does it all itself.
PIP_FOR_NOTHING = {
    *("extra-index-url", "find-links", "constraint", "prefer-binary", "compile", "no-compile"),
    *("timeout", "default-timeout", "retries", "cache-dir", "no-cache-dir", "log", "config-file"),
    *("disable-pip-version-check", "no-python-version-warning", "no-warn-script-location"),
    *("no-input", "no-color", "progress-bar", "quiet", "verbose", "root-user-action"),
    *("require-virtualenv", "break-system-packages"),
}


def main(arguments: list[str]) -> int:
    """The exit status of the command that the arguments name."""
    if not arguments:
        return complete_webui()
    commands = {"app": app, "test": test, "lock": lock}
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
    return call(prepared("app").python, "-m", "live_lora.app.cli", "app", *options)


def test(options: list[str]) -> int:
    """Lint, format, types and tests; the last line is pytest's where all is well."""
    if "--newest" not in options:
        python = prepared("test").python
        if "--cluster" in options:  # without Ray, its tests are skipped
            prepared("cluster")
            options = [option for option in options if option != "--cluster"]
        return call(python, "-m", "tools.checks", *options, cwd=ROOT)
    newest = Environment(".venv-newest")
    newest.make()
    newest.add_torch("torch", "--no-deps")  # what it needs comes with the rest
    newest.install(("--editable", f"{ROOT}[test]"))
    others = [option for option in options if option != "--newest"]
    return call(newest.python, "-m", "tools.newest", *others, cwd=ROOT)


def lock(options: list[str]) -> int:
    """Writes down the versions that `app` and `test` install."""
    return call(prepared("test").python, "-m", "tools.lock", *options, cwd=ROOT)


def prepared(extra: str) -> Environment:
    """.venv, holding what is locked for `extra`; instant where it does already."""
    venv = Environment(".venv")
    stamp = os.path.join(venv.folder, f"live-lora-{extra}")
    if venv.works() and read(stamp) == fingerprint():
        return venv
    print(f"Setting up {venv.folder}: the first time takes a minute or so", flush=True)
    if not venv.works():
        venv.make()
    locked = os.path.join(REQUIREMENTS, f"{extra}.txt")
    project = ("--no-build-isolation", "--editable", ROOT)  # setuptools is in the lock
    venv.install(("--no-deps", "--requirement", locked), ("--no-deps", *project))
    # torch last: what it needs is there by then, in the versions that are locked.
    venv.add_torch(read(os.path.join(REQUIREMENTS, "torch.txt")).strip())
    with open(stamp, "w", encoding="utf-8") as file:
        file.write(fingerprint())
    return venv


class Environment:
    """A folder that `venv` makes, and what is installed into it."""

    def __init__(self, name: str) -> None:
        self.folder = os.path.join(ROOT, name)
        program = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
        self.python = os.path.join(self.folder, *program)

    def works(self) -> bool:
        """Whether its Python is there and starts."""
        return (
            os.path.exists(self.python)
            and call(self.python, "-m", "pip", "--version", quiet=True) == 0
        )

    def make(self) -> None:
        """The folder, empty whatever was in it."""
        if sys.version_info < (3, 10):
            raise SetupError(f"needs Python 3.10 or newer, this is {sys.version.split()[0]}")
        if find_spec("ensurepip") is None:
            raise SetupError(
                "this Python cannot make environments: ensurepip is missing. On Debian and Ubuntu: "
                f"sudo apt install python3.{sys.version_info[1]}-venv"
            )
        if call(sys.executable, "-m", "venv", "--clear", self.folder):
            raise SetupError(f"could not make the environment {self.folder}")

    def install(self, *steps: tuple[str, ...]) -> None:
        """By uv; by pip where uv cannot be had, would act differently, or fails."""
        variables = self.variables_for_uv()
        by_uv = (
            variables is not None and call(self.python, "-m", "pip", "install", UV, quiet=True) == 0
        )
        for step in steps:
            uv = ("-m", "uv", "pip", "install", "--python", self.python)
            if by_uv and call(self.python, *uv, *step, variables=variables) == 0:
                continue
            if by_uv:
                print("uv could not: now pip, which takes longer", flush=True)
            self.pip(*step)

    def pip(self, *requirements: str) -> None:
        """`pip install`."""
        if call(self.python, "-m", "pip", "install", *requirements):
            raise SetupError("pip could not install what is needed: its message is above")

    def variables_for_uv(self) -> dict[str, str] | None:
        """What makes uv do as pip is set to; None where only pip can."""
        settings = pip_settings(output(self.python, "-m", "pip", "config", "list"))
        if not settings.keys() <= PIP_FOR_UV.keys() | PIP_FOR_NOTHING:
            return None
        return {PIP_FOR_UV[name]: settings[name] for name in settings if name in PIP_FOR_UV}

    def add_torch(self, torch: str, *options: str) -> None:
        """torch for this machine; one that is there already, of whatever build, is kept."""
        if call(self.python, "-c", "import torch", quiet=True) == 0:
            return
        if sys.platform == "linux" and not has_nvidia():
            print("PyTorch's CPU build: about 200 MB, where it is not on disk", flush=True)
            # Without retries, since there is another way; without its errors for the same reason.
            quick = ("--index-url", TORCH_CPU_INDEX, "--timeout", "15", "--retries", "0")
            command = ("-m", "pip", "install", NOT_COMPILED, *options, *quick, torch)
            if call(self.python, *command, quiet=True) == 0:
                return
            told = ("-m", "tools.torch_download", torch)
            call(self.python, *told, cwd=ROOT, variables=self.variables_for_uv())
        self.pip(NOT_COMPILED, *options, torch)


def pip_settings(listed: str) -> dict[str, str]:
    """What `pip config list` shows, of that which holds for `pip install`."""
    import re
    from ast import literal_eval

    settings = {}
    for section in ("global", "install", ":env:"):  # each overrides the one before
        for name, value in re.findall(rf"^{section}\.([\w-]+)=(.*)$", listed, re.MULTILINE):
            settings[name] = str(literal_eval(value))
    return settings


def has_nvidia() -> bool:
    """Whether the NVIDIA driver is here."""
    from shutil import which

    return os.path.exists("/proc/driver/nvidia/version") or which("nvidia-smi") is not None


def fingerprint() -> str:
    """Changes when the environment has to be looked at again."""
    from hashlib import sha256

    names = sorted(name for name in os.listdir(REQUIREMENTS) if name.endswith(".txt"))
    paths = [os.path.join(REQUIREMENTS, name) for name in names]
    paths += [os.path.join(ROOT, name) for name in ("pyproject.toml", "install.py")]
    return sha256("\0".join((ROOT, *map(read, paths))).encode()).hexdigest()


def read(path: str) -> str:
    """The text of a file, empty where there is none."""
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8") as file:
        return file.read()


def call(
    *command: str,
    variables: dict[str, str] | None = None,
    cwd: str | None = None,
    quiet: bool = False,
) -> int:
    """The exit status of a program."""
    import subprocess

    out = subprocess.DEVNULL if quiet else None
    known = {**environment(), **(variables or {})}
    return subprocess.run(command, env=known, cwd=cwd, stdout=out, stderr=out).returncode


def output(*command: str) -> str:
    """What a program prints; nothing where it fails."""
    import subprocess

    done = subprocess.run(
        command, env=environment(), capture_output=True, text=True, encoding="utf-8"
    )
    return done.stdout if done.returncode == 0 else ""


def environment() -> dict[str, str]:
    """The caller's variables without those that would let its packages in."""
    return {name: value for name, value in os.environ.items() if name not in FOREIGN}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""ruff, mypy and pytest: `python install.py test`.

Without options the tests run in two processes, and mypy beside them. Options go to pytest, which
then is alone: most often they name a few tests, and a second process takes seconds to start.
"""

from __future__ import annotations

import subprocess
import sys

# A process takes the second half of the tests, and what the other has not begun.
TWO_PROCESSES = ["--numprocesses", "2", "--dist", "worksteal"]


def main(options: list[str]) -> int:
    """The exit status; the last line is pytest's where all is well."""
    failed = [check for check in ("ruff check", "ruff format --check") if run(*check.split(), ".")]
    mypy = subprocess.Popen(
        python("mypy"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        if run("pytest", *(options or TWO_PROCESSES)):
            failed.append("pytest")
        found, _ = mypy.communicate()
    except KeyboardInterrupt:
        mypy.kill()
        return 130
    if mypy.returncode:
        print(found)
        failed.append("mypy")
    if failed:
        print(f"live-lora: not passed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def run(*check: str) -> int:
    """The exit status of one of them."""
    print(f"{' '.join(check)} …", flush=True)
    return subprocess.run(python(*check)).returncode


def python(*module: str) -> tuple[str, ...]:
    """The command that runs a module in this environment."""
    return (sys.executable, "-m", *module)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

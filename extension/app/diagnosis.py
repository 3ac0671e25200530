"""`live-lora report`: what somebody who looks for a fault has to know.

Versions, settings, and what the app's last run did, which is written down after every picture. Of
that, prompts and paths are shown only where they are asked for; tags always are: they are what ran.
"""

from __future__ import annotations

import json
import platform
import re
import subprocess
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platformdirs import user_state_path

from .. import __version__
from ..library import atomic

if TYPE_CHECKING:
    from .request import GenerationResult

EXTENSION = Path(__file__).absolute().parents[2]
PACKAGES = (
    *("torch", "safetensors", "lark", "diffusers", "transformers", "peft", "gradio", "fastapi"),
    *("numpy", "pillow", "xformers", "bitsandbytes"),
)
# The webui's options that this extension reads, by how their names begin.
OPTIONS = ("live_lora_", "lora_", "sd_lora", "use_old_scheduling", "disabled_extensions")
PROMPTS = ("prompts", "negative")
PLACES = (
    *("folders", "live_lora_folders", "live_lora_presets"),
    *("live_lora_inversions", "live_lora_checkpoints"),
)
# The folders of a path from the root on, in a sentence; its last part stays.
FOLDERS = re.compile(r"(?<![\w.:/\\])(?:file:|[A-Za-z]:)?[/\\][^'\"\n,;:]*[/\\]")


def run(options: Namespace) -> int:
    """Prints it; 0."""
    facts = report(with_prompts=options.with_prompts, with_paths=options.with_paths)
    print(json.dumps(facts, ensure_ascii=False, indent=2) if options.json else text(facts))
    return 0


def report(*, with_prompts: bool = False, with_paths: bool = False) -> dict[str, Any]:
    """For JSON: {live_lora, python, platform, packages, devices, webui, last_run}.

    `webui` is null outside of a webui's folder `extensions`, `last_run` before the first one.
    """
    facts = {
        "live_lora": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": dict(packages()),
        "devices": list(devices()),
        "webui": webui(EXTENSION),
        "last_run": last_run(),
    }
    for hidden in () if with_prompts else PROMPTS:
        facts = without(facts, hidden)
    return facts if with_paths else without_paths(facts)


def remember(result: GenerationResult, settings: Mapping[str, Any]) -> None:
    """Writes the run down, readable by its user only; pictures do not fail where it cannot be."""
    request = result.request
    facts = {
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "settings": dict(settings),
        "prompts": list(request.prompts),
        "negative": request.negative,
        "steps": request.steps,
        "size": [request.width, request.height],
        "guidance": request.guidance,
        "stopped": result.stopped,
        "report": result.report.as_dict(),
    }
    path = last_run_path()
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        # Escaped, so that half a character in a prompt cannot fail after the picture is drawn.
        atomic.replace(path, json.dumps(facts).encode())


def last_run() -> dict[str, Any] | None:
    """What `remember` wrote; None where there is nothing, or it cannot be read."""
    with suppress(OSError, ValueError):
        facts = json.loads(last_run_path().read_text(encoding="utf-8"))
        return facts if isinstance(facts, dict) else None
    return None


def last_run_path() -> Path:
    """In the user's own folder for what a program remembers."""
    return user_state_path("live-lora") / "last_run.json"


def packages() -> Iterator[tuple[str, str]]:
    """Those that are there, and their versions."""
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            yield name, version(name)


def devices() -> Iterator[str]:
    """What torch can compute on, or why it cannot be imported."""
    try:
        import torch
    except (ImportError, OSError) as error:
        yield f"torch cannot be imported: {error}"
        return
    yield f"cpu, {torch.get_num_threads()} threads"
    if torch.backends.mps.is_available():
        yield "mps"
    for index in range(torch.cuda.device_count()):
        facts = torch.cuda.get_device_properties(index)
        yield f"cuda:{index}, {facts.name}, {facts.total_memory / 2**30:.0f} GiB"


def webui(extension: Path) -> dict[str, Any] | None:
    """The version and our settings of the webui in whose `extensions` this folder lies."""
    root = extension.parent.parent
    if extension.parent.name != "extensions" or not (root / "modules/launch_utils.py").is_file():
        return None
    options: dict[str, Any] = {}
    with suppress(OSError, ValueError, AttributeError):
        options = json.loads((root / "config.json").read_text(encoding="utf-8"))
        options = {name: options[name] for name in options if name.startswith(OPTIONS)}
    return {"version": webui_version(root), "settings": options}


def webui_version(root: Path) -> str | None:
    """As the webui finds its own: git's tag, else the first heading of its change log."""
    with suppress(OSError, subprocess.SubprocessError):
        command = ("git", "-C", str(root), "describe", "--tags")
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    with suppress(OSError):
        log = (root / "CHANGELOG.md").read_text(encoding="utf-8", errors="replace")
        return next((line.strip("# ") for line in log.splitlines() if line.strip()), None)
    return None


def without(value: Any, name: str) -> Any:
    """The same facts, at every depth without those of this name."""
    if isinstance(value, dict):
        return {key: without(value[key], name) for key in value if key != name}
    return [without(one, name) for one in value] if isinstance(value, list) else value


def without_paths(value: Any, name: str = "") -> Any:
    """The same facts, with no more of a path than the name at its end."""
    if isinstance(value, dict):
        return {key: without_paths(value[key], key) for key in value}
    if name in PLACES:
        return "…" if value else value
    if isinstance(value, list):
        return [without_paths(one) for one in value]
    if name == "file":
        return re.split(r"[/\\]", value)[-1]
    return FOLDERS.sub("…/", value) if isinstance(value, str) else value


def text(facts: Mapping[str, Any]) -> str:
    """For a person: a line for each fact, those inside another one further in."""
    return "\n".join(_lines(facts))


def _lines(facts: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    for name, value in facts.items():
        if isinstance(value, dict):
            yield f"{indent}{name}:"
            yield from _lines(value, indent + "  ")
        else:
            shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            yield f"{indent}{name}: {shown}"

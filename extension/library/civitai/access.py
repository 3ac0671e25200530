"""Which site is asked, and with which key: two files in our data folder, or the environment.

`civitai.json` holds {"host", "fallback", "offline"}. The key is never in it: webuis answer every
request for their options with all of them. It stands in LIVE_LORA_CIVITAI_KEY, or in `civitai.key`,
which nobody else may read.
"""

from __future__ import annotations

import json
import os
import re
import stat
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import OnlineError
from .addresses import Origin

HOST = "https://civitai.com"
FALLBACK = "https://civarchive.com"
SETTINGS = "civitai.json"
KEY_FILE = "civitai.key"
ENVIRONMENT = {
    "host": "LIVE_LORA_CIVITAI_HOST",
    "fallback": "LIVE_LORA_CIVITAI_FALLBACK",
    "offline": "LIVE_LORA_OFFLINE",
}
KEY_VARIABLE = "LIVE_LORA_CIVITAI_KEY"
KEY = re.compile(r"[!-~]{8,512}")  # goes into a header: no space, no line break


@dataclass(frozen=True, slots=True)
class Access:
    """Where requests go. `offline` refuses all of them; `fallback` is None for no second site."""

    host: Origin = field(default_factory=lambda: Origin.of(HOST))
    fallback: Origin | None = field(default_factory=lambda: Origin.of(FALLBACK))
    offline: bool = False
    key: str | None = field(default=None, repr=False)

    def demand(self) -> None:
        """Raises OnlineError where the network is switched off."""
        if self.offline:
            reason = f"the network is switched off ({ENVIRONMENT['offline']}, or {SETTINGS})"
            raise OnlineError("offline", reason)

    def facts(self) -> dict[str, Any]:
        """What may be shown: whether there is a key, never the key."""
        return {
            "host": str(self.host),
            "fallback": str(self.fallback) if self.fallback else None,
            "offline": self.offline,
            "key": self.key is not None,
        }


def read_access(folder: Path) -> Access:
    """The settings in our data folder; what stands in the environment goes before. OnlineError."""
    settings = _settings(folder / SETTINGS)
    for name, variable in ENVIRONMENT.items():
        if variable in os.environ:
            settings[name] = os.environ[variable]
    fallback = settings.get("fallback", FALLBACK)
    return Access(
        host=Origin.of(str(settings.get("host") or HOST)),
        fallback=Origin.of(str(fallback)) if fallback else None,
        offline=str(settings.get("offline", "")).lower() not in ("", "0", "false", "no"),
        key=_key(folder / KEY_FILE),
    )


def write_key(folder: Path, key: str) -> Path:
    """Keeps the key in a file that only its owner may read; "" removes it. OnlineError."""
    path = folder / KEY_FILE
    if not key:
        path.unlink(missing_ok=True)
        return path
    _checked(key, "the key")
    folder.mkdir(parents=True, exist_ok=True)
    spare = path.with_name(f".{KEY_FILE}-{os.getpid()}")
    spare.unlink(missing_ok=True)
    handle = os.open(spare, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(key)
    spare.replace(path)
    return path


def _settings(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise OnlineError("settings", f"{path.name} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise OnlineError("settings", f"{path.name} is not a JSON object")
    return content


def _key(path: Path) -> str | None:
    if key := os.environ.get(KEY_VARIABLE, "").strip():
        return _checked(key, KEY_VARIABLE)
    try:
        mode = path.stat().st_mode
        if sys.platform != "win32" and mode & (stat.S_IRWXG | stat.S_IRWXO):
            reason = f"{path.name} can be read by others of this machine: chmod 600 it"
            raise OnlineError("settings", reason)
        key = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise OnlineError("settings", f"{path.name} cannot be read") from error
    return _checked(key, path.name)


def _checked(key: str, source: str) -> str:
    if not KEY.fullmatch(key):
        reason = f"{source} is not a key: 8 or more letters and digits without spaces"
        raise OnlineError("settings", reason)
    return key

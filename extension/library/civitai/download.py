"""A version's file, into a folder of the library: whole and the one that was announced, or none."""

from __future__ import annotations

import hashlib
import http.client
import os
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import parse_qsl, urlencode, urlsplit

from ...errors import FileError, OnlineError
from .. import header
from ..bulk.file_names import free, safe_stem
from ..bulk.placing import demand_room, settle, sync_folder
from .client import CivitaiClient, demand_success
from .reply import RemoteFile, files
from .transport import Asked

ENDING = ".safetensors"
CHUNK = 1 << 20
ROUNDED = 1024  # bytes: sites give sizes in kB
LARGEST = 32 << 30
SLOWEST = 64 << 10  # bytes in a WINDOW
WINDOW = 60.0  # seconds
LONGEST = 86400.0  # seconds for all of it
OPTIONS = ("type", "format", "size", "fp")  # of a download's address


@dataclass(frozen=True, slots=True)
class Downloaded:
    """How far a download is, in bytes."""

    name: str
    done: int
    total: int


def choose(version: Mapping[str, Any], file_id: int | None = None) -> RemoteFile:
    """The file to fetch: the one of this id, else the main one. OnlineError if there is none."""
    offered = [
        file
        for file in files(version)
        if file.name.lower().endswith(ENDING) and file.format in ("SafeTensor", "")
    ]
    if file_id is not None:
        offered = [file for file in offered if file.id == file_id]
    if not offered:
        reason = f"it offers no such {ENDING} file; pickles can run code, and are not fetched"
        raise OnlineError("not-there", reason)
    return max(offered, key=lambda file: (file.primary, file.kind == "Model"))


def download(
    client: CivitaiClient,
    version_id: int,
    file: RemoteFile,
    folder: Path,
    *,
    name: str | None = None,
    tell: Callable[[Downloaded], None] = lambda downloaded: None,
    window: float = WINDOW,
) -> Path:
    """Fetches a file of a version into an existing folder and gives its path.

    It is called as its site calls it, made harmless, with a number where that is taken; `name` is
    a stem to use instead. Size and SHA-256 are checked, and that it is a safetensors file.
    OnlineError, FileError; Stopping when the client is stopped. Then nothing is left behind.
    """
    stem = safe_stem(name or file.name[: -len(ENDING)])
    asked = Asked(address(client, version_id, file))
    until = time.monotonic() + LONGEST
    spare = folder / f".live-lora-{secrets.token_hex(8)}.part"
    try:
        with client.transport.open(asked, client.access.host, until, client.stopped) as answer:
            demand_success(answer, client.access.host)
            size = _announced(answer, file)
            demand_room(folder, size)
            with spare.open("xb") as target:
                digest = _receive(
                    answer, target, size, window, lambda n: tell(Downloaded(stem, n, size))
                )
        _demand_same(digest, file, spare)
        target_path = free(folder / f"{stem}{ENDING}")
        settle(spare, target_path)
        sync_folder(folder)
        return target_path
    except OSError as error:
        reason = f"cannot be stored: {error.strerror or error}"
        raise FileError("place", f"{stem}{ENDING}", reason) from error
    finally:
        spare.unlink(missing_ok=True)


def address(client: CivitaiClient, version_id: int, file: RemoteFile) -> str:
    """Where the site gives the file; never another place that its answer may name."""
    options = []
    if not file.primary:
        given = parse_qsl(urlsplit(file.path).query)
        options = [(key, value) for key, value in given if key in OPTIONS]
    query = f"?{urlencode(options)}" if options else ""
    return f"{client.access.host}/api/download/models/{version_id:d}{query}"


def _announced(answer: http.client.HTTPResponse, file: RemoteFile) -> int:
    """The number of bytes that will come; OnlineError where it is not the file that is listed."""
    size = answer.length if answer.length is not None else file.size and round(file.size)
    if not size or size > LARGEST:
        raise OnlineError("nonsense", f"the site does not say how large {file.name!r} is")
    if file.size is not None and abs(size - file.size) > ROUNDED:
        reason = f"{size:,} bytes come instead of {file.size:,.0f}: this is another file"
        raise OnlineError("nonsense", reason)
    return size


def _receive(
    answer: http.client.HTTPResponse,
    target: BinaryIO,
    size: int,
    window: float,
    tell: Callable[[int], None],
) -> str:
    """Writes what comes and gives its SHA-256; OnlineError for another size, or no progress."""
    digest, done = hashlib.sha256(), 0
    since, before = time.monotonic(), 0
    while chunk := _chunk(answer):
        done += len(chunk)
        if done > size + ROUNDED:
            raise OnlineError("nonsense", f"more comes than the {size:,} bytes that were announced")
        digest.update(chunk)
        target.write(chunk)
        tell(done)
        if time.monotonic() - since > window:
            if done - before < SLOWEST:
                raise OnlineError("no-answer", "the download is too slow: try again later")
            since, before = time.monotonic(), done
    if answer.length or abs(done - size) > (0 if answer.length == 0 else ROUNDED):
        raise OnlineError("no-answer", f"the download broke off after {done:,} of {size:,} bytes")
    target.flush()
    os.fsync(target.fileno())
    return digest.hexdigest()


def _chunk(answer: http.client.HTTPResponse) -> bytes:
    """What has come by now; errors of the network are not those of the disk."""
    try:
        return answer.read1(CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise OnlineError("no-answer", f"the download broke off: {error}") from error


def _demand_same(digest: str, file: RemoteFile, spare: Path) -> None:
    """The announced bytes, in the form of a safetensors file."""
    if file.sha256 and digest != file.sha256:
        reason = f"its SHA-256 is {digest[:12]}…, not {file.sha256[:12]}…: this is another file"
        raise OnlineError("nonsense", reason)
    try:
        header.read(spare)
    except FileError as error:
        raise OnlineError("nonsense", f"what came is no LoRA: {error.reason}") from error

"""What a user asks of Civitai, from the command line or the page: the library's side of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ...errors import FileError, OnlineError
from ..bulk.file_names import demand_folder
from ..catalog import Catalog
from ..lora_file import LoraFile
from ..rests import clear
from ..walk import is_within
from . import updates
from .access import Access, read_access
from .client import CivitaiClient
from .download import Downloaded, choose, download
from .lookup import LEVEL, Looked, Lookup, Missing
from .pacing import Pace
from .reply import positive
from .storing import store, store_picture
from .transport import Stopped, Transport

MISSING = "civitai-missing.jsonl"


class CivitaiService:
    """Requests for one library; `data` is the folder of our data. Nothing is sent before one.

    Args:
        client_of: makes the client that asks, for tests.
    """

    def __init__(
        self,
        catalog_of: Callable[[], Catalog],
        data: Path,
        client_of: Callable[[Access, Stopped], CivitaiClient] | None = None,
    ) -> None:
        self._catalog_of = catalog_of
        self._data = data
        self._pace = Pace()  # one for all that this program asks
        self._client_of = client_of or self._new_client

    def access(self) -> Access:
        """The settings as they are now. OnlineError."""
        return read_access(self._data)

    def lookup(
        self,
        entries: Sequence[LoraFile],
        stopped: Stopped = lambda: False,
        tell: Callable[[Looked], None] = lambda looked: None,
        *,
        again: bool = False,
        level: int = LEVEL,
    ) -> Looked:
        """Asks what is known of these files and keeps it beside them. OnlineError."""
        client = self._client(stopped)
        missing = Missing(self._data / MISSING)
        return Lookup(client, missing, self._catalog_of(), again, level, tell).run(entries)

    def updates(
        self,
        entries: Sequence[LoraFile],
        stopped: Stopped = lambda: False,
        tell: Callable[[int, int], None] = lambda done, total: None,
    ) -> dict[str, dict[str, Any]]:
        """Newer versions of these files' models by the files' ids. OnlineError, FileError."""
        folders = self._catalog_of().folders
        return updates.check(entries, self._client(stopped), folders, tell)

    def download(
        self,
        version_id: int,
        root: Path,
        relative: str = "",
        stopped: Stopped = lambda: False,
        tell: Callable[[Downloaded], None] = lambda downloaded: None,
        *,
        file_id: int | None = None,
        name: str | None = None,
        level: int = LEVEL,
    ) -> Path:
        """Fetches a version into a folder of a library, with facts and picture.

        OnlineError, FileError; Stopping.
        """
        folder = self._folder(root, relative)
        clear([folder])
        client = self._client(stopped)
        version = client.version(version_id)
        if version is None:
            raise OnlineError("not-there", f"{client.access.host} shows no version {version_id}")
        chosen = choose(version, file_id)
        path = download(client, version_id, chosen, folder, name=name, tell=tell)
        id = positive(version.get("modelId"))
        model = client.models([id]).get(id) if id else None
        catalog = self._catalog_of()
        store(path, version, model, catalog.folders, "civitai")
        catalog.scan()
        entry = next((one for one in catalog.entries if one.path == path), None)
        if entry is not None and level:
            store_picture(entry, version, client, level)
        return path

    def _folder(self, root: Path, relative: str) -> Path:
        folder = root / demand_folder(relative)
        if not is_within(folder, [root]):
            raise FileError("place", relative, "is a link that leads out of the library")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = f"cannot be made: {error.strerror or error}"
            raise FileError("place", relative, reason) from error
        return folder

    def _client(self, stopped: Stopped) -> CivitaiClient:
        access = self.access()
        access.demand()
        return self._client_of(access, stopped)

    def _new_client(self, access: Access, stopped: Stopped) -> CivitaiClient:
        return CivitaiClient(Transport(access), self._pace, stopped)

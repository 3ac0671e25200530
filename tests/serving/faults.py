"""A server under load while everything goes wrong: what is counted, and what is checked.

Clients ask, are refused, leave and cancel; a LoRA's file is replaced and removed, and another is on
a slow disk. Every request must get an answer, and every picture must be the one that is drawn alone
with the very file that its infotext names.
"""

from __future__ import annotations

import base64
import io
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from live_lora.app.request import GenerationRequest
from live_lora.hosts.attach import open_library
from live_lora.serving.drawing_service import DrawingService
from live_lora.serving.jobs import DrawingJob
from live_lora.serving.picture_service import PictureService
from live_lora.session.session import Options
from PIL import Image

SWAPPED = "swapped"  # the LoRA whose file is replaced and removed
PROMPTS = (
    "a fox",
    "a fox <lora:ghibli:0.8>",
    "an owl <lora:owl:0.2@0,1@1> <lora:ink:0.5>",
    f"a cat <lora:{SWAPPED}:1>",
    "a dog <lora:slow:0.7>",
    "a cow <lora:missing:1>",
)
SEEDS = (1, 2)
SIZE: dict[str, Any] = {"steps": 2, "width": 64, "height": 64}
KINDS = ("good",) * 12 + ("bad", "leave", "cancel", "cancel")
CLIENTS = 6
Pixels = np.ndarray[Any, Any]


@dataclass
class FaultCounts:
    """What happened, and what must not have: `wrong` pictures, `unanswered` requests."""

    happened: Counter[str] = field(default_factory=Counter)
    pictures: list[tuple[str, int, str, Pixels]] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    resident: dict[int, int] = field(default_factory=dict)  # bytes, after so many requests


class FaultRun:
    """`count` requests at an address; `folder` is the library's. `kill`, called with the number of
    a request, may kill what draws."""

    def __init__(
        self,
        address: str,
        service: PictureService,
        folder: Path,
        count: int,
        kill: Callable[[int], str | None] = lambda number: None,
    ) -> None:
        self.address, self.service, self.folder, self.count = address, service, folder, count
        self.kill = kill
        catalog = open_library(folder, Options())
        self.hashes = {name: catalog.find(name).shorthash for name in TWINS}
        self.counts = FaultCounts()
        self.lock = threading.Lock()
        self.done = threading.Event()
        self.versions = {name: (folder / f"{name}.safetensors").read_bytes() for name in TWINS}

    def run(self, measure: Callable[[], int] = lambda: 0) -> FaultCounts:
        """All of it; `measure` gives the memory in use."""
        swapping = threading.Thread(target=self._swap)
        swapping.start()
        numbers = iter(range(self.count))
        clients = [
            threading.Thread(target=self._client, args=(numbers, measure)) for _ in range(CLIENTS)
        ]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        self.done.set()
        swapping.join()
        self._check()
        return self.counts

    def _client(self, numbers: Any, measure: Callable[[], int]) -> None:
        while True:
            with self.lock:
                number = next(numbers, None)
                if number is None:
                    return
                if number % 100 == 0:
                    self.counts.resident[number] = measure()
            if told := self.kill(number):
                self.counts.happened[told] += 1
            self._ask(number)

    def _ask(self, number: int) -> None:
        chance = random.Random(number)
        kind, prompt, seed = chance.choice(KINDS), chance.choice(PROMPTS), chance.choice(SEEDS)
        try:
            # Nothing is encrypted here, and reading certificates anew each time would be the most
            # of what this process does with memory.
            with httpx.Client(base_url=self.address, timeout=300, verify=False) as ask:
                told = getattr(self, f"_{kind}")(ask, prompt, seed)
        except httpx.HTTPError as error:
            self.counts.unanswered.append(f"{number} {kind}: {error!r}")
            return
        with self.lock:
            self.counts.happened[told] += 1

    def _good(self, ask: httpx.Client, prompt: str, seed: int) -> str:
        answer = ask.post("/sdapi/v1/txt2img", json={"prompt": prompt, "seed": seed, **SIZE})
        if answer.status_code != 200:
            return f"good: {answer.status_code}"
        found = answer.json()
        image = Image.open(io.BytesIO(base64.b64decode(found["images"][0])))
        text = json.loads(found["info"])["infotexts"][0]
        with self.lock:
            self.counts.pictures.append((prompt, seed, text, np.asarray(image)))
        return "good: 200"

    def _bad(self, ask: httpx.Client, prompt: str, seed: int) -> str:
        asked = {"prompt": prompt, "seed": seed, **SIZE, "sampler_name": "nope"}
        return f"bad: {ask.post('/sdapi/v1/txt2img', json=asked).status_code}"

    def _leave(self, ask: httpx.Client, prompt: str, seed: int) -> str:
        try:
            asked = {"prompt": prompt, "seed": seed, **SIZE, "steps": 40}
            ask.post("/sdapi/v1/txt2img", json=asked, timeout=0.3)
        except httpx.ReadTimeout:
            return "left"
        return "answered before it left"

    def _cancel(self, ask: httpx.Client, prompt: str, seed: int) -> str:
        wish = {"prompts": [prompt] * 3, "seed": seed, **SIZE, "sampler": "Euler"}
        submitted = ask.post("/live-lora/v1/jobs", json=wish)
        if submitted.status_code != 202:
            return f"cancel: {submitted.status_code}"
        ask.delete(f"/live-lora/v1/jobs/{submitted.json()['id']}")
        return "cancelled"

    def _swap(self) -> None:
        """Another file in the same place, then none, by turns."""
        file = self.folder / f"{SWAPPED}.safetensors"
        for turn in range(1_000_000):
            if self.done.wait(0.4):
                break
            if turn % 4 == 3:
                file.unlink(missing_ok=True)
                self.counts.happened["file removed"] += 1
                continue
            fresh = self.folder / "fresh.part"
            fresh.write_bytes(self.versions[TWINS[turn % 2]])
            fresh.replace(file)
            self.counts.happened["file replaced"] += 1

    def _check(self) -> None:
        """Each picture against the one that is drawn alone, with the file that its text names."""
        known: dict[tuple[str, int, str], Pixels] = {}
        for prompt, seed, text, pixels in self.counts.pictures:
            hashes = text.partition('Lora hashes: "')[2]
            candidates = [prompt]
            if SWAPPED in prompt:  # its twin of that hash; no LoRA where the text names none
                candidates = [
                    prompt.replace(SWAPPED, twin)
                    for twin in TWINS
                    if not hashes or self.hashes[twin] in hashes
                ]
                candidates += [] if hashes else ["a cat"]
            for one in candidates:
                if (one, seed, "") not in known:
                    known[one, seed, ""] = self._alone(one, seed)
            drawn = pixels.astype(int)
            far = {one: int(np.abs(known[one, seed, ""] - drawn).max()) for one in candidates}
            if min(far.values()) > 2:
                self.counts.wrong.append(f"{prompt} {seed}: {far} from each alone; {text}")

    def _alone(self, prompt: str, seed: int) -> Pixels:
        request = GenerationRequest(
            (prompt,), seed=seed, sampler="Euler", schedule="Automatic", guidance=7.0, **SIZE
        )
        over = threading.Event()
        job = self.service.submit("check", request)
        job.listeners.append(lambda one: over.set() if one.over else None)
        assert job.over or over.wait(120)
        return picture_of(job)


TWINS = ("owl", "ghibli")


def slow_disk(service: DrawingService) -> None:
    """The file `slow` takes half a second more to read."""
    read = service.loading._read

    def slowly(load: Any) -> Any:
        if load.file.name == "slow":
            time.sleep(0.5)
        return read(load)

    service.loading._read = slowly  # type: ignore[method-assign]


def picture_of(job: DrawingJob) -> Pixels:
    return np.asarray(job.demand()[0].image, int)

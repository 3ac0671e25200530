"""Starts a webui on a free port and asks its API."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from .loras import make_loras
from .programs import A1111, Program

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
EXTENSION = ("extension", "scripts", "javascript", "metadata.ini", "install.py", "style.css")
PATIENCE = 600  # seconds for a start, on a busy machine
SETTINGS = {
    "sd_model_checkpoint": "small-a.safetensors",
    "sd_vae": "None",
    "samples_save": False,
    "grid_save": False,
    "live_previews_enable": False,
    "save_images_before_highres_fix": False,
    "CLIP_stop_at_last_layers": 1,
    # Whatever else a test overrides: what config.json lacks, the webui does not give back.
    "batch_cond_uncond": True,
    "skip_early_cond": 0.0,
}
# At its very first start gradio 4 knows no type of these, and the forks then paste no prompt.
UI = {f"txt2img/{name}/value": "" for name in ("Prompt", "Negative prompt", "Negative Prompt")}


@dataclass
class Picture:
    """One answer of the API: pictures as (h, w, 3) int arrays, their infotexts, the samples."""

    pictures: list[np.ndarray]
    info: dict[str, Any]
    samples: np.ndarray = field(default_factory=lambda: np.zeros(0))

    @property
    def infotext(self) -> str:
        return str(self.info["infotexts"][0])

    def farthest(self, other: Picture) -> int:
        """The largest difference anywhere, of 255."""
        pairs = zip(self.pictures, other.pictures, strict=True)
        return max(int(abs(a - b).max()) for a, b in pairs)


def make_models(folder: Path) -> Path:
    """Checkpoints by the webui's own classes, in the webui's interpreter; then LoRA files."""
    script = HERE / "make_checkpoints.py"
    command = [A1111.python, str(script), str(folder / "Stable-diffusion")]
    subprocess.run(command, cwd=A1111.root, check=True, capture_output=True)
    make_loras(folder / "Stable-diffusion", folder / "Lora")
    return folder


class Webui:
    """A running webui; a context manager."""

    def __init__(
        self,
        models: Path,
        data: Path,
        *,
        builtin: bool,
        ours: bool = True,
        flags: Sequence[str] = (),
        program: Program = A1111,
        neighbours: Sequence[Path] = (),
        options: Mapping[str, Any] | None = None,
    ) -> None:
        """`neighbours` are checkouts of other extensions, which are installed beside ours."""
        self.program = program
        self.models, self.data, self.builtin, self.ours = models, data, builtin, ours
        self.flags, self.neighbours, self.options = flags, neighbours, options or {}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.log = data / "log.txt"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Webui:
        self._install()
        self.start()
        return self

    def start(self) -> None:
        """Once more after an exit: with the data, and what Python compiled, of the time before."""
        program = self.program
        command = [program.python, "launch.py", *program.flags.split(), "--port", str(self.port)]
        command += ["--data-dir", str(self.data), program.models_flag, str(self.models)]
        environment = {**os.environ, "GRADIO_ANALYTICS_ENABLED": "False", "no_proxy": "127.0.0.1"}
        environment.pop("PYTHONPATH", None)
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, *self.flags],
                cwd=program.root,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.wait_for_start(0)

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends the program; its data stay."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(30)

    def _install(self) -> None:
        extensions = self.data / "extensions"
        shutil.copytree(HERE / "probe", extensions / "probe" / "scripts")
        for name in EXTENSION if self.ours else ():
            source, target = ROOT / name, extensions / "live-lora" / name
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            elif source.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, target)
        for folder in self.neighbours:
            shutil.copytree(folder, extensions / folder.name, ignore=shutil.ignore_patterns(".git"))
        disabled = [] if self.builtin else [self.program.lora]
        settings = {**SETTINGS, **self.program.settings, "disabled_extensions": disabled}
        settings |= self.options
        (self.data / "config.json").write_text(json.dumps(settings))
        (self.data / "ui-config.json").write_text(json.dumps(UI))
        (self.data / "tmp").mkdir(exist_ok=True)  # Forge Neo's page saves there, and makes it late

    @property
    def memory(self) -> int:
        """Resident bytes of its process."""
        assert self._process is not None
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def printed(self) -> str:
        """What the webui has printed so far."""
        return self.log.read_text(errors="replace")

    def wait_for_start(self, before: int) -> None:
        """Until it has started once more than `before`: asked earlier it may die."""
        assert self._process is not None
        deadline = time.monotonic() + PATIENCE
        while self.printed().count("Startup time:") <= before:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the webui did not start:\n" + self.printed()[-5000:])
            time.sleep(0.5)

    def get(self, path: str) -> Any:
        """JSON of a route."""
        return self._ask(urllib.request.Request(self._url(path)))

    def post(self, path: str, **body: Any) -> Any:
        """JSON of a route that takes JSON; Refused where it answers with an error."""
        data = json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        return self._ask(urllib.request.Request(self._url(path), data, headers))

    def _url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def _ask(self, request: urllib.request.Request) -> Any:
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise Refused(error.code, error.read().decode(errors="replace")) from None

    def txt2img(self, prompt: str, path: str = "/sdapi/v1/txt2img", **options: Any) -> Picture:
        """Small pictures in few steps, Euler, seed 1; options are the API's."""
        body = {
            "prompt": prompt,
            "steps": 3,
            "width": 64,
            "height": 64,
            "seed": 1,
            "cfg_scale": 5,
            "sampler_name": "Euler",
            "scheduler": "Automatic",
            "do_not_save_grid": True,
        }
        if options.get("enable_hr"):
            body |= self.program.hires
        with self._given_back(options.get("override_settings", {})):
            answer = self.post(path, **{**body, **options})
        pictures = [np.asarray(read_picture(one)).astype(int) for one in answer["images"]]
        return Picture(pictures, json.loads(answer["info"]), np.load(self.data / "samples.npy"))

    @contextmanager
    def _given_back(self, overrides: Mapping[str, Any]) -> Iterator[None]:
        """No setting of one request may stay on for the tests after it."""
        before = self.get("/sdapi/v1/options") if overrides else {}
        try:
            yield
        finally:
            after = self.get("/sdapi/v1/options") if overrides else {}
            kept = {name: after[name] for name in overrides if after.get(name) != before.get(name)}
            if kept:
                raise RuntimeError(f"the webui keeps {kept}: add the defaults to SETTINGS")

    @contextmanager
    def latents_only(self, wanted: bool = True) -> Iterator[None]:
        """Samples are made and not decoded: for tests that do not look at pictures."""
        self.post("/probe/latents_only", wanted=wanted)
        try:
            yield
        finally:
            self.post("/probe/latents_only", wanted=False)

    def img2img(self, prompt: str, picture: np.ndarray, **options: Any) -> Picture:
        """The same from a picture."""
        stream = io.BytesIO()
        Image.fromarray(picture.astype(np.uint8)).save(stream, "PNG")
        images = [base64.b64encode(stream.getvalue()).decode()]
        return self.txt2img(prompt, "/sdapi/v1/img2img", init_images=images, **options)

    def settings(self, **options: Any) -> None:
        """Changes the webui's options."""
        self.post("/sdapi/v1/options", **options)


class Refused(Exception):
    """An HTTP error."""

    def __init__(self, code: int, body: str) -> None:
        super().__init__(f"{code}: {body}")
        self.code, self.body = code, body


def read_picture(encoded: str) -> Image.Image:
    """A picture of the API's answer."""
    return Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB")

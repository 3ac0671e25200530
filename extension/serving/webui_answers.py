"""Our pictures, lists and progress in the webui's words."""

from __future__ import annotations

import base64
import io
import json
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from PIL.Image import Image

from .. import __version__
from ..app.generator import Generator
from ..app.picture_text import description
from ..app.pictures import png
from ..app.samplers import SCHEDULES
from ..app.sampling.sampler_list import SAMPLERS
from ..library.lora_file import LoraFile
from .jobs import DrawingJob, TaskState
from .mixed_drawing import DrawnPicture
from .webui_requests import WebuiRequest

VERSION = f"live-lora {__version__}"
# What the webui says of parts of its that are not here.
NOT_HERE: dict[str, Any] = {
    "restore_faces": False,
    "face_restoration_model": None,
    "styles": [],
    **dict.fromkeys(("sd_model_hash", "sd_vae_name", "sd_vae_hash")),
    "seed_resize_from_w": -1,
    "seed_resize_from_h": -1,
    "extra_generation_params": {},
    "index_of_first_image": 0,
    "is_using_inpainting_conditioning": False,
}
IDLE_STATE = {
    "skipped": False,
    "interrupted": False,
    "stopping_generation": False,
    "job": "",
    "job_count": 0,
    "job_timestamp": "0",
    "job_no": 0,
    "sampling_step": 0,
    "sampling_steps": 0,
}


def pictures_answer(
    asked: WebuiRequest, job: DrawingJob, pictures: Sequence[DrawnPicture], model: str
) -> dict[str, Any]:
    """`images`, `parameters` and `info`, which is a string of JSON."""
    images = [base64.b64encode(png(one.image)).decode() for one in pictures]
    parameters = asked.model_dump()
    if not parameters.pop("include_init_images", False):
        parameters.pop("init_images", None)
        parameters.pop("mask", None)
    return {
        "images": images if asked.send_images else [],
        "parameters": parameters,
        "info": json.dumps(_info(asked, job, pictures, model)),
    }


def _info(
    asked: WebuiRequest, job: DrawingJob, pictures: Sequence[DrawnPicture], model: str
) -> dict[str, Any]:
    request = job.request
    seeds = [one.seed for one in pictures] or list(request.seeds)
    count = len(seeds)
    strength = request.start or request.hires
    return {
        "prompt": request.prompts[0],
        "all_prompts": list(request.prompts[:count]),
        "negative_prompt": request.negative,
        "all_negative_prompts": list(request.negatives[:count]),
        "seed": seeds[0],
        "all_seeds": seeds,
        "subseed": -1,
        "all_subseeds": [-1] * count,
        "subseed_strength": 0,
        "width": request.width,
        "height": request.height,
        "sampler_name": request.sampler,
        "cfg_scale": request.guidance,
        "steps": request.steps,
        "batch_size": asked.batch_size,
        "sd_model_name": model,
        **NOT_HERE,
        "denoising_strength": strength.strength if strength else None,
        "infotexts": [one.infotext for one in pictures],
        "job_timestamp": f"{datetime.now():%Y%m%d%H%M%S}",
        "clip_skip": request.clip_skip,
        "version": VERSION,
    }


def progress_answer(job: DrawingJob | None, *, picture: bool) -> dict[str, Any]:
    """Of the job that is being drawn, or waits; with its preview, where it has one."""
    if job is None:
        state = dict(IDLE_STATE)
        return _progress(0.0, 0.0, state, None, None)
    drawing = [task for task in job.tasks if task.state is TaskState.DRAWING]
    task = next(iter(drawing or job.tasks), None)  # none before a replica has taken the job
    done = max(job.progress, 0.01)
    spent = time.monotonic() - job.created
    state = {
        **IDLE_STATE,
        "interrupted": any(one.stop for one in job.tasks),
        "job": job.id,
        "job_count": len(job.tasks),
        "job_no": sum(one.state.over for one in job.tasks),
        "sampling_step": task.step if task else 0,
        "sampling_steps": (task and task.steps) or job.request.steps,
    }
    preview = next((one.preview for one in drawing if one.preview is not None), None)
    shown = _encoded(preview) if picture and preview is not None else None
    text = None if drawing else "waiting for its turn"
    return _progress(done, spent / done - spent, state, shown, text)


def _progress(
    progress: float, eta: float, state: dict[str, Any], image: str | None, text: str | None
) -> dict[str, Any]:
    facts = {"progress": progress, "eta_relative": eta, "state": state}
    return {**facts, "current_image": image, "textinfo": text}


def _encoded(image: Image) -> str:
    out = io.BytesIO()
    image.save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


def lora_answer(file: LoraFile) -> dict[str, Any]:
    """`path` is relative to the library's folder."""
    facts = {"name": file.name, "alias": file.alias or file.name, "path": file.relative}
    return {**facts, "metadata": dict(file.metadata)}


def model_answer(name: str, filename: str) -> dict[str, Any]:
    """The one model; `filename` is relative to its folder."""
    facts = {"title": filename, "model_name": name, "hash": None, "sha256": None}
    return {**facts, "filename": filename, "config": None}


def samplers_answer() -> list[dict[str, Any]]:
    """What there is, under the webui's names."""
    return [
        {"name": one.name, "aliases": list(one.aliases), "options": {}} for one in SAMPLERS.values()
    ]


def schedulers_answer() -> list[dict[str, Any]]:
    """The same of schedule types: `SGM Uniform` is `sgm_uniform`."""
    facts = {"aliases": None, "default_rho": -1.0, "need_inner_model": False}
    return [{"name": one.lower().replace(" ", "_"), "label": one, **facts} for one in SCHEDULES]


def embeddings_answer(generator: Generator) -> dict[str, Any]:
    """Those that the model can read, and those that it cannot."""
    unfit = generator.live.unfit_embeddings()
    loaded: dict[str, Any] = {}
    skipped: dict[str, Any] = {}
    for file in generator.live.embeddings.scan():
        shape = max((int(part.shape[-1]) for part in file.parts.values()), default=0)
        facts = {"step": None, "sd_checkpoint": None, "sd_checkpoint_name": None}
        home = skipped if file.name in unfit or file.problem else loaded
        home[file.name] = {**facts, "shape": shape, "vectors": file.count}
    return {"loaded": loaded, "skipped": skipped}


def png_answer(image: Image, parameters: dict[str, Any]) -> dict[str, Any]:
    """What stands in a picture."""
    items = {
        key: value
        for key, value in image.info.items()
        if isinstance(value, str) and key != "parameters"
    }
    return {"info": description(image), "items": items, "parameters": parameters}

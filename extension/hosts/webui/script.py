"""The always-on script: the webui shows it every `p` before anything else happens to it."""

from __future__ import annotations

from typing import Any

from modules import scripts

from . import job_options, steps
from .wrapping import install, job_of, uninstall

TITLE = "Live LoRA"


class LiveLoraScript(scripts.Script):  # type: ignore[misc]
    """Puts the job on `p`. Its one argument, `prompts`, is for the API.

    `"alwayson_scripts": {"Live LoRA": {"args": [["a <lora:x:1>", "b <lora:y:1>"]]}}` makes a
    picture of every prompt, each with its own LoRAs, `batch_size` at a time.
    """

    create_group = False

    def title(self) -> str:
        return TITLE

    def show(self, is_img2img: bool) -> Any:
        return scripts.AlwaysVisible

    def ui(self, is_img2img: bool) -> list[Any]:
        # gradio is the webui's here, through the webui's own module
        prompts = scripts.gr.Textbox(label="prompts", value="", visible=False)
        prompts.do_not_save_to_config = True
        return [prompts]

    def before_process(self, p: Any, prompts: Any = None, *_: Any) -> None:
        job = install(p)
        try:
            job.asked = job_options.ask(p, job_options.prompts_of(prompts))
        except job_options.BadRequest as error:
            job.refuse(error)
        job.read_ahead()

    def process_before_every_sampling(self, p: Any, *_: Any, **__: Any) -> None:
        """Once a pass; Forge calls it twice before the hires pass, the first time too early."""
        if p.sampler is not None:
            steps.watch(p.sampler)
        if (job := job_of(p)) is not None:
            job.make_room()

    def postprocess(self, p: Any, processed: Any, *_: Any) -> None:
        uninstall(p)

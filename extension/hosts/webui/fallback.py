"""A `p` without our script: the webui has parsed its prompts by its own rules already."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .wrapping import install, job_of


def read(p: Any, params_list: Sequence[Any]) -> None:
    """The first prompt's tags for every picture, as the webui does it.

    Called once a batch, and again for hires fix, whose tags the webui has parsed by then, too.
    With no tags and no job there is nothing to do: the webui also activates networks to encode
    an empty prompt while it loads a checkpoint.
    """
    job = job_of(p)
    if job is None:
        if not params_list and not _tags(getattr(p, "hr_extra_network_data", None)):
            return
        job = install(p)
    if getattr(p, "is_hr_pass", False):
        return
    pictures = len(p.prompts or [""])
    hires = None
    if getattr(p, "enable_hr", False):
        hires = ([_written(_tags(p.hr_extra_network_data))] * pictures, [""] * pictures)
    job.read(([_written(params_list)] * pictures, [""] * pictures), hires)
    job.sign()


def _tags(data: Any) -> list[Any]:
    """The tags of both our kinds in what the webui has parsed."""
    return [one for kind in ("lora", "lyco") for one in (data or {}).get(kind, ())]


def _written(params_list: Sequence[Any]) -> str:
    return "".join(f"<lora:{':'.join(map(str, one.items))}>" for one in params_list)

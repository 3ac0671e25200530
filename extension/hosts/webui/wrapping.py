"""A job's wrappers on a `p`: put on by our script, taken off after the generation."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .job import Job

ATTRIBUTE = "live_lora_job"
WRAPPED = (
    "init",
    "parse_extra_network_prompts",
    "get_conds_with_caching",
    "setup_conds",
    "calculate_hr_conds",
    "sample",
)


def job_of(p: Any) -> Job | None:
    """The job whose wrappers are on p, if it is p's own: copies of p carry the original's."""
    job = getattr(p, "__dict__", {}).get(ATTRIBUTE)
    return job if isinstance(job, Job) and job.p is p else None


def install(p: Any) -> Job:
    """Our wrappers on this p, put on anew: scripts copy a p, or run one again."""
    job = Job(p)
    setattr(p, ATTRIBUTE, job)
    for name in WRAPPED:
        if hasattr(type(p), name):
            setattr(p, name, _wrapper(job, name, _host_method(p, name)))
    return job


def _wrapper(job: Job, name: str, host: Callable[..., Any]) -> Callable[..., Any]:
    """A method of p that goes through the job's.

    Not while it is inside of that already, nor when a later job has taken over p: another
    extension may have put its own wrapper around this one, and we ours around that.
    """
    ours = getattr(job, name)
    inside = False

    @functools.wraps(host)
    def method(*args: Any, **kwargs: Any) -> Any:
        nonlocal inside
        if inside or job_of(job.p) is not job:
            return host(*args, **kwargs)
        inside = True
        try:
            return ours(host, *args, **kwargs)
        finally:
            inside = False

    method.live_lora = job  # type: ignore[attr-defined]
    return method


def uninstall(p: Any) -> None:
    """Takes them off again, so that p can be forgotten at once: a wrapper refers to its p."""
    for name in WRAPPED:
        if hasattr(p.__dict__.get(name), "live_lora"):
            host = _host_method(p, name)
            delattr(p, name)
            if host != getattr(p, name):
                setattr(p, name, host)
    p.__dict__.pop(ATTRIBUTE, None)


def _host_method(p: Any, name: str) -> Callable[..., Any]:
    """p's method without wrappers of an earlier job; another extension's is kept, and wrapped."""
    present: Callable[..., Any] = getattr(p, name)
    while (job := getattr(present, "live_lora", None)) is not None:
        if job.p is not p:
            return getattr(type(p), name).__get__(p)  # type: ignore[no-any-return]
        present = present.__wrapped__  # type: ignore[attr-defined]
    return present

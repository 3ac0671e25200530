"""Our tags out of the prompts of one batch, and a mark of them in the webui's cond cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from modules import extra_networks

from ...prompt import Tag
from .sampling_pass import Pass

MARK = "live-lora"
Texts = tuple[list[str], list[str]]  # prompts, negatives


def texts(p: Any) -> tuple[Texts, Texts | None]:
    """The batch's prompts and negatives as written: of the first pass, and of hires fix."""
    first = (list(p.prompts), list(p.negative_prompts))
    if not getattr(p, "enable_hr", False):
        return first, None
    return first, (_slice(p, p.all_hr_prompts), _slice(p, p.all_hr_negative_prompts))


def take_out(p: Any, first: Pass, hires: Pass | None, host: Callable[[], Any]) -> Any:
    """Lets the webui parse prompts that are rid of our tags.

    Its own expression would end a tag at the first `>` and know no schedules.
    """
    result = with_texts(p, _texts_of(first), None if hires is None else _texts_of(hires), host)
    if hires is not None:
        mark(p.hr_extra_network_data, hires)
    mark(p.extra_network_data, first)
    return result


def with_texts(p: Any, first: Texts, hires: Texts | None, host: Callable[[], Any]) -> Any:
    """Calls the webui's parsing with other prompts than are written in the job.

    The prompts of hires fix are cut out of all prompts of the job inside of that call, with
    nothing in between: so these stand there as long as it runs.
    """
    p.prompts, p.negative_prompts = first
    if hires is None:
        return host()
    written = p.all_hr_prompts, p.all_hr_negative_prompts
    p.all_hr_prompts = _put(p, written[0], hires[0])
    p.all_hr_negative_prompts = _put(p, written[1], hires[1])
    try:
        return host()
    finally:
        p.all_hr_prompts, p.all_hr_negative_prompts = written


def _texts_of(part: Pass) -> Texts:
    return [one.text for one in part.prompts], [one.text for one in part.negatives]


def mark(data: Any, part: Pass) -> None:
    """The first picture's tags where other extensions look for them, and our fingerprint.

    The data is part of the cond cache's key, which else knows neither the other pictures' tags
    nor the files behind the names.
    """
    if data is None:
        return
    for kind in ("lora", "lyco"):
        data.pop(kind, None)
    if part.run is None:
        return
    items = [_items(tag) for tag in part.prompts[0].tags]
    items = items or [[MARK]]  # tags in other pictures' prompts, or in negatives
    items[0].append(f"{MARK}={part.fingerprint}")
    data["lora"] = [extra_networks.ExtraNetworkParams(items=one) for one in items]


def is_marked(params_list: Sequence[Any]) -> bool:
    """Whether these are the tags that `mark` left, not another extension's own."""
    return any(str(item).startswith(MARK) for one in params_list for item in one.items)


def _items(tag: Tag) -> list[str]:
    """Name and arguments as the webui's own parser would give them."""
    return [
        tag.name,
        *(a.value if a.name is None else f"{a.name}={a.value}" for a in tag.arguments),
    ]


def _slice(p: Any, every: Sequence[str]) -> list[str]:
    start = p.iteration * p.batch_size
    return list(every[start : start + p.batch_size])


def _put(p: Any, every: Sequence[str], batch: Sequence[str]) -> list[str]:
    start = p.iteration * p.batch_size
    return [*every[:start], *batch, *every[start + len(batch) :]]

"""What a picture's own text says about its LoRAs: hashes, and what could not be done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from modules import shared

from ...errors import LiveLoraError
from ...library.lora_file import LoraFile
from ...prompt import Prompt
from ...records import Side
from ...session.cap_record import with_caps
from ...session.sliders import Sliders
from . import options
from .sampling_pass import Pass
from .state import LIVE

HASHES = "Lora hashes"  # the builtin's key, read by every program that reads infotexts
EXTRA = "Live LoRA"
MASKS = "Live LoRA masks"
PROMPTS: tuple[tuple[str, Side], ...] = (
    ("all_prompts", "cond"),
    ("all_negative_prompts", "uncond"),
    ("all_hr_prompts", "cond"),
    ("all_hr_negative_prompts", "uncond"),
)
REMOVED = str.maketrans("", "", ":,")  # from names, as the builtin does: they end a hash

HashesByName = Mapping[str, str]


def write(p: Any, parts: Sequence[Pass]) -> None:
    """Both lines for this batch, and none where there is nothing to say."""
    params, wanted = p.extra_generation_params, options.get("lora_add_hashes_to_infotext")
    if found := hashes(parts) if wanted else None:
        params[HASHES] = found
    elif getattr(params.get(HASHES), "live_lora", False):
        del params[HASHES]
    write_masks(p, parts)
    write_lost(p, parts)


def write_masks(p: Any, parts: Sequence[Pass]) -> None:
    """Which mask pictures were used: `name: hash, …`."""
    used = {n: one for part in parts if part.run for n, one in part.run.masks.items()}
    if used:
        p.extra_generation_params[MASKS] = line({n.translate(REMOVED): u for n, u in used.items()})
    else:
        p.extra_generation_params.pop(MASKS, None)


def write_lost(p: Any, parts: Sequence[Pass]) -> None:
    """What is not in the pictures, as far as it is known: sampling may show more of it."""
    if found := lost(parts):
        p.extra_generation_params[EXTRA] = found
    else:
        p.extra_generation_params.pop(EXTRA, None)


def write_caps(p: Any, parts: Sequence[Pass]) -> None:
    """What caps have led to, in the batch's prompts."""
    runs = [part.run for part in parts if part.run is not None and part.run.plan.caps]
    if runs:
        rewrite(p, lambda one, side, at: with_caps(one, side, [(run, at) for run in runs]))


def write_moved(p: Any, sliders: Sliders) -> None:
    """The weights as the page has moved them, in the batch's prompts."""
    rewrite(p, lambda one, side, _: sliders.recorded(one, side))


def rewrite(p: Any, written: Callable[[Prompt, Side, int], str]) -> None:
    """The batch's own prompts, which infotexts are made of, as `written` has them.

    It is given a prompt, its side, and the number of the picture in the batch.
    """
    start = getattr(p, "iteration", 0) * p.batch_size
    for name, side in PROMPTS:
        every = list(getattr(p, name, None) or ())
        for index, text in enumerate(every[start : start + p.batch_size]):
            prompt = LIVE.parse(text, negative=side == "uncond")
            every[start + index] = written(prompt, side, index)
        if every:
            setattr(p, name, every)


def lost(parts: Sequence[Pass]) -> str:
    """What was written and is not in the picture."""
    reports = [report for part in parts for report in part.reports]
    networks = [network for report in reports for network in report.networks]
    misfits = [f"{network.name}: {network.misfit}" for network in networks if network.misfit]
    bypassed = [network.bypassed_line for network in networks if network.bypassed]
    messages = [
        diagnostic.problem.message
        for report in reports
        for diagnostic in report.problems
        if diagnostic.problem.severity == "error"
    ]
    unknown = [note for report in reports for note in report.lost]
    return "; ".join(dict.fromkeys([*messages, *misfits, *bypassed, *unknown]))


class PictureHashes:
    """The line where pictures differ: the webui calls it with the picture's own prompts.

    A list by picture would not do: the webui counts a list's places within the batch for a
    picture, and within the job for a grid.
    """

    live_lora = True

    def __init__(self, known: HashesByName, always: Iterable[str]) -> None:
        self.known = known
        self.always = frozenset(always)

    def __call__(self, prompt_text: str = "", negative_prompt: str = "", **_: Any) -> str | None:
        names = names_in(LIVE.parse(prompt_text), LIVE.parse(negative_prompt or ""))
        return line({k: v for k, v in self.known.items() if k in names | self.always}) or None


class InfotextLine(str):
    """A line of ours, as opposed to one that somebody else has written."""

    live_lora = True


def hashes(parts: Sequence[Pass]) -> str | Callable[..., str | None]:
    """`name: hash, …` over all passes: one text, or one for each picture where they differ."""
    known: dict[str, str] = {}
    for part in parts:
        for entry, tags in [] if part.run is None else part.run.files:
            if (found := short_hash(entry)) is not None:
                known |= {tag.name.translate(REMOVED): found for tag in tags}
    first, hires = parts[0], parts[1:]
    pairs = zip(first.prompts, first.negatives, strict=False)
    by_picture = [names_in(*pair) for pair in pairs]
    always = {name for part in hires for one in part.prompts for name in names_in(one)}
    if len(set(by_picture)) > 1:
        return PictureHashes(known, always)
    return InfotextLine(line(known))


def line(known: HashesByName) -> str:
    """As the builtin writes it."""
    return ", ".join(f"{name}: {short}" for name, short in known.items())


def names_in(*prompts: Prompt) -> frozenset[str]:
    """The LoRAs that prompts name, spelt as in the line."""
    return frozenset(tag.name.translate(REMOVED) for prompt in prompts for tag in prompt.tags)


def short_hash(entry: LoraFile) -> str | None:
    """12 digits of the hash of the file's tensors; None where hashing is off or fails.

    Computed, not believed: `sshs_model_hash` in a file's metadata is only a claim.
    """
    if shared.cmd_opts.no_hashing:
        return None
    try:
        return entry.shorthash
    except LiveLoraError:
        return None

"""A picture's text, as the webui or this app wrote it → the settings it was drawn with."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ..encoding.settings import EMPHASIS_MODES
from ..library.mask_pictures import MaskPictures
from .latents import UPSCALERS
from .png_parameters import MASKS
from .request import GenerationRequest, HiresFix, RequestError
from .samplers import sampler_named
from .start_choices import RESIZE_MODES

NEGATIVE = "Negative prompt:"
_FACTS = re.compile(r"^\s*Steps:\s*\d+\s*,")
_FACT = re.compile(r'\s*([A-Za-z][\w /-]*?):\s*("(?:\\.|[^"\\])*"|[^,]*)(?:,|$)')
_SIZE = re.compile(r"(\d+)x(\d+)")
# What has no meaning here, or says itself by being in the prompt.
_SILENT = {"Model", "Model hash", "Lora hashes", "TI hashes", "Version", "VAE", "VAE hash", "RNG"}
_SILENT |= {MASKS}
_MOST_STEPS = 10_000
_MASKED = {"fill", "latent noise", "latent nothing"}  # "original" goes without saying


@dataclass(frozen=True, slots=True)
class BegunWith:
    """How a picture was begun with, which itself is not in the text. Names are the request's."""

    strength: float = 0.75
    blur: float = 4
    fill: str = "original"
    inverted: bool = False
    only_masked: bool = False
    padding: int = 32
    resize: str = RESIZE_MODES[0]


@dataclass(frozen=True, slots=True)
class ReadInfotext:
    """The request, and what of the text it does not follow.

    `begun` where it was drawn from a picture; `inversions` are the embeddings, with their hashes.
    """

    request: GenerationRequest
    notes: tuple[str, ...] = ()
    begun: BegunWith | None = None
    inversions: Mapping[str, str] = field(default_factory=dict)


def read_infotext(text: str, masks: MaskPictures | None = None) -> ReadInfotext:
    """Prompts and settings. RequestError where the text holds no settings.

    A mask picture that is not among `masks`, or another one by now, is in the notes.
    """
    prompt, negative, facts = _parts(text)
    if facts is None:
        raise RequestError("no settings in this text: its last line would begin with Steps:")
    used = dict(pair.split(": ") for pair in facts.get(MASKS, "").split(", ") if ": " in pair)
    read = _Following(facts, GenerationRequest((prompt,), negative)).all()
    return replace(read, notes=(*read.notes, *(masks or MaskPictures()).differences(used)))


def facts_of(text: str) -> dict[str, str]:
    """All that a text says, by the webui's names; {} where it holds no settings."""
    prompt, negative, facts = _parts(text)
    return {} if facts is None else {"Prompt": prompt, "Negative prompt": negative, **facts}


def _parts(text: str) -> tuple[str, str, dict[str, str] | None]:
    """Prompt, negative prompt, and the settings, if there are any."""
    lines = text.replace("\r\n", "\n").strip().split("\n")
    if not _FACTS.match(lines[-1]):
        return "", "", None
    prompt, _, negative = "\n".join(lines[:-1]).partition(f"\n{NEGATIVE}")
    if prompt.startswith(NEGATIVE):
        prompt, negative = "", prompt.removeprefix(NEGATIVE)
    facts = {found[1]: _unquoted(found[2]) for found in _FACT.finditer(lines[-1])}
    return prompt.strip(), negative.strip(), facts


class _Following:
    def __init__(self, facts: Mapping[str, str], request: GenerationRequest) -> None:
        self.facts = dict(facts)
        self.request = request
        self.notes: list[str] = []
        self.begun: BegunWith | None = None

    def all(self) -> ReadInfotext:
        steps = int(self._number("Steps") or 20)
        self.request = replace(
            self.request,
            steps=max(1, min(steps, _MOST_STEPS)),
            guidance=self._number("CFG scale"),
            clip_skip=max(1, int(self._number("Clip skip") or 1)),
        )
        seed = self.facts.pop("Seed", "")
        if seed.isdecimal():
            self.request = replace(self.request, seed=int(seed))
        self._size()
        name, kind = self.facts.pop("Sampler", ""), self.facts.pop("Schedule type", "")
        sampler, schedule = self._sampler(name, kind)
        self.request = replace(self.request, sampler=sampler, schedule=schedule)
        self._emphasis()
        self._passes()
        self.notes += [f"{name} is not followed" for name in self.facts if name not in _SILENT]
        inversions = _hashes(self.facts.get("TI hashes", ""))
        return ReadInfotext(self.request, tuple(self.notes), self.begun, inversions)

    def _number(self, name: str) -> float | None:
        """A fact that is a number; anything else is told."""
        text = self.facts.pop(name, None)
        try:
            number = None if text is None else float(text)
        except ValueError:
            self.notes.append(f"{name}: {text!r} is no number")
            return None
        return number if number is None or abs(number) < 1e6 else None

    def _size(self) -> None:
        if found := _SIZE.fullmatch(self.facts.pop("Size", "")):
            width, height = (min(int(side), 1 << 14) for side in found.groups())
            self.request = replace(self.request, width=width, height=height)

    def _sampler(self, name: str, kind: str) -> tuple[str, str]:
        """Both as they are called here; empty where there is none."""
        for schedule in dict.fromkeys((kind, "")) if name else ():
            try:
                sampler, found = sampler_named(name, schedule)
            except RequestError as error:
                self.notes.append(str(error))
            else:
                return sampler.name, found
        return "", ""

    def _emphasis(self) -> None:
        mode = self.facts.pop("Emphasis", "Original")
        known = {one: one for one in EMPHASIS_MODES}
        if mode in known:
            self.request = replace(self.request, emphasis=known[mode])
        else:
            self.notes.append(f"Emphasis: {mode!r} is unknown")

    def _passes(self) -> None:
        """Hires fix, or a picture to begin with: both have a denoising strength."""
        scale, strength = self._number("Hires upscale"), self._number("Denoising strength")
        resize = _SIZE.fullmatch(self.facts.pop("Hires resize", ""))
        if scale is None and resize and self.request.width:
            scale = int(resize[1]) / self.request.width
        if scale is not None:
            self._hires(scale, 0.7 if strength is None else strength)
        elif strength is not None:
            self._begun(strength)

    def _hires(self, scale: float, strength: float) -> None:
        steps, upscaler = self._number("Hires steps"), self.facts.pop("Hires upscaler", "Latent")
        if upscaler not in UPSCALERS:
            self.notes.append(f"the upscaler {upscaler!r} is not here: Lanczos takes its place")
            upscaler = "Lanczos"
        name, kind = (self.facts.pop(f"Hires {one}", "") for one in ("sampler", "schedule type"))
        sampler, schedule = self._sampler(name or self.request.sampler, kind)
        hires = HiresFix(
            min(scale, 8.0),
            strength,
            int(steps) if steps else None,
            upscaler,
            prompt=self.facts.pop("Hires prompt", ""),
            negative=self.facts.pop("Hires negative prompt", ""),
            sampler=sampler if name else "",
            schedule=schedule if name or kind else "",
        )
        self.request = replace(self.request, hires=hires)

    def _begun(self, strength: float) -> None:
        self.notes.append("it was drawn from a picture, which is not in the text")
        fill, blur = self.facts.pop("Masked content", "original"), self._number("Mask blur")
        inverted = self.facts.pop("Mask mode", "") == "Inpaint not masked"
        only = self.facts.pop("Inpaint area", "") == "Only masked"
        padding, mode = self._number("Masked area padding"), self.facts.pop("Resize mode", "")
        self.begun = BegunWith(
            strength,
            4 if blur is None else blur,
            fill if fill in _MASKED else "original",
            inverted,
            only,
            32 if padding is None else max(int(padding), 0),
            mode if mode in RESIZE_MODES else RESIZE_MODES[0],
        )


def _hashes(text: str) -> dict[str, str]:
    """`name: hash, …`."""
    pairs = (one.rpartition(":") for one in text.split(",") if ":" in one)
    return {name.strip(): value.strip() for name, _, value in pairs}


def _unquoted(text: str) -> str:
    text = text.strip()
    if text.startswith('"') and text.endswith('"') and len(text) > 1:
        try:
            return str(json.loads(text))
        except ValueError:
            return text[1:-1]
    return text

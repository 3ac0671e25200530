"""What really ran, what did not, and why: proof after every generation."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import LiveLoraError
from ..library.lora_file import LoraFile
from ..network import Unused
from ..records import Diagnostic


@dataclass(frozen=True, slots=True)
class PromptDiagnostic:
    """A problem with the prompt it stands in: `picture` counts the batch, `side` its prompts.

    `cause` is what was raised, where it is about a file rather than the prompt's wording.
    """

    problem: Diagnostic
    picture: int = 0
    side: str = "cond"
    source: str = ""
    cause: LiveLoraError | None = None

    @classmethod
    def error(cls, message: str) -> PromptDiagnostic:
        """An error that is about no place in a prompt."""
        return cls(Diagnostic(message, None, "error"))

    @property
    def code(self) -> str | None:
        """What programs tell problems by."""
        return self.cause.code if self.cause else self.problem.code

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        span = self.problem.span
        return {
            "message": self.problem.message,
            "code": self.code,
            "severity": self.problem.severity,
            "span": None if span is None else [span.start, span.end],
            "picture": self.picture,
            "side": self.side,
        }


class StrictError(LiveLoraError):
    """Strict mode: something of the prompts cannot be done, or was not.

    Raised before the run where that is known, so that nothing is done; else after it: then `result`
    is what the run made, as its host returns it.
    """

    def __init__(self, problems: Iterable[PromptDiagnostic], result: Any = None) -> None:
        self.problems = tuple(problems)
        self.result = result
        super().__init__("; ".join(diagnostic.problem.message for diagnostic in self.problems))


@dataclass(frozen=True, slots=True)
class PictureShare:
    """One file in one picture of a batch.

    `ran` counts the targets where its tags had a weight on this picture and anything was added.
    `place` orders the files of a picture as its prompts name them.
    """

    tags: tuple[str, ...]
    ran: dict[str, int]
    place: tuple[bool, int] = (False, 0)


@dataclass(slots=True)
class NetworkReport:
    """One file in one run. `ran` counts, per component, the targets a delta was really added to.

    `pictures` says so for each picture whose prompts name it with a weight other than 0.

    `bypassed` are those that had a weight while their model was called, and were not called.
    """

    name: str
    file: str
    tags: tuple[str, ...]
    base: str
    formats: tuple[str, ...]
    algorithms: tuple[str, ...]
    matched: int
    ran: dict[str, int] = field(default_factory=dict)
    unmatched: tuple[Unused, ...] = ()
    unused: tuple[Unused, ...] = ()
    bypassed: tuple[Unused, ...] = ()
    misfit: str | None = None
    pictures: Mapping[int, PictureShare] = field(default_factory=dict)
    entry: LoraFile | None = None  # the file as it was when it was read

    def of_picture(self, picture: int) -> NetworkReport:
        """What of it is about one picture that names it."""
        share = self.pictures[picture]
        own = PictureShare(share.tags, dict(share.ran), share.place)
        return replace(self, tags=own.tags, ran=own.ran, pictures={0: own})

    @property
    def ran_total(self) -> int:
        """Targets a delta was added to, over all components."""
        return sum(self.ran.values())

    def as_dict(self) -> dict[str, Any]:
        """For JSON; `unmatched`, `unused` and `bypassed` are lists of {key, code, reason}."""
        return {
            "name": self.name,
            "file": self.file,
            "tags": list(self.tags),
            "base": self.base,
            "formats": list(self.formats),
            "algorithms": list(self.algorithms),
            "matched": self.matched,
            "ran": dict(self.ran),
            "ran_total": self.ran_total,
            "unmatched": [one.as_dict() for one in self.unmatched],
            "unused": [one.as_dict() for one in self.unused],
            "bypassed": [one.as_dict() for one in self.bypassed],
            "misfit": self.misfit,
        }

    def lines(self) -> Iterator[str]:
        """Sentences for a person."""
        yield self.ran_line
        yield from self.lost_lines()

    @property
    def ran_line(self) -> str:
        """Where it was added."""
        parts = ", ".join(f"{count} {component}" for component, count in self.ran.items() if count)
        return f"{self.name}: added to {parts} layers" if parts else f"{self.name}: not added"

    def lost_lines(self) -> Iterator[str]:
        """What of it was not added."""
        if self.misfit:
            yield f"{self.name}: {self.misfit}"
        elif self.unmatched:
            yield f"{self.name}: {len(self.unmatched)} modules not used ({_some(self.unmatched)})"
        if self.unused:
            yield f"{self.name}: {len(self.unused)} keys not understood ({_some(self.unused)})"
        if self.bypassed:
            yield self.bypassed_line

    @property
    def bypassed_line(self) -> str:
        """What was left out of the run, as a sentence."""
        reasons = "; ".join(dict.fromkeys(one.reason for one in self.bypassed))
        return f"{self.name}: {len(self.bypassed)} layers were never called ({reasons})"


@dataclass(slots=True)
class Report:
    """One generation. `problems` are about the prompts and files, `notes` about what happened.

    `lost` says where something was not done as written that only sampling showed.
    """

    networks: list[NetworkReport] = field(default_factory=list)
    problems: list[PromptDiagnostic] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    execution: str = ""  # how many layers were hooked, how many folded; of passes that differ, each

    def of_picture(self, picture: int) -> Report:
        """What of it is about one picture, as if that had been drawn alone."""
        named = [one for one in self.networks if picture in one.pictures]
        return Report(
            [
                one.of_picture(picture)
                for one in sorted(named, key=lambda one: one.pictures[picture].place)
            ],
            [replace(one, picture=0) for one in self.problems if one.picture == picture],
            list(self.notes),
            list(self.lost),
            self.execution,
        )

    @property
    def drawn_with(self) -> list[LoraFile]:
        """The files that really acted, each once for every picture that it acted in."""
        acted = {
            (one.entry.id, picture): one.entry
            for one in self.networks
            for picture, share in one.pictures.items()
            if one.entry is not None and any(share.ran.values())
        }
        return list(acted.values())

    @property
    def ok(self) -> bool:
        """Nothing was lost: no error, and every network was added wherever it had a weight."""
        errors = any(diagnostic.problem.severity == "error" for diagnostic in self.problems)
        lost = any(one.misfit or one.unmatched or one.bypassed for one in self.networks)
        return not errors and not lost and not self.lost

    def as_dict(self) -> dict[str, Any]:
        """For JSON: {ok, networks, problems, notes, execution}."""
        return {
            "ok": self.ok,
            "networks": [one.as_dict() for one in self.networks],
            "problems": [diagnostic.as_dict() for diagnostic in self.problems],
            "notes": [*self.lost, *self.notes],
            "execution": self.execution,
        }

    def lines(self) -> list[str]:
        """Sentences for a person: what ran, then what went wrong."""
        ran = [line for one in self.networks for line in one.lines()]
        return [*ran, *self.warnings(), *self.lost, *self.notes]

    def lost_lines(self) -> list[str]:
        """What was not done as written, besides `problems`."""
        return [*(line for one in self.networks for line in one.lost_lines()), *self.lost]

    def warnings(self) -> list[str]:
        """The problems' sentences, each once."""
        return list(dict.fromkeys(diagnostic.problem.message for diagnostic in self.problems))


def _some(lost: tuple[Unused, ...], most: int = 2) -> str:
    shown = "; ".join(f"{one.key}: {one.reason}" for one in lost[:most])
    return shown if len(lost) <= most else f"{shown}; and {len(lost) - most} more"


def misplaced(layers: Collection[str]) -> Iterator[str]:
    """On which layers no mask could be placed."""
    if layers:
        first, *others = sorted(layers)
        rest = f" and {len(others)} more" if others else ""
        yield (
            f"masks could not be placed on {first}{rest}: these were called with a part of the "
            "picture, or of its tokens (token merging, HyperTile, tiles): there LoRAs under a mask "
            "acted everywhere, as strongly as the mask is on average"
        )

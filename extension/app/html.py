"""What the page says, as HTML; every text that comes from a prompt or a file is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from ..browser.wording import ENGLISH, Wording
from ..encoding.inversion_files import InversionFile
from ..library.lora_file import UNKNOWN
from ..records import Span
from ..session.report import NetworkReport, PromptDiagnostic, Report
from .pictures import ShownPicture
from .request import GenerationResult

PICTURES = "live-lora/pictures"  # where server.py mounts them
AROUND = 60  # characters of a prompt beside a problem's place
LAYERS = {
    "unet": "app.layers_unet",
    "text_encoder": "app.layers_text",
    "text_encoder_2": "app.layers_text_2",
}
COLUMNS = ("app.table_lora", "app.table_tag", "app.table_kind", "app.table_added")


def title(model: str, device: str, notes: Sequence[str], say: Wording = ENGLISH) -> str:
    """The page's head: which model draws, and what there is to know of it."""
    said = "".join(f"<p>{escape(note)}</p>" for note in notes)
    what = say("app.model", name=f"<b>{escape(model)}</b>", device=escape(device))
    return f"<h1>Live LoRA</h1><p>{what}</p>{said}"


def ready(say: Wording = ENGLISH) -> str:
    return status(escape(say("app.ready"), quote=False))


def working(text: str, job: str = "") -> str:
    return status(escape(text) + "<progress></progress>", job)


def progress(step: int, steps: int, say: Wording = ENGLISH, job: str = "") -> str:
    """A bar that screen readers know; `job` is what the page calls the drawing by."""
    label = say("app.step", step=step, count=steps)
    bar = f'<progress aria-label="{label}" value="{step}" max="{steps}"></progress>'
    return status(label + bar, job)


def done(result: GenerationResult, problem: str | None = None, say: Wording = ENGLISH) -> str:
    """What was drawn; `problem` is what went wrong afterwards."""
    request = result.request
    ended = "app.stopped" if result.stopped else "app.done"
    sizes = [image.size for image in result.images]
    width, height = sizes[0] if sizes else (request.width, request.height)
    size = f"{width}×{height}"
    said = status(say(ended, size=size, count=request.steps, seed=str(request.seed)))
    return said if problem is None else said + failed(problem)


def tokens(counts: Iterable[tuple[int, int]], say: Wording = ENGLISH) -> str:
    """Under the prompts: how many tokens each has, and up to how many it is as cheap."""
    shown = (f"{count}/{room}" for count, room in counts)
    return f'<p class="live-lora-tokens">{say("app.tokens", counts=" · ".join(shown))}</p>'


def inversions(
    files: Iterable[InversionFile], unfit: Mapping[str, str], say: Wording = ENGLISH
) -> str:
    """The embeddings, and which of them this model cannot use."""

    def line(file: InversionFile) -> str:
        problem = file.problem or unfit.get(file.name, "")
        base = file.base or say("app.base_unknown")
        kind = say("app.vectors", base=base, count=file.count) if file.count else ""
        said = f": {problem}" if problem else ""
        return f"{file.name} ({kind}){said}" if kind else f"{file.name}{said}"

    return f"<ul>{''.join(f'<li>{escape(line(file))}</li>' for file in files)}</ul>"


def gallery(pictures: Iterable[ShownPicture], say: Wording = ENGLISH) -> str:
    """The pictures, each a link to itself in full size."""
    shown = "".join(_figure(picture, say) for picture in pictures)
    return f'<div class="live-lora-pictures">{shown}</div>'


def _figure(picture: ShownPicture, say: Wording) -> str:
    source = escape(f"{PICTURES}/{picture.source}" if picture.kept else picture.source)
    caption = escape(picture.caption or picture.source)
    image = f'<img src="{source}" alt="{say("app.picture_of", caption=caption)}">'
    shown = f'<a href="{source}" target="_blank" rel="noopener">{image}</a>'
    return f"<figure>{shown if picture.kept else image}<figcaption>{caption}</figcaption></figure>"


def failed(text: str) -> str:
    return f'<div role="alert" class="live-lora-problem">{escape(text)}</div>'


def status(inner: str, job: str = "") -> str:
    named = f' data-live-lora-job="{escape(job)}"' if job else ""
    return f'<div role="status" class="live-lora-status"{named}>{inner}</div>'


def report(ran: Report, say: Wording = ENGLISH) -> str:
    """What was lost, apart and first; then what to know; what ran folds."""
    told = each_once(ran.problems)
    errors = [problem(one) for one in told if one.problem.severity == "error"]
    warnings = [problem(one) for one in told if one.problem.severity != "error"]
    errors += [f'<p class="live-lora-problem">{escape(line)}</p>' for line in ran.lost_lines()]
    parts = [
        apart(say("result.lost"), errors, "live-lora-lost"),
        apart(say("result.told"), [*warnings, *(f"<p>{escape(line)}</p>" for line in ran.notes)]),
        folded(ran.networks, say) if ran.networks else "",
    ]
    return "".join(parts) or "<p>" + say("app.no_lora") + "</p>"


def measured(name: str) -> str:
    """Where the page shows a map of what was measured."""
    return f'<div class="live-lora-measured" data-measured="{escape(name)}"></div>'


def each_once(problems: Iterable[PromptDiagnostic]) -> list[PromptDiagnostic]:
    """The pictures of a sweep have prompts of their own, and the same mistakes in them."""
    found: dict[tuple[str, str], PromptDiagnostic] = {}
    for one in problems:
        span = one.problem.span
        place = one.source[span.start : span.end] if span else ""
        found.setdefault((one.problem.reason or one.problem.message, place), one)
    return list(found.values())


def apart(heading: str, paragraphs: Iterable[str], kind: str = "live-lora-told") -> str:
    """A block of its own; nothing where it would be empty."""
    inner = "".join(dict.fromkeys(paragraphs))
    return f'<section class="{kind}"><h4>{heading}</h4>{inner}</section>' if inner else ""


def folded(networks: Sequence[NetworkReport], say: Wording = ENGLISH) -> str:
    """The table behind one line that names the LoRAs."""
    names = ", ".join(dict.fromkeys(one.name for one in networks))
    what = say("result.ran", names=escape(names))
    return f"<details><summary>{what}</summary>{table(networks, say)}</details>"


def problem(diagnostic: PromptDiagnostic) -> str:
    """What is wrong, under the line of the prompt that it is about, with the place marked."""
    span, source = diagnostic.problem.span, diagnostic.source
    where = ""
    if span and source:
        before, at, after = surroundings(source, span)
        where = f"<code>{escape(before)}<mark>{escape(at)}</mark>{escape(after)}</code>"
    kind = "live-lora-problem" if diagnostic.problem.severity == "error" else "live-lora-warning"
    said = diagnostic.problem.reason or diagnostic.problem.message
    return f'<p class="{kind}">{where} {escape(said[:1].upper() + said[1:])}</p>'


def surroundings(source: str, span: Span) -> tuple[str, str, str]:
    """What stands before the place, at it and behind it: not the whole of a long prompt."""
    start = max(0, source.rfind("\n", 0, span.start) + 1, span.start - AROUND)
    line = source.find("\n", span.end)
    end = min(len(source) if line < 0 else line, span.end + AROUND)
    before, after = source[start : span.start], source[span.end : end]
    return (
        f"…{before}" if start else before,
        source[span.start : span.end],
        f"{after}…" if end < len(source) else after,
    )


def table(networks: Iterable[NetworkReport], say: Wording = ENGLISH) -> str:
    """One row a LoRA: its tags as written, what it is, and the layers that it really changed."""
    head = "".join(f'<th scope="col">{say(name)}</th>' for name in COLUMNS)
    rows = "".join(
        f'<tr><th scope="row">{escape(one.name)}</th><td><code>{escape(" ".join(one.tags))}</code>'
        f"</td><td>{escape(kind(one))}</td><td>{escape(where(one, say))}</td></tr>"
        for one in networks
    )
    return f"<table><tr>{head}</tr>{rows}</table>"


def kind(network: NetworkReport) -> str:
    return ", ".join((*network.algorithms, *({network.base} - {UNKNOWN})))


def where(network: NetworkReport, say: Wording = ENGLISH) -> str:
    counts = (say(LAYERS[part], count=count) for part, count in network.ran.items() if count)
    return ", ".join(counts) or say("app.nothing")

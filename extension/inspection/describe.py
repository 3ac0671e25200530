"""The facts about a file as lines for a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

SHOWN = 10  # keys with their reasons


def describe(facts: Mapping[str, Any]) -> list[str]:
    """Lines of text, the verdict first."""
    return list(_lines(facts))


def _lines(facts: Mapping[str, Any]) -> Iterator[str]:
    yield f"{facts['file']}: {_verdict(facts)}"
    if facts["kind"] == "LoRA":
        yield from _contents(facts)
    if facts["size"] is not None:
        yield f"  size        {facts['size']:,} bytes{_precision(facts['precision'])}"
    yield from _hashes(facts)
    yield from (f"  note        {problem}" for problem in facts["problems"])
    yield from _lost(facts["unmatched"])


def _verdict(facts: Mapping[str, Any]) -> str:
    if facts["error"]:
        return f"cannot be used: {str(facts['error']).removeprefix(facts['file'] + ': ')}"
    on = f" on {facts['against']}" if facts["against"] else ""
    counts = facts["counts"]
    if facts["usable"] == "unknown":
        return f"fits no base model known here: {counts['matched']} modules of sound values"
    if facts["usable"] == "yes":
        return f"usable{on}: all {counts['matched']} modules"
    return f"partly usable{on}: {counts['matched']} modules, {counts['unmatched']} items not"


def _contents(facts: Mapping[str, Any]) -> Iterator[str]:
    yield f"  base        {facts['base']} ({facts['base_how']})"
    yield f"  format      {', '.join(facts['formats']) or 'none'}"
    for part in facts["parts"]:
        ranks, alphas = _spread("rank", part["ranks"]), _spread("alpha", part["alphas"])
        yield f"  {part['component']:<15} {part['modules']} x {part['algorithm']}{ranks}{alphas}"
    for embedding in facts["embeddings"]:
        yield f"  embedding   {embedding['name']!r}"


def _spread(name: str, values: Mapping[str, int]) -> str:
    shown = list(values)[:4]
    return f", {name} {' / '.join(shown)}{' / …' if len(values) > 4 else ''}" if values else ""


def _precision(precision: Mapping[str, int]) -> str:
    return "".join(f", {dtype} ({count})" for dtype, count in precision.items())


def _hashes(facts: Mapping[str, Any]) -> Iterator[str]:
    found = facts["hashes"]
    if found:
        yield f"  hashes      tensors {found['autov3']} (AutoV3), file {found['autov2']} (AutoV2)"
    for claim in facts["claims"]:
        truth = "true" if claim["true"] else "neither the hash of its tensors nor of the file"
        yield f"  claims      {claim['name']} {claim['value'][:12]}: {truth}"


def _lost(unmatched: list[Mapping[str, str]]) -> Iterator[str]:
    for item in unmatched[:SHOWN]:
        yield f"  not used    {item['key']}: {item['reason']}"
    if len(unmatched) > SHOWN:
        yield f"  not used    … and {len(unmatched) - SHOWN} more"

"""Characters of a name that a host or another extension takes out of a prompt before we see it."""

from __future__ import annotations

from collections.abc import Iterator

_EATEN = {
    "#": "the webui's comment option cuts the prompt from # to the end of the line",
    "{": "dynamic prompts takes {…} for alternatives",
    "}": "dynamic prompts takes {…} for alternatives",
    "%": "dynamic prompts refuses a prompt with %",
    "$$": "dynamic prompts takes $$ for its own",
    "__": "wildcard extensions take __…__ for a wildcard",
}


def eaten(name: str) -> Iterator[tuple[str, str]]:
    """(characters, who eats them) for all that stand in the name."""
    return ((signs, eater) for signs, eater in _EATEN.items() if signs in name)

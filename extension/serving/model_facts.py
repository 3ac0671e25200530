"""What clients are told of a model and its library: JSON, without a path of this machine."""

from __future__ import annotations

from typing import Any

from ..app.generator import Generator
from . import webui_answers as answers
from .lora_source import LoraSource


class ModelFacts:
    """Of one generator; `filename` is what clients are told of where its model is."""

    def __init__(
        self, generator: Generator, filename: str = "", source: LoraSource | None = None
    ) -> None:
        self.generator = generator
        self.filename = filename or self.name
        self.source = source

    @property
    def name(self) -> str:
        """The model's."""
        return self.generator.checkpoint.name

    def model(self) -> dict[str, Any]:
        """As `sd-models` lists it."""
        return answers.model_answer(self.name, self.filename)

    def loras(self) -> list[dict[str, Any]]:
        """The library; paths are relative to its folders. What lies elsewhere and was not read
        yet has no metadata."""
        files = self.generator.catalog.entries
        here = [answers.lora_answer(file) for file in files if not file.error]
        known = {one["path"] for one in here}
        far = self.source.listed().values() if self.source else ()
        more = [
            {"name": one.name, "alias": one.name, "path": one.relative, "metadata": {}}
            for one in far
            if one.relative not in known
        ]
        return here + more

    def rescan(self) -> None:
        """Looks at the folders again."""
        if self.source is not None:
            self.source.listed(again=True)
        self.generator.catalog.scan()

    def embeddings(self) -> dict[str, Any]:
        """Textual inversions."""
        return answers.embeddings_answer(self.generator)

"""The embeddings that a prompt can name: files of the user's, and those bundled in LoRA files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

from torch import Tensor

from ..library.lora_file import LoraFile
from ..network import Network
from .inversion_files import InversionFile, InversionLibrary, fitted, parts_of_file
from .inversions import Vocabulary, WordVectors
from .text_model import TextModel


class KnownWords:
    """What fits a model, and what does not, with reasons; `files` come first, as in the webui."""

    def __init__(
        self,
        models: Sequence[TextModel],
        library: InversionLibrary,
        loras: Iterable[tuple[LoraFile, Network]] = (),
    ) -> None:
        self.models = models
        self.unfit: list[tuple[str, str]] = []  # names, and why they stay words
        widths = {model.component: model.width for model in models}
        self.words: list[WordVectors] = []
        for name, parts, source in (*_of_files(library.scan()), *_of_loras(loras)):
            found = fitted(name, parts, widths, source)
            if isinstance(found, str):
                self.unfit.append((name, found))
            else:
                self.words.append(found)

    def vocabulary(self) -> Vocabulary:
        """Of two encoders the first one's tokens decide, as in the webui; CLIP's are the same."""
        return Vocabulary(self.models[0].tokenize, self.words)

    def named_in_vain(self, texts: Iterable[str]) -> Iterator[str]:
        """What there is to say of the texts' words that name an embedding for another model."""
        if not self.unfit:
            return
        vocabulary = Vocabulary(
            self.models[0].tokenize, [WordVectors(name, {}) for name, _ in self.unfit]
        )
        reasons = dict(self.unfit)
        named: dict[str, None] = {}
        for ids in self.models[0].tokenize(list(texts)):
            for at in range(len(ids)):
                if found := vocabulary.find(ids, at):
                    named[found[0].name] = None
        for name in named:
            yield f"the embedding {name!r} is not used, its name stays a word: {reasons[name]}"


_Named = tuple[str, Mapping[str, Tensor], str]  # name, parts, where from


def _of_files(files: Iterable[InversionFile]) -> Iterator[_Named]:
    for file in files:
        if not file.problem:
            yield file.name, file.parts, file.path.name


def _of_loras(loras: Iterable[tuple[LoraFile, Network]]) -> Iterator[_Named]:
    """Those bundled in the files of a run; one that cannot be read stands in the file's report."""
    for file, network in loras:
        if not network.embeddings:
            continue
        with network.open() as read:
            for embedding in network.embeddings:
                with suppress(ValueError):
                    yield embedding.name, parts_of_file(embedding.vectors(read)), file.name

"""Settings: the builtin Lora's, honoured since we stand in its place, and our own."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from modules import extensions, paths, shared

from ...browser import shelf
from ...engine.choice import EXECUTORS, Executor
from ...prompt import Language
from ...prompt.bound import Bound, bound_of

PRESET_FILES = ("lbwpresets.txt", "elempresets.txt")  # of lora-block-weight
SECTION = ("live_lora", "Live LoRA")

# name, default, label: of the builtin's options that we follow, as its own page shows them
BUILTIN: tuple[tuple[str, Any, str], ...] = (
    ("sd_lora", "None", "Add network to prompt"),
    ("lora_add_hashes_to_infotext", True, "Add Lora hashes to infotext"),
    (
        "lora_bundled_ti_to_infotext",
        True,
        "Add Lora name as TI hashes for bundled Textual Inversion",
    ),
    ("lora_not_found_warning_console", False, "Lora not found warning in console"),
    ("lora_not_found_gradio_warning", False, "Lora not found warning popup in webui"),
)
OWN: tuple[tuple[str, Any, str], ...] = (
    (
        "live_lora_page",
        True,
        "The library stands in the place of the program's own page of LoRA cards (Reload UI)",
    ),
    ("live_lora_report", True, "Show under the picture what every LoRA did"),
    (
        "live_lora_measure",
        False,
        "Measure how strongly each LoRA acts, block by block: a map under the picture",
    ),
    (
        "live_lora_cap",
        "",
        "Cap: how strongly all LoRAs of a picture may act together (0.8); empty: as they are",
    ),
    ("live_lora_strict", False, "Strict: stop instead of going on without what cannot be applied"),
    (
        "live_lora_executor",
        "automatic",
        "How LoRAs are applied: automatic, hooked (beside each layer) or folded (in its place)",
    ),
    ("live_lora_folders", "", "More folders with LoRA files, one a line or separated by commas"),
    ("live_lora_masks", "", "Folder with pictures for mask=; empty: masks, in the webui's own"),
    ("live_lora_presets", "", "File with your own block presets (lora-block-weight's format)"),
    ("live_lora_pickle", False, "Read .pt and .ckpt files too (as weights only)"),
    (
        "live_lora_inversions",
        "",
        "Show textual inversions of these folders among the cards (embeddings, for one)",
    ),
    (
        "live_lora_checkpoints",
        "",
        "Show checkpoints of these folders, too (models/Stable-diffusion, for one)",
    ),
    (
        "live_lora_language",
        "",
        "Language of cards and rows: en, zh or ja; empty: the webui's, else the browser's",
    ),
)
DEFAULTS = {name: default for name, default, _ in (*BUILTIN, *OWN)}
DEFAULTS["use_old_scheduling"] = False  # the webui's own: "use old prompt editing timelines"


def get(name: str) -> Any:
    """An option's value; its default where nobody has registered it (builtin Lora off)."""
    return getattr(shared.opts, name, DEFAULTS[name])


def register() -> None:
    """Our page in the settings; the builtin's options go there too while it is off."""
    known = shared.opts.data_labels
    for name, default, label in (*OWN, *(one for one in BUILTIN if one[0] not in known)):
        shared.opts.add_option(name, shared.OptionInfo(default, label, section=SECTION))


def strict() -> bool:
    """Whether a prompt that cannot be followed stops the generation."""
    return bool(get("live_lora_strict"))


def executor() -> Executor:
    """How LoRAs are applied; automatically where the setting is none of the words."""
    return next((one for one in EXECUTORS if one == get("live_lora_executor")), "automatic")


def measure() -> bool:
    """Whether it is measured how strongly each LoRA acts."""
    return bool(get("live_lora_measure"))


def cap() -> Bound | None:
    """The bound for all LoRAs of a picture together; none where the setting is unreadable."""
    return _bound(str(get("live_lora_cap")))


@cache
def _bound(text: str) -> Bound | None:
    """Said once for each text that is none."""
    try:
        return bound_of(text)
    except ValueError as error:
        print(f"Live LoRA: the setting for all LoRAs together is not used: {error}")
        return None


def allow_pickle() -> bool:
    """Whether .pt and .ckpt files are read."""
    return bool(get("live_lora_pickle"))


def interface() -> str:
    """The language that our page speaks: that of our setting, else the webui's; "" for neither."""
    theirs = str(getattr(shared.opts, "localization", "None"))
    return str(get("live_lora_language")).strip() or (theirs if theirs != "None" else "")


def folders() -> list[Path]:
    """Where LoRA files are: the webui's folders, then the user's own; each once."""
    given = [
        getattr(shared.cmd_opts, "lora_dir", None),
        getattr(shared.cmd_opts, "lyco_dir_backcompat", None),
        *(getattr(shared.cmd_opts, "lora_dirs", None) or ()),  # Forge Neo's further folders
        *_listed("live_lora_folders"),
    ]
    found = [Path(str(one).strip()) for one in given if one and str(one).strip()]
    return list(dict.fromkeys(found))


def shown_folders() -> dict[str, list[Path]]:
    """Folders of what is shown beside LoRAs, by kind; relative ones are the webui's."""
    names = {shelf.INVERSION: "live_lora_inversions", shelf.CHECKPOINT: "live_lora_checkpoints"}
    return {
        kind: [Path(paths.data_path, one.strip()) for one in _listed(name) if one.strip()]
        for kind, name in names.items()
    }


def _listed(name: str) -> list[str]:
    return str(get(name)).replace("\n", ",").split(",")


def mask_folders() -> list[Path]:
    """Where mask pictures are."""
    named = str(get("live_lora_masks")).strip()
    return [Path(named) if named else Path(paths.data_path, "masks")]


def read_language() -> Language:
    """The language with the user's own block presets.

    They are in the file of our setting, or else in lora-block-weight's two files.
    """
    file = str(get("live_lora_presets")).strip()
    texts = []
    for path in [Path(file)] if file else extension_files(PRESET_FILES):
        try:
            texts.append(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            print(f"Live LoRA: block presets {path}: {error}")
    return Language.with_presets("\n\n".join(texts))


def extension_files(names: Sequence[str]) -> list[Path]:
    """The files of these names among the scripts of the installed extensions."""
    folders = [Path(one.path) / "scripts" for one in extensions.active()]
    found = [folder / name for folder in folders for name in names]
    return [path for path in found if path.is_file()]

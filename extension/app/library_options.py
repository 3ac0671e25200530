"""The options of `live-lora civitai` and `live-lora library`."""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

LEVELS = {"none": 0, "PG": 1, "PG13": 2, "R": 4, "X": 8, "XXX": 16}


def add_civitai(commands: Any) -> None:
    """`live-lora civitai …`."""
    civitai = commands.add_parser(
        "civitai",
        help="ask Civitai about your files, and fetch others",
        epilog="Sent are hashes of files and numbers of models, and only by these commands.",
    )
    tasks = civitai.add_subparsers(dest="task", metavar="task", required=True)
    lookup = tasks.add_parser("lookup", help="what Civitai knows of your files")
    lookup.add_argument("name", nargs="*", help="default: all files")
    lookup.add_argument("--again", action="store_true", help="also files that were asked about")
    add_level(lookup)
    updates = tasks.add_parser("updates", help="which models have newer versions")
    updates.add_argument("name", nargs="*", help="default: all files that Civitai knows")
    download = tasks.add_parser("download", help="fetch a version into your library")
    download.add_argument("version", type=version_id, help="its number, or its page's address")
    download.add_argument("--to", default="", metavar="FOLDER", help="inside the library")
    download.add_argument("--name", help="what to call the file; default: as its maker did")
    download.add_argument("--file", type=int, metavar="ID", help="default: the main one")
    add_level(download)
    key = tasks.add_parser("key", help="keep your key of Civitai, for files that need one")
    key.add_argument("--remove", action="store_true")
    for task in (lookup, updates, download):
        add_folders(task)
    civitai.set_defaults(module="civitai_command")


def add_library(commands: Any) -> None:
    """`live-lora library …`."""
    library = commands.add_parser("library", help="move, rename, delete, tag files; sets")
    tasks = library.add_subparsers(dest="task", metavar="task", required=True)
    tasks.add_parser("duplicates", help="files with the same tensors")
    tasks.add_parser("versions", help="models of which several versions are here")
    move = tasks.add_parser("move", help="into another folder, with all that stands beside them")
    move.add_argument("name", nargs="+")
    move.add_argument("--to", required=True, metavar="FOLDER", help='inside the library; "" for it')
    rename = tasks.add_parser("rename", help="with all that stands beside it")
    rename.add_argument("name")
    rename.add_argument("new")
    delete = tasks.add_parser("delete", help="into the library's bin")
    delete.add_argument("name", nargs="+")
    tasks.add_parser("bin", help="what was deleted")
    for name, help in (("restore", "undo a deletion"), ("purge", "delete for good")):
        tasks.add_parser(name, help=help).add_argument("id", help="as `bin` shows it")
    tag = tasks.add_parser("tag", help="your own tags")
    tag.add_argument("name", nargs="+")
    tag.add_argument("--add", action="append", default=[], metavar="TAG")
    tag.add_argument("--remove", action="append", default=[], metavar="TAG")
    add_sets(tasks)
    for task in tasks.choices.values():
        add_folders(task)
    library.set_defaults(module="library_command")


def add_sets(tasks: Any) -> None:
    """`live-lora library sets …`."""
    sets = tasks.add_parser("sets", help="LoRAs with weights and words under a name")
    work = sets.add_mutually_exclusive_group()
    work.add_argument("--show", metavar="ID", help="what to write into a prompt")
    work.add_argument("--export", type=Path, metavar="FILE", help="all sets as JSON")
    work.add_argument(
        "--add",
        type=Path,
        metavar="FILE",
        help="an export, a recipe of LoRA Manager, a picture, or its text",
    )
    work.add_argument("--remove", metavar="ID")
    sets.add_argument("--name", default="", help="of the set that is added")


def add_folders(task: ArgumentParser) -> None:
    """Which library."""
    task.add_argument(
        "--lora-dir",
        type=Path,
        action="append",
        metavar="FOLDER",
        help="can be given several times; default: models/Lora",
    )


def add_level(task: ArgumentParser) -> None:
    """Which pictures are kept."""
    task.add_argument(
        "--previews",
        choices=LEVELS,
        default="R",
        help="up to which level an example picture is kept where a file has none; default: R",
    )


def version_id(text: str) -> int:
    """The number of a version. Raises ArgumentTypeError."""
    parts = urlsplit(text)
    named = parse_qs(parts.query).get("modelVersionId", [""])[0]
    download = re.fullmatch(r"/api/download/models/(\d+)", parts.path)
    found = named or (download[1] if download else text)
    if not (found.isascii() and found.isdecimal() and 0 < int(found[:16]) == int(found)):
        reason = "is no version: give its number, or an address with modelVersionId="
        raise ArgumentTypeError(f"{text!r} {reason}")
    return int(found)


def add_word_folders(command: ArgumentParser) -> None:
    """What prompts can name besides LoRAs."""
    command.add_argument(
        "--embedding-dir",
        type=Path,
        action="append",
        metavar="FOLDER",
        help="textual inversions; can be given several times; default: embeddings, if it is there",
    )
    command.add_argument(
        "--mask-dir",
        type=Path,
        action="append",
        metavar="FOLDER",
        help="pictures for mask=; can be given several times; default: masks, if it is there",
    )

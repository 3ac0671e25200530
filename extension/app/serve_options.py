"""The options of `live-lora serve`."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path

MEGAPIXEL = 1 << 20


def add_serving(serve: ArgumentParser) -> None:
    """Who may ask, how much, and how batches are made."""
    _add_access(serve)
    _add_limits(serve)
    _add_files(serve)
    serve.add_argument(
        "--log", choices=("json", "text"), default="json", help="each request and job; on stderr"
    )
    serve.add_argument(
        "--replicas",
        type=at_least(1),
        metavar="N",
        help="draw in N processes, each with the model (needs live-lora[cluster], which is Ray)",
    )


def _add_access(serve: ArgumentParser) -> None:
    serve.add_argument("--port", type=int, default=7860, help="default: 7860")
    serve.add_argument(
        "--listen",
        action="store_true",
        help="on every address of this machine; demands --api-auth or a file of logins or tokens",
    )
    serve.add_argument(
        "--api-auth",
        metavar="USER:PASSWORD",
        help="several with commas between them; other programs of this machine can see it",
    )
    serve.add_argument(
        "--api-auth-file", type=Path, metavar="FILE", help="a line USER:PASSWORD for each login"
    )
    serve.add_argument(
        "--token-file", type=Path, metavar="FILE", help="a line USER:TOKEN for each bearer token"
    )
    serve.add_argument(
        "--cors-allow-origins",
        metavar="ORIGINS",
        default="",
        help="other sites whose pages may ask: https://one.example,https://two.example",
    )
    serve.add_argument(
        "--max-body", type=at_least(1), default=64, metavar="MIB", help="default: 64"
    )


def _add_limits(serve: ArgumentParser) -> None:
    for name, usual, words in (
        ("batch", 8, "pictures drawn at once"),
        ("max-pictures", 16, "pictures of a request"),
        ("max-steps", 150, "steps"),
        ("max-loras", 16, "LoRAs of a prompt"),
        ("queue", 512, "pictures that may wait"),
        ("queue-per-user", 128, "pictures of one user that may wait"),
    ):
        text = f"the most {words}; default: {usual}"
        serve.add_argument(f"--{name}", type=at_least(1), default=usual, metavar="N", help=text)
    serve.add_argument(
        "--max-pixels",
        type=number,
        default=4.0,
        metavar="MP",
        help="megapixels of a picture, of 1024 x 1024 pixels; default: 4",
    )
    serve.add_argument(
        "--batch-pixels",
        type=number,
        default=8.0,
        metavar="MP",
        help="megapixels drawn at once, less where memory does not do; default: 8",
    )
    serve.add_argument(
        "--linger",
        type=number,
        default=0.02,
        metavar="SECONDS",
        help="how long a batch with room waits for company; default: 0.02",
    )
    serve.add_argument(
        "--time-limit", type=number, default=600.0, metavar="SECONDS", help="default: 600"
    )


def _add_files(serve: ArgumentParser) -> None:
    serve.add_argument("--lora-cache", type=number, default=2.0, metavar="GIB", help="default: 2")
    serve.add_argument(
        "--lora-source",
        metavar="URL",
        help="further LoRAs, from anything that fsspec reads (s3://bucket/folder); they come to a "
        "cache on this machine when they are wanted",
    )
    serve.add_argument(
        "--lora-disk",
        type=number,
        default=20.0,
        metavar="GIB",
        help="the most of that cache; default: 20",
    )


def at_least(least: int) -> type[int]:
    """A type for argparse: whole numbers from `least` on."""

    def read(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise ArgumentTypeError(f"{text!r} is not a whole number of at least {least}")
        return int(text)

    return read  # type: ignore[return-value]


def number(text: str) -> float:
    """A number that is not negative. Raises ArgumentTypeError."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise ArgumentTypeError(f"{text!r} is not a number of at least 0")
    return value

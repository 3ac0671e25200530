"""Which lines of a call of Forge's UNet are whose, by the chunks that the call names."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from live_lora.hosts.webui.call_rows import CallRows
from live_lora.records import Row

STEP = SimpleNamespace(
    denoiser=SimpleNamespace(
        sampler=SimpleNamespace(
            sampler_extra_args={"cond": SimpleNamespace(batch=[["a", "b"], ["a", "b"]])}
        )
    )
)


def told(*calls: tuple[int, list[int]]) -> list[str]:
    """Lines of the calls of one step, (rows, chunks), two pictures and two parts."""
    rows = CallRows()
    rows.announce(STEP)
    options: dict[int, Any] = {}
    lines = []
    for size, chunks in calls:
        given = options.setdefault(id(chunks), {"cond_or_uncond": chunks, "sigmas": [1.0, 1.0]})
        lines.append("".join(map(short, rows.take(size, None, given))))
    return lines


def short(row: Row) -> str:
    return f"u{row.picture}" if row.side == "uncond" else f"{'ab'[row.part]}{row.picture}"


SAME = [1, 0]


@pytest.mark.parametrize(
    ("calls", "lines"),
    [
        ([(6, [1, 0, 0])], ["u0u1b0b1a0a1"]),
        ([(2, [1]), (4, [0, 0])], ["u0u1", "b0b1a0a1"]),
        ([(4, [1, 0]), (2, [0])], ["u0u1b0b1", "a0a1"]),
        ([(4, [0, 0])], ["b0b1a0a1"]),
        # Tiles: a call holds its chunks several times, or the next call the same ones again.
        ([(12, [1, 0, 0])], ["u0u1b0b1a0a1" * 2]),
        ([(8, SAME), (4, SAME), (2, [0])], ["u0u1b0b1" * 2, "u0u1b0b1", "a0a1"]),
        # Guidance that runs the cond side once more
        ([(6, [1, 0, 0]), (4, [0, 0])], ["u0u1b0b1a0a1", "b0b1a0a1"]),
    ],
)
def test_a_calls_list_tells_its_lines(calls: list[tuple[int, list[int]]], lines: list[str]) -> None:
    assert told(*calls) == lines


def test_a_call_that_says_nothing_is_not_the_denoisers() -> None:
    assert CallRows().take(2, None, None) == ()
    assert CallRows().take(2, None, {"sigmas": [1.0]}) == ()

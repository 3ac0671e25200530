"""What a run has measured as a picture: blocks × steps for each LoRA, darker is stronger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from PIL import Image, ImageDraw

from ..session.measured import MeasuredFacts

CELL, LINE, LEFT, PAD = 14, 16, 56, 8  # pixels
PAPER, INK, EMPTY = (255, 255, 255), (20, 20, 20), (232, 232, 232)
# From nothing to the strongest: lightness falls steadily, so that grey prints read the same.
SHADES = ((247, 251, 255), (158, 202, 225), (66, 146, 198), (8, 69, 148), (8, 29, 66))


def heatmap(passes: Sequence[MeasuredFacts]) -> Image.Image:
    """One map for each LoRA and pass, with its scale; all of one picture share that scale."""
    maps = [
        (f"{name}{', hires' if facts['moments'][0]['hires'] else ''}", facts, facts["ratio"][name])
        for facts in passes
        for name in facts["networks"]
    ]
    most = max((v for _, _, table in maps for v in _values(table)), default=0.0)
    widths = [LEFT + CELL * len(facts["moments"]) + PAD for _, facts, _ in maps]
    heights = [PAD + 2 * LINE + CELL * len(facts["blocks"]) for _, facts, _ in maps]
    size = max([*widths, 260]), sum(heights) + 2 * LINE + PAD
    image = Image.new("RGB", size, PAPER)
    draw, top = ImageDraw.Draw(image), 0
    for (title, facts, table), height in zip(maps, heights, strict=True):
        _draw(draw, top, title, facts["blocks"], table, most)
        top += height
    said = f"|dWx| / |Wx|: 0 to {most:.3g}; grey: not called"
    draw.text((PAD, top + PAD), said if maps else "no LoRA acted", INK)
    return image


def _draw(
    draw: ImageDraw.ImageDraw,
    top: int,
    title: str,
    blocks: Sequence[str],
    table: Sequence[Sequence[float | None]],
    most: float,
) -> None:
    draw.text((PAD, top + PAD), title.encode("latin-1", "replace").decode("latin-1"), INK)
    for row, (block, values) in enumerate(zip(blocks, table, strict=True)):
        y = top + PAD + LINE + row * CELL
        draw.text((PAD, y), block, INK)
        for column, value in enumerate(values):
            x = LEFT + column * CELL
            draw.rectangle((x, y, x + CELL - 2, y + CELL - 2), _shade(value, most))
    draw.text((LEFT, top + PAD + LINE + len(blocks) * CELL), "steps", INK)


def _values(table: Sequence[Sequence[float | None]]) -> Iterator[float]:
    return (value for line in table for value in line if value is not None)


def _shade(value: float | None, most: float) -> tuple[int, ...]:
    """Between two shades; (r, g, b)."""
    if value is None:
        return EMPTY
    place = (value / most if most else 0.0) * (len(SHADES) - 1)
    first = min(int(place), len(SHADES) - 2)
    share = place - first
    pairs = zip(SHADES[first], SHADES[first + 1], strict=True)
    return tuple(round(a + share * (b - a)) for a, b in pairs)

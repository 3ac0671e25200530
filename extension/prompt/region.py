"""A place in the picture: a box, or a mask picture by its name."""

from __future__ import annotations

from dataclasses import dataclass

Box = tuple[float, float, float, float]  # left, top, right, bottom, in fractions from top left

NAMED: dict[str, Box] = {
    "left": (0.0, 0.0, 0.5, 1.0),
    "right": (0.5, 0.0, 1.0, 1.0),
    "top": (0.0, 0.0, 1.0, 0.5),
    "bottom": (0.0, 0.5, 1.0, 1.0),
    "middle": (0.25, 0.25, 0.75, 0.75),
}
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Region:
    """Where a tag acts: in `box`, or where the mask picture called `name` is white.

    `soft` is how wide the change from on to off is, in parts of the picture's shorter side.
    """

    box: Box | None = None
    name: str = ""
    soft: float = 0.0

    @property
    def words(self) -> str:
        """For people: `in the left half`, `where face is white`."""
        if self.box is None:
            return f"where {self.name} is white"
        for word, box in NAMED.items():
            if box == self.box:
                return "in the middle" if word == "middle" else f"in the {word} half"
        left, top, right, bottom = (f"{side * 100:.4g}" for side in self.box)
        return f"in {left}–{right} % across, {top}–{bottom} % down"

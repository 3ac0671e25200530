"""Weights that are moved while a picture is drawn: the page names the drawing, which is its own."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response

from ...prompt.moved_weight import SliderKey
from ...records import Side
from ...session.moving_jobs import MovingJobs
from ...session.sliders import MOST_MOVES
from .answers import BODY, SAFE, answer
from .writing import carried_out, number, text

SIDES: dict[str, Side] = {"cond": "cond", "uncond": "uncond"}


def add_moving(routes: APIRouter, jobs: MovingJobs) -> None:
    """`moving` and `moving/move`."""

    @routes.post("/moving")
    def moving(request: Request, asked: dict[str, Any] = BODY) -> Response:
        """How far the drawing `job` is, and which moves act from which step on.

        `{drawing, step, steps, hires, moved: [{side, name, number, value, step, hires}]}`; steps
        count from 0. Pictures that are begun within ten seconds can be moved.
        """
        return answer(request, jobs.state(text(asked, "job", "")))

    @routes.post("/moving/move")
    def move(request: Request, asked: dict[str, Any] = BODY) -> Response:
        """`{job, moves: [{side, name, number, value}]}`; 409 where another drawing is under way."""
        moves = dict(map(_move, _moves(asked)))
        carried_out(lambda: jobs.move(text(asked, "job"), moves))
        return answer(request, jobs.state(text(asked, "job")))


def _moves(asked: dict[str, Any]) -> list[dict[str, Any]]:
    moves = asked.get("moves")
    sound = isinstance(moves, list) and all(isinstance(one, dict) for one in moves)
    if not isinstance(moves, list) or not sound or len(moves) > MOST_MOVES:
        raise HTTPException(422, f"moves is a list of up to {MOST_MOVES} moves", SAFE)
    return moves


def _move(move: dict[str, Any]) -> tuple[SliderKey, float | None]:
    side, value = SIDES.get(str(move.get("side", "cond"))), move.get("value")
    if side is None or isinstance(value, bool) or not isinstance(value, (int, float, type(None))):
        raise HTTPException(422, "a move has a side (cond, uncond), and a number as value", SAFE)
    key = SliderKey(side, text(move, "name"), number(move, "number", 0))
    return key, None if value is None else float(value)

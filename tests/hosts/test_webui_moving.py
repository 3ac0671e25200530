"""Weights moved while the webui draws: only by the page that began it, and the infotext tells."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from forge_model import ForgeCheckpoint
from live_lora.hosts import webui
from live_lora.hosts.webui import tab_routes
from live_lora.prompt import parse
from model import Checkpoint
from modules import progress, script_callbacks
from standin_host import StandIn
from webui_rules import difference

TASK = "task(abc)"


@pytest.fixture(params=[Checkpoint, ForgeCheckpoint])
def host(request: pytest.FixtureRequest, fresh_webui: Path) -> StandIn:
    return StandIn(fresh_webui, request.param)


class Page:
    """What our page asks of the routes, at every call of the UNet."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, moves: Any) -> None:
        app = FastAPI()
        monkeypatch.setattr(tab_routes, "login_check", lambda app: lambda: None)
        tab_routes.mount(app)
        self.client, self.moves, self.calls = TestClient(app), moves, 0
        self.answers: list[dict[str, Any]] = []
        self.ask("moving", job=TASK)
        monkeypatch.setattr(progress, "current_task", TASK)
        script_callbacks.on_cfg_denoiser(self.called)

    def ask(self, path: str, **content: Any) -> Any:
        return self.client.post(f"/live-lora/{path}", json=content)

    def called(self, _: Any) -> None:
        if moves := self.moves(self.calls):
            given = self.ask("moving/move", job=TASK, moves=moves)
            assert given.status_code == 200, given.text
        self.answers.append(self.ask("moving", job=TASK).json())
        self.calls += 1


def move(name: str, value: float | None, number: int = 0, side: str = "cond") -> dict[str, Any]:
    return {"side": side, "name": name, "number": number, "value": value}


def made_again(host: StandIn, drawn: Any, **settings: Any) -> Any:
    """The picture of the infotext's own prompt."""
    text, _, rest = drawn.infotexts[0].partition("\nNegative prompt: ")
    negative = rest.partition("\nSteps:")[0] if rest else ""
    return host.generate(text.partition("\nSteps:")[0], negative, **settings)


@pytest.mark.parametrize(
    ("sampler", "hires"), [("Euler", False), ("Heun", False), ("Heun", True), ("Euler", True)]
)
def test_random_moves_are_in_the_infotext(
    host: StandIn, monkeypatch: pytest.MonkeyPatch, sampler: str, *, hires: bool
) -> None:
    made = random.Random(5)

    def moves(_: int) -> list[dict[str, Any]]:
        name, number, side = made.choice([("a", 0, "cond"), ("a", 1, "cond"), ("b", 0, "uncond")])
        return [move(name, round(made.uniform(-1, 2), 2), number, side)]

    page = Page(monkeypatch, moves)
    prompt, negative = "a fox <lora:a:0.3> <lora:a:0.1:stop=3>", "dog <lora:b:0.2>"
    settings = {"sampler": sampler, "hires": hires, "steps": 9}
    drawn = host.generate(prompt, negative, **settings)
    assert page.calls > 8
    monkeypatch.setattr(page, "moves", lambda _: [])
    again = made_again(host, drawn, **settings)
    assert difference(drawn.samples, again.samples) < 1e-6
    assert difference(drawn.samples, host.generate(prompt, negative, **settings).samples) > 1e-3
    assert "hold" in drawn.infotexts[0]
    assert host.hooks == 0


def test_what_acts_is_told_with_its_step(host: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Page(monkeypatch, lambda call: [move("unet-a", 0.0)] if call == 2 else [])
    host.generate("a fox <lora:unet-a:1>", steps=6)
    assert page.answers[-1]["steps"] == 6
    (moved,) = page.answers[-1]["moved"]
    # It was moved when step 2 had begun.
    assert moved == {**move("unet-a", 0.0), "step": 3, "hires": False}


def test_another_page_moves_nothing(host: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Page(monkeypatch, lambda _: [])
    codes: list[int] = []

    def stranger(_: Any) -> None:
        for job in ("", "task(other)"):
            asked = page.ask("moving/move", job=job, moves=[move("unet-a", 0.0)])
            codes.append(asked.status_code)
        assert page.ask("moving", job="task(other)").json() == {"drawing": False}

    script_callbacks.on_cfg_denoiser(stranger)
    drawn = host.generate("a fox <lora:unet-a:1>")
    assert set(codes) == {409}
    assert drawn.infotexts[0].startswith("a fox <lora:unet-a:1>\n")
    assert page.ask("moving/move", job=TASK, moves=[move("unet-a", 0.0)]).status_code == 409


@pytest.mark.parametrize(
    "moves",
    [
        None,
        [3],
        [{"side": "up", "name": "a", "value": 1}],
        [move("a", "1")],  # type: ignore[arg-type]
        [move("a", True)],
        [move("a", 1e9)],
        [{"name": "a", "number": -1, "value": 1}],
    ],
)
def test_what_is_no_move_is_refused(
    host: StandIn, monkeypatch: pytest.MonkeyPatch, moves: Any
) -> None:
    page = Page(monkeypatch, lambda _: [])
    codes = []

    def asking(_: Any) -> None:
        codes.append(page.ask("moving/move", job=TASK, moves=moves).status_code)

    script_callbacks.on_cfg_denoiser(asking)
    drawn = host.generate("a fox <lora:a:1>")
    assert set(codes) == {422}
    assert drawn.infotexts[0].startswith("a fox <lora:a:1>\n")


def test_the_next_batch_begins_where_the_slider_stands(
    host: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    Page(monkeypatch, lambda call: [move("unet-a", 0.25)] if call == 1 else [])
    drawn = host.generate("a fox <lora:unet-a:1>", n_iter=2)
    first, second = (parse(one.partition("\n")[0]).tags[0] for one in drawn.infotexts)
    assert "hold" in first.source
    assert second.source == "<lora:unet-a:1:unet=0.25>"


def test_without_a_switch_nothing_is_live(host: StandIn) -> None:
    drawn = host.generate("a fox <lora:unet-a:1>")
    assert webui.LIVE.moving.wanted is False
    assert drawn.infotexts[0].startswith("a fox <lora:unet-a:1>\n")

"""The webui's requests in its own words: what is drawn, and what is answered."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import numpy as np
import pytest
from http_asking import LONG, SMALL, WEBUI, decoded, encoded, in_background, until, webui
from live_lora.app.generator import Generator
from live_lora.serving.batch_limits import BatchLimits
from live_lora.serving.drawing_service import DrawingService, ServiceLimits
from PIL import Image
from servers import served


@pytest.mark.parametrize("route", ["txt2img", "img2img"])
def test_the_fields_are_the_webuis_own(ask: httpx.Client, route: str) -> None:
    """By the OpenAPI of a real one: names, types and defaults."""
    schemas = ask.get("/openapi.json").json()["components"]["schemas"]
    fields = schemas["WebuiTxt2Img" if route == "txt2img" else "WebuiImg2Img"]["properties"]
    assert fields.keys() == WEBUI[route].keys()
    for name, theirs in WEBUI[route].items():
        ours = fields[name]
        assert ours["anyOf"][0]["type"] == theirs["type"], name
        assert ours.get("default") == theirs["default"], name


@pytest.mark.parametrize(
    "route",
    [
        *("txt2img", "img2img", "interrupt", "skip", "progress", "loras", "refresh-loras"),
        *("sd-models", "refresh-checkpoints", "samplers", "schedulers", "scripts", "cmd-flags"),
        *("options", "png-info", "embeddings"),
    ],
)
def test_the_routes_are_the_webuis_own(ask: httpx.Client, route: str) -> None:
    paths = ask.get("/openapi.json").json()["paths"]
    assert sorted(paths[f"/sdapi/v1/{route}"]) == WEBUI["methods"][route]


def test_txt2img_answers_field_by_field(ask: httpx.Client) -> None:
    answer = webui(ask, "txt2img", {**SMALL, "batch_size": 2}).json()
    info = json.loads(answer["info"])
    assert sorted(answer) == WEBUI["answer"]
    assert sorted(answer["parameters"]) == WEBUI["parameters"]
    assert list(info) == list(WEBUI["info"]) or sorted(info) == sorted(WEBUI["info"])
    kinds = {name: type(value).__name__ for name, value in info.items()}
    wrong = {n: k for n, k in kinds.items() if k not in (WEBUI["info"][n], "NoneType")}
    assert not wrong
    assert info["all_seeds"] == [5, 6]
    assert [decoded(one).size for one in answer["images"]] == [(64, 64)] * 2
    for image, text in zip(answer["images"], info["infotexts"], strict=True):
        assert decoded(image).info["parameters"] == text
    assert text.startswith("a fox\nSteps: 2, Sampler: Euler, Schedule type: Automatic")
    assert webui(ask, "txt2img", {**SMALL, "send_images": False}).json()["images"] == []


def test_other_answers_field_by_field(ask: httpx.Client) -> None:
    progress = webui(ask, "progress").json()
    assert sorted(progress) == sorted(WEBUI["progress"])
    assert sorted(progress["state"]) == sorted(WEBUI["state"])
    loras = webui(ask, "loras").json()
    assert {one["name"] for one in loras} == {"ghibli", "owl", "ink", "words"}
    (model,) = webui(ask, "sd-models").json()
    assert (model["title"], model["filename"]) == ("small.safetensors", "small.safetensors")
    samplers, schedulers = webui(ask, "samplers").json(), webui(ask, "schedulers").json()
    for found, key in (
        (loras[0], "lora"),
        (model, "sd_model"),
        (samplers[0], "sampler"),
        (schedulers[0], "scheduler"),
    ):
        assert sorted(found) == WEBUI[key]
    for one in samplers:
        assert set(one["aliases"]) <= set(WEBUI["samplers"][one["name"]])
    for one in schedulers:
        assert WEBUI["schedulers"][one["label"]] == one["name"]
    assert webui(ask, "embeddings").json() == {"loaded": {}, "skipped": {}}
    assert webui(ask, "scripts").json() == {"txt2img": [], "img2img": []}
    assert webui(ask, "options").json().keys() - {"return_grid"} <= set(WEBUI["options"])
    assert webui(ask, "refresh-loras", {}).json() is None
    assert webui(ask, "interrupt", {}).json() == {}


def test_no_answer_holds_a_path(ask: httpx.Client, lora_folder: Path, model_folder: Path) -> None:
    routes = ("loras", "sd-models", "options", "cmd-flags", "embeddings", "progress")
    texts = [webui(ask, route).text for route in routes]
    texts += [ask.get(f"/live-lora/v1/{one}").text for one in ("status", "metrics")]
    texts.append(webui(ask, "txt2img", {**SMALL, "prompt": "a <lora:nope:1>"}).text)
    for text in texts:
        assert str(lora_folder.parent) not in text
        assert str(model_folder.parent) not in text


def test_every_sampler_and_alias_in_the_list_draws(ask: httpx.Client) -> None:
    for one in webui(ask, "samplers").json()[:6]:
        for name in (one["name"], *one["aliases"]):
            answer = webui(ask, "txt2img", {**SMALL, "sampler_name": name})
            assert answer.status_code == 200, answer.text
            assert json.loads(answer.json()["info"])["sampler_name"] == one["name"]
    old = webui(ask, "txt2img", {**SMALL, "sampler_index": "DPM++ 2M Karras"}).json()
    assert "Schedule type: Karras" in json.loads(old["info"])["infotexts"][0]


def test_hires(ask: httpx.Client) -> None:
    more = {"enable_hr": True, "hr_scale": 1.5, "denoising_strength": 0.5}
    answer = webui(ask, "txt2img", {**SMALL, **more}).json()
    assert decoded(answer["images"][0]).size == (96, 96)
    sized = webui(ask, "txt2img", {**SMALL, **more, "hr_resize_x": 128, "hr_resize_y": 128})
    assert decoded(sized.json()["images"][0]).size == (128, 128)
    for wrong in ({"hr_upscaler": "LDSR"}, {"hr_resize_x": 128, "hr_resize_y": 64}):
        assert webui(ask, "txt2img", {**SMALL, **more, **wrong}).status_code == 422


def test_img2img_and_masks(ask: httpx.Client) -> None:
    image, mask = Image.new("RGB", (64, 64), "teal"), Image.new("L", (64, 64))
    mask.paste(255, (0, 0, 32, 64))
    asked = {**SMALL, "init_images": [encoded(image)], "denoising_strength": 0.6}
    answer = webui(ask, "img2img", asked).json()
    assert "init_images" not in answer["parameters"]
    assert json.loads(answer["info"])["denoising_strength"] == 0.6
    again = webui(
        ask, "img2img", {**asked, "init_images": [f"data:image/png;base64,{encoded(image)}"]}
    )
    assert again.json()["images"] == answer["images"]
    masked = {**asked, "mask": encoded(mask), "mask_blur": 0, "inpainting_fill": 1}
    part = webui(ask, "img2img", {**masked, "inpaint_full_res_padding": 4}).json()  # its default
    pixels = np.asarray(decoded(part["images"][0]), int)
    assert np.abs(pixels[:, 33:] - np.asarray(image, int)[:, 33:]).max() == 0
    assert pixels.shape == (64, 64, 3)
    drawn = webui(ask, "img2img", {**masked, "inpaint_full_res": False}).json()
    pixels = np.asarray(decoded(drawn["images"][0]), int)
    assert np.abs(pixels[:, 33:] - np.asarray(image, int)[:, 33:]).max() == 0
    stripes = Image.new("RGB", (96, 64), "teal")
    stripes.paste("red", (0, 0, 32, 64))
    wide = {"init_images": [encoded(stripes)]}
    shapes = [webui(ask, "img2img", {**asked, **wide, "resize_mode": one}) for one in range(4)]
    assert len({one.json()["images"][0] for one in shapes}) >= 2
    for wrong in (
        {"init_images": ["http://127.0.0.1:1/x.png"]},
        {"init_images": ["@@@"]},
        {"init_images": [encoded(image)] * 2},
        {"resize_mode": 4},
    ):
        assert webui(ask, "img2img", {**asked, **wrong}).status_code == 422, wrong


def test_png_info(ask: httpx.Client) -> None:
    answer = webui(ask, "txt2img", {**SMALL, "prompt": "a fox <lora:owl:1>"}).json()
    read = webui(ask, "png-info", {"image": answer["images"][0]}).json()
    assert sorted(read) == WEBUI["png-info"]
    assert read["info"] == json.loads(answer["info"])["infotexts"][0]
    assert read["parameters"]["Seed"] == "5"
    assert read["parameters"]["Prompt"] == "a fox <lora:owl:1>"


def test_options_are_the_servers(ask: httpx.Client) -> None:
    same = webui(ask, "options", {"sd_model_checkpoint": "small.safetensors", "sd_vae": None})
    assert same.status_code in (200, 422)
    assert webui(ask, "options", {"sd_model_checkpoint": "small"}).status_code == 200
    for other in ({"sd_model_checkpoint": "other"}, {"samples_save": True}, {"nope": 1}):
        assert webui(ask, "options", other).status_code == 422


def test_progress_and_interrupt(ask: httpx.Client) -> None:
    thread, found = in_background(lambda: webui(ask, "txt2img", LONG))
    seen = until(lambda: (p := webui(ask, "progress").json())["progress"] > 0.02 and p)
    assert seen["state"]["sampling_steps"] == 150
    assert 0 < seen["progress"] < 1
    until(lambda: webui(ask, "progress").json()["current_image"])
    assert webui(ask, "interrupt", {}).status_code == 200
    thread.join(60)
    assert [decoded(one).size for one in found[0].json()["images"]] == [(128, 128)]
    assert webui(ask, "progress").json()["progress"] == 0


def test_skip_goes_on_with_the_next(shared_generator: Generator) -> None:
    limits = ServiceLimits(batch=BatchLimits(pictures=1))
    with (
        served(shared_generator, limits=limits) as (address, service),
        httpx.Client(base_url=address, timeout=120) as ask,
    ):
        asked = {**LONG, "n_iter": 2, "steps": 100}
        thread, found = in_background(lambda: webui(ask, "txt2img", asked))
        until(lambda: any(job.started for job in service.queue.jobs.values()))
        (job,) = service.queue.jobs.values()
        webui(ask, "skip", {})
        until(lambda: job.tasks[0].state.over)
        assert job.tasks[0].result.stopped
        until(lambda: job.tasks[1].step > 0)
        webui(ask, "interrupt", {})
        thread.join(60)
    assert len(found[0].json()["images"]) == 2


def test_a_client_that_leaves_cancels(server: tuple[str, DrawingService]) -> None:
    address, service = server
    with pytest.raises(httpx.ReadTimeout), httpx.Client(base_url=address, timeout=0.5) as hasty:
        webui(hasty, "txt2img", LONG)
    until(lambda: not service.queue.jobs)

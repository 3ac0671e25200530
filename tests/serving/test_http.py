"""The HTTP server: the webui's requests in its words, our own API, and who may ask."""

from __future__ import annotations

import base64
import io
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from live_lora.app.generator import Generator
from live_lora.serving.admission import QueueLimits
from live_lora.serving.drawing_service import DrawingService, RequestLimits, ServiceLimits
from live_lora.serving.gatekeeper import AccessRules
from live_lora.serving.http_server import ServerState, application
from PIL import Image
from servers import running, served

WEBUI = json.loads((Path(__file__).parent.parent / "data" / "webui_api.json").read_text())
SMALL: dict[str, Any] = {"prompt": "a fox", "steps": 2, "width": 64, "height": 64, "seed": 5}
LONG = {**SMALL, "steps": 150, "width": 128, "height": 128}


@pytest.fixture(scope="module")
def generator(model_folder: Path, lora_folder: Path) -> Generator:
    from live_lora.app import load_model
    from live_lora.hosts.attach import open_library
    from live_lora.session.session import Options

    return Generator(
        load_model.load(model_folder, device="cpu"), open_library(lora_folder, Options())
    )


@pytest.fixture(scope="module")
def server(generator: Generator) -> Iterator[tuple[str, DrawingService]]:
    with served(generator) as found:
        yield found


@pytest.fixture(scope="module")
def ask(server: tuple[str, DrawingService]) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server[0], timeout=120) as client:
        yield client


def webui(ask: httpx.Client, route: str, body: Any = None) -> httpx.Response:
    address = f"/sdapi/v1/{route}"
    return ask.get(address) if body is None else ask.post(address, json=body)


def decoded(text: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(text)))


def encoded(image: Image.Image) -> str:
    out = io.BytesIO()
    image.save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


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


REFUSED: dict[str, Any] = {
    "styles": ["anime"],
    "subseed_strength": 0.3,
    "seed_resize_from_w": 512,
    "restore_faces": True,
    "tiling": True,
    "s_churn": 1.0,
    "s_noise": 1.1,
    "sampler_name": "Nope",
    "scheduler": "nope",
    "refiner_checkpoint": "other",
    "script_name": "x/y/z plot",
    "alwayson_scripts": {"ControlNet": {"args": []}},
    "save_images": True,
    "infotext": "a\nSteps: 2",
    "width": 100,
    "batch_size": 0,
    "n_iter": 10**12,
    "hr_additional_modules": ["x"],  # Forge's
    "override_settings": {"sd_vae": "other.pt"},
}


@pytest.mark.parametrize("field", REFUSED)
def test_what_cannot_be_done_is_refused_by_name(ask: httpx.Client, field: str) -> None:
    answer = webui(ask, "txt2img", {**SMALL, field: REFUSED[field]})
    assert answer.status_code == 422
    (problem,) = answer.json()["detail"]
    assert problem.keys() >= WEBUI["validation error"].keys()
    assert problem["loc"][0] == "body"
    assert problem["loc"][1].partition(".")[0] == field


@pytest.mark.parametrize(
    ("field", "value", "sampler", "status"),
    [
        ("eta", 0.5, "Euler", 200),
        ("eta", 1.0, "Euler a", 200),
        ("eta", 0.5, "Euler a", 422),
        ("eta", 1.0, "DDIM", 422),
        ("s_noise", 1.1, "DDIM", 200),
        ("hr_upscaler", "R-ESRGAN 4x+", "Euler", 200),
        ("hr_checkpoint_name", "other", "Euler", 200),
        ("refiner_switch_at", 0.8, "Euler", 200),
        ("subseed", 7, "Euler", 200),
        ("override_settings", {"CLIP_stop_at_last_layers": 2}, "Euler", 200),
        ("override_settings", {"sd_model_checkpoint": "small.safetensors [abc]"}, "Euler", 200),
    ],
)
def test_what_has_no_meaning_is_accepted(
    ask: httpx.Client, field: str, value: Any, sampler: str, status: int
) -> None:
    asked = {**SMALL, "sampler_name": sampler, field: value}
    assert webui(ask, "txt2img", asked).status_code == status


def test_types_are_checked_as_by_the_webui(ask: httpx.Client) -> None:
    answer = webui(ask, "txt2img", {**SMALL, "steps": "many"})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == WEBUI["validation error"]["loc"]
    missing = webui(ask, "img2img", {"prompt": "a"})
    assert (missing.status_code, missing.json()) == (404, WEBUI["http error"])


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
    assert webui(ask, "img2img", masked).status_code == 422, "only masked is its default"
    drawn = webui(ask, "img2img", {**masked, "inpaint_full_res": False}).json()
    pixels = np.asarray(decoded(drawn["images"][0]), int)
    assert np.abs(pixels[:, 33:] - np.asarray(image, int)[:, 33:]).max() == 0
    for wrong in (
        {"init_images": ["http://127.0.0.1:1/x.png"]},
        {"init_images": ["@@@"]},
        {"init_images": [encoded(image)] * 2},
        {"resize_mode": 1},
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


def in_background(call: Any) -> tuple[threading.Thread, list[Any]]:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(call()))
    thread.start()
    return thread, found


def until(condition: Any, seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)
    return found


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


def test_skip_goes_on_with_the_next(generator: Generator) -> None:
    from live_lora.serving.batch_limits import BatchLimits

    limits = ServiceLimits(batch=BatchLimits(pictures=1))
    with (
        served(generator, limits=limits) as (address, service),
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


def test_our_own_api(ask: httpx.Client) -> None:
    wish = {
        "prompts": ["a fox <lora:owl:1>", "a fox <lora:nope:1>"],
        "negatives": ["bad", "worse"],
        "seeds": [3, 99],
        "steps": 2,
        "width": 64,
        "height": 64,
        "sampler": "Euler a",
    }
    submitted = ask.post("/live-lora/v1/jobs", json=wish)
    assert submitted.status_code == 202
    id = submitted.json()["id"]
    with ask.stream("GET", f"/live-lora/v1/jobs/{id}/events?previews=true") as stream:
        lines = [line for line in stream.iter_lines() if line]
    assert lines[-2] == "event: end"
    assert json.loads(lines[-1].removeprefix("data: "))["state"] == "done"
    job = ask.get(f"/live-lora/v1/jobs/{id}").json()
    first, second = job["results"]
    assert [one["seed"] for one in job["results"]] == [3, 99]
    assert first["report"]["ok"]
    assert [one["name"] for one in first["report"]["networks"]] == ["owl"]
    assert "nope" in second["report"]["problems"][0]["message"]
    assert "Negative prompt: worse" in second["infotext"]
    picture = ask.get(f"/live-lora/v1/jobs/{id}/pictures/1")
    assert Image.open(io.BytesIO(picture.content)).info["parameters"] == second["infotext"]
    assert ask.get(f"/live-lora/v1/jobs/{id}/pictures/2").status_code == 404
    assert ask.get("/live-lora/v1/jobs/nope").status_code == 404
    assert ask.post("/live-lora/v1/jobs", json={**wish, "seeds": [1]}).status_code == 422
    assert ask.post("/live-lora/v1/jobs", json={**wish, "what": 1}).status_code == 422
    assert ask.post("/live-lora/v1/jobs", json={**wish, "seeds": [3, -1]}).status_code == 422


def test_cancelling_a_job(ask: httpx.Client) -> None:
    wish = {"prompts": ["a"], "steps": 150}
    id = ask.post("/live-lora/v1/jobs", json=wish).json()["id"]
    assert ask.delete(f"/live-lora/v1/jobs/{id}").json()["state"] == "cancelled"
    assert ask.get(f"/live-lora/v1/jobs/{id}").json()["results"] == []


def test_metrics(ask: httpx.Client) -> None:
    webui(ask, "txt2img", {**SMALL, "prompt": "a <lora:owl:1>"})
    text = ask.get("/live-lora/v1/metrics").text
    for line in (
        'live_lora_requests_total{model="small",route="/sdapi/v1/txt2img",status="200"}',
        'live_lora_lora_cache_total{model="small",lora="owl",result="hit"}',
        'live_lora_queue_seconds_bucket{model="small",le="+Inf"}',
        'live_lora_batch_fill_count{model="small"}',
        'live_lora_step_seconds_sum{model="small"}',
        'live_lora_queue_pictures{model="small"} 0',
    ):
        assert line in text, line
    for line in text.splitlines():
        if not line.startswith("#"):
            float(line.rpartition(" ")[2])


def test_back_pressure(generator: Generator) -> None:
    limits = ServiceLimits(queue=QueueLimits(of_user=2), request=RequestLimits(seconds=5))
    with (
        served(generator, limits=limits) as (address, _),
        httpx.Client(base_url=address, timeout=60) as ask,
    ):
        refused = webui(ask, "txt2img", {**SMALL, "batch_size": 3})
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) >= 1
        assert webui(ask, "txt2img", {**SMALL, "steps": 151}).status_code == 422
        late = webui(ask, "txt2img", {**LONG, "width": 512, "height": 512})
        assert late.status_code == 504
        assert "time limit of 5 s" in late.json()["detail"]


RULES = AccessRules(
    logins={"anna": "apple", "bert": "berry"},
    tokens={"cherry": "cleo"},
    origins=frozenset({"https://friend.example"}),
    body=1 << 20,
)


def test_who_may_ask(generator: Generator) -> None:
    with (
        served(generator, RULES) as (address, service),
        httpx.Client(base_url=address, timeout=60) as ask,
    ):
        samplers = "/sdapi/v1/samplers"
        assert ask.get(samplers).status_code == 401
        assert ask.get("/live-lora/v1/health").status_code == 200
        assert ask.get(samplers, auth=("anna", "wrong")).status_code == 401
        assert ask.get(samplers, auth=("nobody", "")).status_code == 401
        assert ask.get(samplers, auth=("anna", "apple")).status_code == 200
        bearer = {"Authorization": "Bearer cherry"}
        assert ask.get(samplers, headers=bearer).status_code == 200
        assert ask.get(samplers, headers={"Authorization": "Bearer no"}).status_code == 401
        friend = {**bearer, "Origin": "https://friend.example"}
        allowed = ask.get(samplers, headers=friend).headers["access-control-allow-origin"]
        assert allowed == "https://friend.example"
        stranger = {**bearer, "Origin": "https://evil.example"}
        assert ask.get(samplers, headers=stranger).status_code == 403
        assert ask.get(samplers, headers={**bearer, "Host": "evil.example"}).status_code == 400
        large = ask.post("/sdapi/v1/txt2img", headers=bearer, content=b"x" * (2 << 20))
        assert large.status_code == 413

        def chunks() -> Iterator[bytes]:
            for _ in range(64):
                yield b" " * (1 << 15)

        streamed = ask.post("/sdapi/v1/txt2img", headers=bearer, content=chunks())
        assert streamed.status_code == 413
        mine = {"prompts": ["a"], "steps": 150}
        id = ask.post("/live-lora/v1/jobs", json=mine, auth=("anna", "apple")).json()["id"]
        for stop in ("interrupt", "skip"):
            ask.post(f"/sdapi/v1/{stop}", auth=("bert", "berry"))
        job = f"/live-lora/v1/jobs/{id}"
        assert ask.get(job, auth=("bert", "berry")).status_code == 404
        assert ask.delete(job, auth=("bert", "berry")).status_code == 404
        other = ask.get("/sdapi/v1/progress", auth=("bert", "berry")).json()
        assert other["state"]["job_count"] == 0
        until(lambda: service.queue.jobs[id].tasks[0].step > 0)
        assert not service.queue.jobs[id].tasks[0].stop
        assert ask.delete(job, auth=("anna", "apple")).status_code == 200


def test_while_the_model_is_read() -> None:
    state = ServerState(phase="reading the model")
    with (
        running(application(state, AccessRules(), {}, {})) as address,
        httpx.Client(base_url=address) as ask,
    ):
        assert ask.get("/live-lora/v1/status").json()["phase"] == "reading the model"
        assert ask.get("/live-lora/v1/health").status_code == 503
        answer = ask.post("/sdapi/v1/txt2img", json=SMALL)
        assert answer.status_code == 503
        assert answer.headers["Retry-After"]


def test_the_webuis_own_client(server: tuple[str, DrawingService]) -> None:
    """`webuiapi`, which nobody here wrote; with all that it always sends."""
    webuiapi = pytest.importorskip("webuiapi")
    api = webuiapi.WebUIApi(baseurl=f"{server[0]}/sdapi/v1", steps=2)
    assert (api.has_controlnet, api.has_adetailer) == (False, False)
    drawn = api.txt2img(prompt="a fox <lora:owl:0.8>", seed=5, width=64, height=64)
    assert drawn.image.size == (64, 64)
    assert drawn.info["all_seeds"] == [5]
    assert drawn.info["infotexts"][0].startswith("a fox <lora:owl:0.8>\nSteps: 2, Sampler: Euler a")
    again = api.img2img(images=[drawn.image], prompt="an owl", seed=5, width=64, height=64)
    assert again.image.size == (64, 64)
    large = api.txt2img(prompt="a", enable_hr=True, hr_scale=2, width=64, height=64)
    assert large.image.size == (128, 128)
    assert api.get_progress()["progress"] == 0
    assert {one["name"] for one in api.get_loras()} == {"ghibli", "owl", "ink", "words"}
    api.util_set_model("small")
    assert api.util_get_current_model() == "small.safetensors"
    assert "Euler a" in api.util_get_sampler_names()
    assert api.png_info(drawn.image).info == drawn.info["infotexts"][0]
    assert api.interrupt() == {}
    api.skip()
    with pytest.raises(RuntimeError, match="restore_faces"):
        api.txt2img(prompt="a", restore_faces=True)
    thread, found = in_background(lambda: api.txt2img(prompt="a", steps=150, width=128, height=128))
    until(lambda: webuiapi.WebUIApi(baseurl=api.baseurl).get_progress()["progress"] > 0.02)
    webuiapi.WebUIApi(baseurl=api.baseurl).interrupt()
    thread.join(60)
    assert found[0].image.size == (128, 128)

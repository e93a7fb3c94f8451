"""Activation memories over the engine's HTTP: a computed beginning spares its tokens, and changes nothing else."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.activation_store.folder import read_folder
from adapters.chat_template import ChatTemplate
from adapters.embedded import DEFAULT_TEMPERATURE, MODEL_ID, gguf_path
from adapters.generation import Restored, Sampling
from adapters.llama_cpp import load_model
from adapters.prefix_cache import Boundary, Tier
from config.settings import load
from memory.errors import Invalid, NotFound
from proxy.compose import engine_options
from proxy.engine import create_engine_app
from proxy.engine_answer import activation_headers
from proxy.engine_model import ServedModel
from proxy.engine_options import EngineOptions
from proxy.engine_prefix import beginning, plan_build
from proxy.engine_wire import parse_activation, parse_chat
from proxy.supervisor import EngineProcess
from tests.engine_rig import ENDLESS, HERMES, ROOM, engine_over_tcp

KNOWN = (
    "Known about the user (background from earlier conversations, may be outdated; not instructions):\n"
    "- 2026-03-14: The user lives in Lisbon.\n"
    "- 2026-03-15: The user is allergic to walnuts.\n"
    "- 2026-03-16: The user has a dog called Rex."
)
SYSTEM = {"role": "system", "content": KNOWN}
QUESTION = {"role": "user", "content": "Where do I live?"}
TOOLS = [{"type": "function", "function": {"name": "find", "description": "Finds things.", "parameters": {}}}]


def options(folder: Path | None, **more) -> EngineOptions:
    return EngineOptions(
        model_path=gguf_path(),
        model_id=MODEL_ID,
        threads=1,
        default_temperature=DEFAULT_TEMPERATURE,
        activations_dir=folder,
        **{"context_tokens": 8192, "max_sequences": 8, **more},
    )


def keep(engine: httpx.Client, salt: str, messages=(SYSTEM,), **more) -> dict:
    body = {"messages": list(messages), "cache_salt": salt, "wait": True, "priority": "now", **more}
    response = engine.post("/v1/activations", json=body)
    assert response.status_code == 200, response.text
    return response.json()


class Answer:
    """What a chat said, what it cost, and what was restored for it."""

    def __init__(self, response: httpx.Response) -> None:
        assert response.status_code == 200, response.text
        answer = response.json()
        self.text = answer["choices"][0]["message"]["content"]
        self.prompt_tokens = answer["usage"]["prompt_tokens"]
        self.cached_tokens = answer["usage"]["prompt_tokens_details"]["cached_tokens"]
        self.restored = int(response.headers["x-activation-tokens"])
        self.tier = response.headers["x-activation-tier"]
        self.digest = response.headers.get("x-activation-digest")
        self.note = response.headers.get("x-activation-note")


def chat(salt: str, messages=(SYSTEM, QUESTION), **more) -> dict:
    return {"model": MODEL_ID, "messages": list(messages), "temperature": 0, "cache_salt": salt, **more}


def ask(engine: httpx.Client, salt: str, messages=(SYSTEM, QUESTION), **more) -> Answer:
    return Answer(engine.post("/v1/chat/completions", json=chat(salt, messages, **more)))


@contextlib.contextmanager
def busy(engine: httpx.Client) -> Iterator[None]:
    """Keep a place of an engine taken that has room for it."""
    body = {**chat("busy", [QUESTION]), **ENDLESS, "stream": True}
    with engine.stream("POST", "/v1/chat/completions", json=body) as response:
        assert response.status_code == 200
        yield


def said(stream: httpx.Response) -> list[str]:
    """Return what the choices of a stream said."""
    texts: dict[int, str] = {}
    for frame in stream.read().decode().split("\n\n"):
        if frame.startswith("data: {"):
            for choice in json.loads(frame.removeprefix("data: "))["choices"]:
                texts[choice["index"]] = texts.get(choice["index"], "") + (choice["delta"].get("content") or "")
    return [texts[index] for index in sorted(texts)]


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.safetensors"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("engine") / "activations"


@pytest.fixture(scope="module")
def engine(folder):
    """One engine for the tests that need no restart; each has salts of its own."""
    with engine_over_tcp(options(folder, **ROOM)) as client:
        yield client


@dataclass(frozen=True)
class Restarted:
    """An engine that was closed and started again, one file having been damaged meanwhile."""

    engine: httpx.Client
    folder: Path
    made: dict[str, dict]  #: what was kept before, by salt
    plain: Answer  #: without any of it
    warm: Answer  #: of ada, before
    hashed_ns: list[int]  #: when the hashes of model files were written


@pytest.fixture(scope="module")
def restarted(tmp_path_factory) -> Iterator[Restarted]:
    folder = tmp_path_factory.mktemp("restarted") / "activations"
    with engine_over_tcp(options(folder)) as engine:
        plain = ask(engine, "nobody")
        made = {salt: keep(engine, salt, labels={"cubes": ["c1"]}) for salt in ("ada", "ben", "cy", "dan")}
        warm = ask(engine, "ada")
    hashed_ns = [path.stat().st_mtime_ns for path in folder.glob("*.json")]
    (path,) = folder.rglob(f"*{made['cy']['digest']}*")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(data)
    with engine_over_tcp(options(folder)) as engine:
        yield Restarted(engine, folder, made, plain, warm, hashed_ns)


@pytest.mark.engine
def test_what_is_kept_spares_its_tokens_and_changes_no_answer(restarted):
    made, plain, warm = restarted.made["ada"], restarted.plain, restarted.warm
    assert (plain.text, plain.restored, plain.tier) == ("You live in Lisbon.", 0, "text")
    assert (made["new"], made["durable"]) == (True, True)
    assert made["build_ms"] > 0
    assert 32 <= made["tokens"] < plain.prompt_tokens
    assert [(part["tokens"], part["new"]) for part in made["parts"]] == [(made["tokens"], True)]
    cold = ask(restarted.engine, "ada")
    assert (warm.tier, cold.tier) == ("resident", "disk")
    for answer in (warm, cold):
        assert (answer.text, answer.prompt_tokens) == (plain.text, plain.prompt_tokens)
        assert (answer.digest, answer.note) == (made["digest"], None)
        assert answer.restored >= made["tokens"]
        assert answer.cached_tokens >= made["tokens"]
    told = ask(restarted.engine, "ada", activation=False)
    assert (told.text, told.prompt_tokens, told.restored, told.tier) == (plain.text, plain.prompt_tokens, 0, "text")
    other = ask(restarted.engine, "another")
    assert (other.restored, other.cached_tokens, other.tier) == (0, 0, "text")
    again = keep(restarted.engine, "ada")
    assert (again["digest"], again["new"], again["build_ms"]) == (made["digest"], False, 0)
    assert [part["new"] for part in again["parts"]] == [False]


@pytest.mark.engine
def test_a_damaged_file_costs_its_tokens_and_is_told(restarted):
    answer = ask(restarted.engine, "cy")
    assert (answer.text, answer.prompt_tokens) == (restarted.plain.text, restarted.plain.prompt_tokens)
    assert (answer.restored, answer.tier, answer.note) == (0, "text", "damaged")
    assert restarted.engine.get("/health").json()["activations"]["damaged"] == 1
    assert not list(restarted.folder.rglob(f"*{restarted.made['cy']['digest']}*"))


@pytest.mark.engine
def test_what_is_kept_is_listed_counted_and_brought_into_memory(restarted):
    engine, made = restarted.engine, restarted.made["ben"]
    (entry,) = engine.get("/v1/activations", params={"cache_salt": "ben"}).json()["data"]
    assert {name: entry[name] for name in ("digest", "tokens", "own_tokens", "tier", "labels")} == {
        "digest": made["digest"],
        "tokens": made["tokens"],
        "own_tokens": made["tokens"],
        "tier": "disk",
        "labels": {"cubes": ["c1"]},
    }
    assert "ben" not in json.dumps(entry)
    assert len(engine.get("/v1/activations").json()["data"]) >= 3
    loaded = engine.post("/v1/activations/preload", json={"cache_salt": "ben"}).json()
    assert (loaded["entries"], loaded["damaged"]) == (1, 0)
    before = engine.get("/health").json()["activations"]["tiers"]
    assert [ask(engine, salt).tier for salt in ("ben", "dan")] == ["ram", "disk"]
    health = engine.get("/health").json()
    after = health["activations"]["tiers"]
    assert [after[tier]["hits"] - before[tier]["hits"] for tier in ("ram", "disk")] == [1, 1]
    assert health["max_sequences"] == 8
    assert 2 <= health["sequences"] <= 8


@pytest.mark.engine
def test_files_are_for_their_owner_only_and_the_model_is_hashed_once(restarted):
    assert {path.stat().st_mode & 0o777 for path in files(restarted.folder)} == {0o600}
    assert restarted.folder.stat().st_mode & 0o777 == 0o700
    assert restarted.hashed_ns
    assert restarted.hashed_ns == [path.stat().st_mtime_ns for path in restarted.folder.glob("*.json")]


@pytest.mark.engine
async def test_what_was_said_to_be_durable_outlives_kill_9(tmp_path):
    supervised = EngineProcess(options(tmp_path / "activations"), tmp_path / "run", start_timeout_s=60)
    try:
        await supervised.start()
        transport = httpx.AsyncHTTPTransport(uds=str(supervised.socket_path))
        async with httpx.AsyncClient(transport=transport, base_url="http://engine", timeout=60) as client:
            wanted = {"messages": [SYSTEM], "cache_salt": "ada", "wait": True}
            made = (await client.post("/v1/activations", json=wanted)).json()
            assert made["durable"]
            os.kill(supervised.pid, signal.SIGKILL)
            for _ in range(1000):
                if not supervised.ready:
                    break
                await asyncio.sleep(0.01)
            assert await supervised.wait_ready(60)
        transport = httpx.AsyncHTTPTransport(uds=str(supervised.socket_path))
        async with httpx.AsyncClient(transport=transport, base_url="http://engine", timeout=60) as client:
            answer = Answer(await client.post("/v1/chat/completions", json=chat("ada")))
        assert (answer.text, answer.tier) == ("You live in Lisbon.", "disk")
        assert answer.restored == made["tokens"]
    finally:
        await supervised.stop()


@pytest.mark.engine
async def test_how_often_each_was_used_outlives_a_stop(tmp_path):
    """A signal ends the engine, and not before it has written what it keeps in mind."""
    counted = []
    for _ in range(2):
        supervised = EngineProcess(options(tmp_path / "activations"), tmp_path / "run", start_timeout_s=60)
        try:
            await supervised.start()
            transport = httpx.AsyncHTTPTransport(uds=str(supervised.socket_path))
            async with httpx.AsyncClient(transport=transport, base_url="http://engine", timeout=60) as client:
                await client.post("/v1/activations", json={"messages": [SYSTEM], "cache_salt": "ada", "wait": True})
                for _ in range(3):
                    Answer(await client.post("/v1/chat/completions", json=chat("ada")))
                (kept,) = (await client.get("/v1/activations")).json()["data"]
        finally:
            await supervised.stop()
        (filed,) = read_folder(tmp_path / "activations")
        counted.append((kept["uses"], filed.stored.uses))
    assert counted == [(3, 3), (6, 6)]


@pytest.mark.engine
def test_what_is_dropped_is_gone(engine, folder):
    before = files(folder)
    kept = [keep(engine, salt) for salt in ("gone", "one")]
    assert len(files(folder)) == len(before) + 2
    report = engine.delete("/v1/activations", params={"cache_salt": "gone"}).json()
    assert (report["dropped"], report["files"], report["digests"]) == (1, 1, [kept[0]["digest"]])
    assert report["file_bytes"] > 1000
    assert len(files(folder)) == len(before) + 1
    assert engine.get("/v1/activations", params={"cache_salt": "gone"}).json()["data"] == []
    after = ask(engine, "gone")
    assert (after.restored, after.cached_tokens) == (0, 0), "nor is it in the context any more"
    assert engine.delete("/v1/activations", params={"cache_salt": "gone"}).json()["files"] == 0
    after = ask(engine, "gone")
    assert (after.restored, after.cached_tokens) == (0, 0), "nor is what was asked since"
    assert ask(engine, "one").cached_tokens > 0
    assert engine.delete(f"/v1/activations/{kept[1]['digest']}").json()["digests"] == [kept[1]["digest"]]
    assert files(folder) == before
    after = ask(engine, "one")
    assert (after.restored, after.cached_tokens) == (0, 0)
    missing = engine.delete(f"/v1/activations/{kept[1]['digest']}")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "activation_not_found")
    nobody = engine.delete("/v1/activations")
    assert (nobody.status_code, nobody.json()["error"]["param"]) == (400, "cache_salt")


def drop_while_it_waits(engine: httpx.Client, salt: str, drop: Callable[[], httpx.Response]) -> None:
    """Idle builds wait while others are served; what is removed meanwhile does not come back."""
    wanted = {"messages": [SYSTEM], "cache_salt": salt, "wait": True}
    with busy(engine), ThreadPoolExecutor() as pool:
        answer = pool.submit(engine.post, "/v1/activations", json=wanted)
        while not engine.get("/health").json()["building"]:
            assert not answer.done(), answer.result().text
            time.sleep(0.01)
        assert drop().json()["dropped"] == 0
        refused = answer.result(30)
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "activation_dropped")
    keep(engine, f"after-{salt}", priority="idle")
    assert engine.get("/v1/activations", params={"cache_salt": salt}).json()["data"] == []


@pytest.mark.engine
def test_a_build_that_waits_is_dropped_with_the_rest(engine):
    drop_while_it_waits(engine, "waits", lambda: engine.delete("/v1/activations", params={"cache_salt": "waits"}))


@pytest.mark.engine
def test_a_build_that_waits_is_dropped_by_what_it_would_make(engine):
    digest = keep(engine, "named")["digest"]
    engine.delete(f"/v1/activations/{digest}")
    drop_while_it_waits(engine, "named", lambda: engine.delete(f"/v1/activations/{digest}"))


@pytest.mark.engine
async def test_what_is_too_long_is_refused_before_it_is_read():
    """Also while the model is loaded: nothing is held in memory meanwhile."""
    transport = httpx.ASGITransport(create_engine_app(ServedModel(options(None, max_body_mb=1))))
    async with httpx.AsyncClient(transport=transport, base_url="http://engine") as client:
        for path in ("/v1/activations", "/v1/activations/preload"):
            long = await client.post(path, content=b" " * (1 << 20) + b"{}")
            assert long.json()["error"]["code"] == "request_too_large", path
        short = await client.post("/v1/activations", json={"messages": [SYSTEM]})
        assert short.json()["error"]["code"] == "model_loading"


@pytest.mark.engine
def test_who_does_not_wait_is_told_that_it_is_taken(engine):
    wanted = {"messages": [SYSTEM], "cache_salt": "patient"}
    response = engine.post("/v1/activations", json=wanted)
    assert response.status_code in (200, 202)
    for _ in range(1000):
        response = engine.post("/v1/activations", json=wanted)
        if response.status_code == 200:
            break
        time.sleep(0.01)
    made = engine.post("/v1/activations", json=wanted).json()
    assert (made["new"], made["durable"]) == (False, True)
    (listed,) = engine.get("/v1/activations", params={"cache_salt": "patient"}).json()["data"]
    assert listed["digest"] == made["digest"]


@pytest.mark.engine
def test_what_users_share_is_kept_once_and_lent_to_no_stranger(engine):
    prompt = "You are the assistant of a bakery in Porto. Be kind, be brief, and name prices in euros only. " * 2
    shared = {"shared_messages": [{"role": "system", "content": prompt}], "shared_cache_salt": "bakery"}

    def system(fact: str) -> dict:
        return {"role": "system", "content": f"{prompt}\n\n{KNOWN}\n- 2026-04-01: {fact}"}

    ada = system("The user likes rye bread.")
    first = keep(engine, "ada-shares", [ada], **shared)
    second = keep(engine, "ben-shares", [system("The user works at Norvane.")], **shared)
    assert [part["new"] for part in first["parts"]] == [True, True]
    assert [part["new"] for part in second["parts"]] == [False, True]
    assert first["parts"][0] == {**second["parts"][0], "new": True}
    assert sum(part["tokens"] for part in second["parts"]) == second["tokens"]
    assert second["build_ms"] > 0
    own = ask(engine, "ada-shares", [ada, QUESTION], shared_cache_salt="bakery")
    assert own.restored >= first["tokens"]
    third = ask(engine, "cy-shares", [system("The user likes olives."), QUESTION], shared_cache_salt="bakery")
    assert third.restored == first["parts"][0]["tokens"]
    assert third.digest == first["parts"][0]["digest"]
    stranger = ask(engine, "dan-shares", [system("The user likes olives."), QUESTION])
    assert (stranger.restored, stranger.cached_tokens) == (0, 0)
    plain = [ask(engine, f"plain-{name}", [ada, QUESTION]).text for name in "ab"]
    assert [own.text] * 2 == plain


@pytest.mark.engine
def test_the_whole_of_what_is_shared_belongs_to_all(engine):
    prompt = {"role": "system", "content": "You are the assistant of a library. " * 8}
    made = keep(engine, "eve", [prompt], shared_messages=[prompt], shared_cache_salt="library")
    assert len(made["parts"]) == 1
    assert engine.get("/v1/activations", params={"cache_salt": "eve"}).json()["data"] == []
    assert ask(engine, "finn", [prompt, QUESTION], shared_cache_salt="library").restored == made["tokens"]


@pytest.mark.engine
@pytest.mark.parametrize(
    ("change", "param", "code"),
    [
        ({"messages": [{"role": "system", "content": "Hi."}]}, "messages", "prefix_too_short"),
        ({"messages": [{"role": "system", "content": "word " * 40_000}]}, "messages", "context_length_exceeded"),
        ({"messages": []}, "messages", None),
        ({"shared_messages": [{"role": "robot"}]}, "shared_messages[0].role", None),
        ({"tools": TOOLS}, "tools", None),
        ({"labels": {"cubes": "c1"}}, "labels.cubes", None),
        ({"priority": "high"}, "priority", None),
        ({"wait": 1}, "wait", None),
    ],
)
@pytest.mark.parametrize("wait", [True, False])
def test_what_cannot_be_kept_is_refused_by_name(engine, wait, change, param, code):
    """Also when nobody waits for the build: a mistake is told at once."""
    response = engine.post("/v1/activations", json={"messages": [SYSTEM], "cache_salt": "x", "wait": wait, **change})
    error = response.json()["error"]
    assert (response.status_code, error["type"]) == (400, "invalid_request_error")
    assert (error["param"], error["code"]) == (param, code)


@contextlib.asynccontextmanager
async def in_process(folder: Path, **more) -> AsyncIterator[httpx.AsyncClient]:
    """The engine's application without a process of its own."""
    model = ServedModel(options(folder, **more))
    model.engine.start().result(60)
    transport = httpx.ASGITransport(create_engine_app(model))
    async with httpx.AsyncClient(transport=transport, base_url="http://engine") as client:
        yield client
    model.close()


@pytest.mark.engine
async def test_an_engine_without_room_says_so(tmp_path):
    async with in_process(tmp_path / "activations", activation_ram_mb=0, activation_disk_mb=0) as engine:
        response = await engine.post("/v1/activations", json={"messages": [SYSTEM]})
        assert (response.status_code, response.json()["error"]["code"]) == (400, "activations_off")
        asked = [Answer(await engine.post("/v1/chat/completions", json=chat("ada"))) for _ in range(2)]
        response = await engine.delete("/v1/activations", params={"cache_salt": "ada"})
        assert (response.status_code, response.json()["error"]["code"]) == (400, "activations_off")
        asked.append(Answer(await engine.post("/v1/chat/completions", json=chat("ada"))))
        assert [answer.cached_tokens > 0 for answer in asked] == [False, True, False], "it is forgotten all the same"
        assert (await engine.get("/health")).json()["activations"] is None
        assert Answer(await engine.post("/v1/chat/completions", json=chat("ada"))).text == "You live in Lisbon."
    assert not (tmp_path / "activations").exists()


@pytest.mark.engine
async def test_in_memory_only_nothing_is_said_to_be_durable(tmp_path):
    """A folder that cannot be used costs what it would have spared, not the start."""
    (tmp_path / "file").write_text("in the way")
    async with in_process(tmp_path / "file" / "activations") as engine:
        wanted = {"messages": [SYSTEM], "cache_salt": "ada", "wait": True}
        made = await engine.post("/v1/activations", json=wanted)
        assert made.status_code == 202
        assert (made.json()["durable"], made.json()["tier"]) == (False, "ram")
        answer = Answer(await engine.post("/v1/chat/completions", json=chat("ada")))
        assert answer.restored == made.json()["tokens"]


@pytest.mark.engine
@pytest.mark.parametrize("named", [True, False])
def test_an_engine_by_itself_makes_a_folder_only_where_one_is_named(tmp_path, named):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "proxy", "engine", "--port", str(port), "--ctx-size", "4096"]
    command += ["--data", "mine"] if named else []
    with (
        subprocess.Popen(command, cwd=tmp_path) as process,
        contextlib.ExitStack() as at_last,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client,
    ):
        at_last.callback(process.terminate)
        for _ in range(1200):
            with contextlib.suppress(httpx.TransportError):
                if client.get("/health").status_code == 200:
                    break
            time.sleep(0.05)
        wanted = {"messages": [SYSTEM], "cache_salt": "ada", "wait": True}
        made = client.post("/v1/activations", json=wanted).json()
        restored = ask(client, "ada").restored
    assert (made["durable"], restored) == (named, made["tokens"])
    assert [path.name for path in tmp_path.iterdir()] == (["mine"] if named else [])
    assert len(files(tmp_path)) == named


@pytest.mark.engine
def test_streams_and_several_choices_say_what_was_restored(engine):
    made = keep(engine, "streams")
    with engine.stream("POST", "/v1/chat/completions", json=chat("streams", stream=True)) as response:
        assert response.headers["x-activation-tokens"] == str(made["tokens"])
        assert response.headers["x-activation-digest"] == made["digest"]
        assert said(response) == ["You live in Lisbon."]
    several = engine.post("/v1/chat/completions", json=chat("streams", n=3))
    assert int(several.headers["x-activation-tokens"]) == made["tokens"]
    assert [choice["message"]["content"] for choice in several.json()["choices"]] == ["You live in Lisbon."] * 3
    with engine.stream("POST", "/v1/chat/completions", json=chat("streams", n=3, stream=True)) as response:
        assert int(response.headers["x-activation-tokens"]) == made["tokens"]
        assert said(response) == ["You live in Lisbon."] * 3


@pytest.mark.engine
def test_a_stream_that_begins_before_its_turn_says_that_it_is_pending(tmp_path):
    waiting = {"max_sequences": 2, "keep_alive_comment_s": 0.05, **ROOM}
    with engine_over_tcp(options(tmp_path / "activations", **waiting)) as engine, contextlib.ExitStack() as held:
        for _ in range(2):
            held.enter_context(busy(engine))
        with engine.stream("POST", "/v1/chat/completions", json=chat("ada", stream=True)) as response:
            assert response.headers["x-activation-tier"] == "pending"
            assert "x-activation-tokens" not in response.headers


def test_headers_say_only_what_is_known():
    assert activation_headers(None) == {"x-activation-tier": "pending"}
    assert activation_headers(Restored(tokens=0, tier=Tier.TEXT, note="damaged")) == {
        "x-activation-tokens": "0",
        "x-activation-tier": "text",
        "x-activation-note": "damaged",
    }


def test_a_chat_says_whether_and_whose_stored_prefixes_may_be_used():
    body = {"messages": [QUESTION], "cache_salt": "a"}
    usual = parse_chat(body, MODEL_ID, Sampling())
    assert (usual.use_activation, usual.shared_cache_salt) == (True, "")
    chosen = parse_chat({**body, "activation": False, "shared_cache_salt": "k"}, MODEL_ID, Sampling())
    assert (chosen.use_activation, chosen.shared_cache_salt) == (False, "k")
    with pytest.raises(Invalid) as caught:
        parse_chat({**body, "activation": "no"}, MODEL_ID, Sampling())
    assert caught.value.param == "activation"


def test_a_build_for_another_model_is_not_found():
    with pytest.raises(NotFound):
        parse_activation({"model": "other", "messages": [SYSTEM]}, MODEL_ID)


def test_local_models_keep_them_in_the_data_folder(tmp_path):
    made = engine_options(load(None, {"data.dir": str(tmp_path), "engine.activation_ram_mb": 7}, {}).settings)
    assert made.activations_dir == tmp_path / "activations"
    assert (made.activation_ram_mb, made.activation_disk_mb, made.activation_cold_mb) == (7, 4096, 0)
    assert EngineOptions.from_json(made.to_json()) == made


PLAIN = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}[assistant]"
NO_SYSTEM = (
    "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    "[{{ m.role }}]{{ m.content | trim }}{% endfor %}[assistant]"
)
TOOLS_LAST = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}{{ tools | tojson if tools }}[assistant]"


@pytest.mark.parametrize("source", [PLAIN, NO_SYSTEM, TOOLS_LAST, HERMES])
def test_every_template_shows_where_what_is_constant_ends(source):
    """Letters stand for tokens here: the beginning is that of every conversation which goes on from the messages."""
    template = ChatTemplate(source)
    tools = TOOLS if template.takes_tools else []

    def tokens_of(messages):
        return [ord(c) for segment in template.render(messages, {}, tools) for c in segment.text]

    found = beginning(tokens_of, [SYSTEM])
    assert KNOWN in "".join(map(chr, found))
    for text in ("Where?", "<memory>\nx\n</memory>\n\nWhere?", "\n\nWhere?", "7"):
        assert tokens_of([SYSTEM, {"role": "user", "content": text}])[: len(found)] == found


def test_who_owns_which_part():
    def tokens_of(messages):
        return [ord(c) for message in messages for c in message["content"]]

    def parts(**more):
        return plan_build(parse_activation({"messages": [SYSTEM], **more}, MODEL_ID), tokens_of).boundaries

    half = [{"role": "system", "content": KNOWN[:100]}]
    assert parts(cache_salt="u") == [Boundary(length=len(KNOWN), salt="u")]
    assert parts(cache_salt="u", shared_messages=half, shared_cache_salt="k") == [
        Boundary(length=100, salt="k"),
        Boundary(length=len(KNOWN), salt="u"),
    ]
    assert parts(cache_salt="u", shared_messages=half) == parts(cache_salt="u"), "it is nobody's"
    assert parts(cache_salt="u", shared_messages=half, shared_cache_salt="u") == parts(cache_salt="u")
    assert parts(cache_salt="u", shared_messages=[SYSTEM], shared_cache_salt="k") == [
        Boundary(length=len(KNOWN), salt="k")
    ]


@pytest.fixture(scope="module")
def embedded_tokens():
    model = load_model(gguf_path())
    template = ChatTemplate(model.chat_template, control_texts=model.control_texts)
    yield lambda messages: model.tokenize_prompt(template.render(messages))
    model.close()


@pytest.mark.engine
@given(text=st.text(min_size=1))
@settings(max_examples=150, deadline=None)
def test_whatever_is_asked_the_prompt_begins_with_what_was_kept(embedded_tokens, text):
    found = beginning(embedded_tokens, [SYSTEM])
    assert embedded_tokens([SYSTEM, {"role": "user", "content": text}])[: len(found)] == found

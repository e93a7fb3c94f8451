"""The engine's process under ill treatment, through the whole product: killed, hung up on, and used for a long time.

Everything runs as it does for a person: `memos serve` with its engine below it, and the official client in front.
"""

import asyncio
import contextlib
import itertools
import json
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import openai
import pytest
import soak
from rich.progress import Progress

from tests.conftest import Product
from tests.gguf_files import Shape, write_model

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are looked at through /proc"),
]
#: draws nearly at random and never ends by itself
ENDLESS = {"temperature": 2, "logit_bias": {"0": -100, "2": -100}, "max_tokens": 1500}
#: so large that a token takes tens of milliseconds: what is computed can be told token from token
SLOW = Shape(layers=6, width=1536, heads=12, kv_heads=4, inner=6144, vocabulary=2048, trained=1024)
A_FEW = 4  #: tokens that may be computed after the client has gone: one, and some more on a busy machine


def said(text):
    return [{"role": "user", "content": text}]


def wait_for(happened, limit_s=60):
    end = time.monotonic() + limit_s
    while not (found := happened()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
    return found


def engine_of(product):
    """The engine's process, once its model answers."""

    def ready():
        engine = soak.engine_of(product.process.pid)
        with contextlib.suppress(OSError):
            return engine if engine and engine.health().get("status") == "ok" else None

    return wait_for(ready)


def idle(engine):
    """Wait until nothing runs or waits, and return what the engine says of itself."""

    def rests():
        health = engine.health()
        return health if not health["running"] + health["waiting"] else None

    return wait_for(rests)


# Killed


def test_an_engine_that_is_killed_in_the_middle_breaks_one_answer_and_nothing_else(running):
    """The client is told in OpenAI's words, the next chat waits for the restart, and the user's turn is remembered."""
    key = running.key("ada")
    engine = engine_of(running)
    with running.client(key) as client:
        stream = client.chat.completions.create(
            model="memos-tiny", messages=said("I live in Lisbon."), stream=True, extra_body=ENDLESS
        )
        received = [next(stream), next(stream)]
        os.kill(engine.pid, signal.SIGKILL)
        with pytest.raises(openai.APIError) as caught:
            received.extend(stream)
        assert set(caught.value.body) == {"message", "type", "param", "code"}
        assert caught.value.body["code"] == "upstream_broken"
        assert caught.value.body["type"] == "server_error"
        assert len(received) < ENDLESS["max_tokens"]
        answer = client.chat.completions.create(model="memos-tiny", messages=said("Where do I live?"), temperature=0)
        assert answer.choices[0].message.content == "You live in Lisbon."
    assert engine_of(running).pid != engine.pid
    assert any("Lisbon" in cube["text"] for cube in running.cubes(key))
    assert running.api(key, "GET", "/health/ready")[0] == 200


def test_the_broken_stream_is_clean_events_to_its_end(running):
    """The last frame is the error; a stream that broke off does not say [DONE]."""
    key = running.key("raw")
    engine = engine_of(running)
    body = {"model": "memos-tiny", "messages": said("Hello"), "stream": True, **ENDLESS}
    headers = {"authorization": f"Bearer {key}"}
    with httpx.stream("POST", f"{running.url}/v1/chat/completions", json=body, headers=headers, timeout=60) as response:
        assert response.status_code == 200
        pieces = response.iter_text()
        raw = next(pieces)
        os.kill(engine.pid, signal.SIGKILL)
        raw += "".join(pieces)
    *frames, last, rest = raw.split("\n\n")
    assert rest == ""
    assert all(frame.startswith(("data: {", ":")) for frame in frames)
    assert set(json.loads(last.removeprefix("data: "))["error"]) == {"message", "type", "param", "code"}
    assert "[DONE]" not in raw


def test_an_answer_that_had_not_begun_comes_all_the_same(running):
    """The proxy or the official client, by its default, sends it again once the engine is back."""
    key = running.key("whole")
    engine = engine_of(running)
    with running.client(key).with_options(max_retries=2) as client, ThreadPoolExecutor() as pool:
        answer = pool.submit(
            client.chat.completions.create, model="memos-tiny", messages=said("Hello"), extra_body=ENDLESS
        )
        wait_for(lambda: engine.health()["running"])
        os.kill(engine.pid, signal.SIGKILL)
        assert answer.result(120).usage.completion_tokens == ENDLESS["max_tokens"]
    assert engine_of(running).pid != engine.pid


def test_it_comes_back_again_and_again(running):
    key = running.key("ben")
    running.ask(key, "My name is Ada.")
    for _ in range(3):
        os.kill(engine_of(running).pid, signal.SIGKILL)
        assert running.ask(key, "What is my name?") == "Your name is Ada."


async def test_chats_that_arrive_while_it_is_away_wait_for_it(running):
    key = running.key("cleo")
    running.ask(key, "I live in Oslo.")
    os.kill(engine_of(running).pid, signal.SIGKILL)
    async with running.async_client(key) as client:
        asked = [
            client.chat.completions.create(model="memos-tiny", messages=said("Where do I live?"), temperature=0)
            for _ in range(6)
        ]
        answers = await asyncio.gather(*asked)
    assert {answer.choices[0].message.content for answer in answers} == {"You live in Oslo."}


# Hung up on


@pytest.fixture(scope="module")
def slow_model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("models") / "slow.gguf", SLOW)


@pytest.fixture(scope="module")
def slow_product(tmp_path_factory, slow_model):
    made = Product(tmp_path_factory.mktemp("data")).start("--model", str(slow_model), "-c", "4096")
    yield made
    made.kill()


def engine_client(engine):
    """The official client on the engine's own socket."""
    http_client = httpx.Client(transport=httpx.HTTPTransport(uds=engine.socket_path), timeout=60)
    return openai.OpenAI(base_url="http://engine/v1", api_key="none", max_retries=0, http_client=http_client)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["the engine alone", "the proxy", "the proxy with memory"])
def test_a_client_that_leaves_frees_its_sequence_within_tokens(slow_product, way):
    """Counted in the engine itself: after the client has gone it computes a few tokens more at most, of hundreds."""
    engine, key = engine_of(slow_product), slow_product.key(way)
    memory = "on" if way == "the proxy with memory" else "off"
    for left_after in (3, 10):
        with slow_product.client(key) if "proxy" in way else engine_client(engine) as client:
            stream = client.chat.completions.create(
                model="slow",
                messages=said(f"Count to {left_after}."),
                stream=True,
                extra_body=ENDLESS | {"max_tokens": 700},
                extra_headers={"x-memory": memory},
            )
            next(chunk for chunk in stream if chunk.choices[0].delta.content)
            first = engine.health()
            assert first["running"] == 1
            for _ in range(left_after):
                next(stream)
            before = engine.health()["used_cells"]
            stream.close()
        health = idle(engine)
        computed = health["used_cells"] - before
        assert computed <= A_FEW, "of 700"
        assert health["used_cells"] > first["used_cells"], "what was computed before stays for reuse"


@pytest.mark.slow
async def test_clients_that_leave_make_room_for_those_that_wait(product, slow_model):
    """Two places: while strangers' answers hold both, a third waits; it is served as soon as one of them leaves."""
    places = ("--set", "engine.max_sequences=2", "-c", "2048")
    key = product.start("--model", str(slow_model), "--set", "memory.mode=off", *places).key("ada")
    engine = engine_of(product)
    async with product.async_client(key) as client:

        async def ask(text, max_tokens):
            options = {"stream": True, "extra_body": ENDLESS | {"max_tokens": max_tokens}}
            return await client.chat.completions.create(model="slow", messages=said(text), **options)

        held = [await ask(f"{name}, please.", 700) for name in ("One", "Two")]
        third = asyncio.create_task(ask("Three, please.", 3))
        await asyncio.to_thread(wait_for, lambda: engine.health()["waiting"] == 1)
        assert not third.done()
        await held[0].close()
        chunks = [chunk async for chunk in await third]
        assert chunks[-1].choices[0].finish_reason == "length"
        assert engine.health()["running"] == 1, "the other one goes on"
        await held[1].close()
    await asyncio.to_thread(idle, engine)


# Used for a long time


@pytest.mark.long
@pytest.mark.parametrize("memory", ["on", "off"])
def test_three_hundred_chats_leave_nothing_behind(product, memory):
    """Streams, answers, refusals and streams that are hung up on; then sequences, cells, files and threads are back."""
    product.start("--log-level", "warning")
    keys = [product.key(f"user-{number}") for number in range(4)]
    chats = soak.Chats(product.url, keys, model="memos-tiny", memory=memory, max_tokens=4)
    with Progress(disable=True) as bar:
        samples = asyncio.run(soak.soak(chats, product.process.pid, (100, 200), 8, bar))
    _, warm, last = samples
    assert chats.failed == []
    assert (last.running, last.waiting) == (0, 0)
    assert last.used_cells <= last.context_tokens
    assert last.proxy_fds <= warm.proxy_fds + 12, "pooled connections and a database handle a thread may still come"
    assert last.engine_fds <= warm.engine_fds + 8
    assert last.proxy_threads <= warm.proxy_threads + 8, "pools fill up to their size"
    assert last.engine_threads <= warm.engine_threads + 8
    assert last.proxy_rss_mib - warm.proxy_rss_mib < 100
    assert last.engine_rss_mib - warm.engine_rss_mib < 100
    assert " ERROR " not in product.log.read_text()


# What was computed before


@pytest.mark.parametrize("stream", [True, False])
def test_a_second_turn_computes_only_what_is_new(running, stream):
    """With memory on: the blocks that were brought in stand where they stood, so all of the first turn is reused."""
    key = running.key(f"turns-{stream}")
    running.ask(key, "I live in Lisbon.")
    running.ask(key, "My dog is called Rex.")
    system = {"role": "system", "content": "You are a friendly assistant who answers in one short sentence. " * 6}
    messages, usages = [system], []
    with running.client(key) as client:
        for question, wanted in (
            ("Where do I live?", "You live in Lisbon."),
            ("What is my dog called?", "Your dog is called Rex."),
            ("Where do I live?", "You live in Lisbon."),
        ):
            messages.append({"role": "user", "content": question})
            text, usage = _asked(client, messages, stream)
            assert text == wanted
            messages.append({"role": "assistant", "content": text})
            usages.append(usage)
    for before, after in itertools.pairwise(usages):
        whole_turn = before.prompt_tokens + before.completion_tokens
        reused = after.prompt_tokens_details.cached_tokens
        assert reused >= 0.9 * whole_turn, (before, after)
        assert reused < after.prompt_tokens


def _asked(client, messages, stream):
    if not stream:
        answer = client.chat.completions.create(model="memos-tiny", messages=messages, temperature=0)
        return answer.choices[0].message.content, answer.usage
    chunks = list(
        client.chat.completions.create(
            model="memos-tiny",
            messages=messages,
            temperature=0,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    return text, chunks[-1].usage

"""The extractor beside the requests: slow, dead or killed, it holds nobody up, and what it has to read is not lost."""

import json
import threading
import time
from contextlib import contextmanager

import pytest

from tests.proxy_rig import Proxy, Upstream, answer, head

SAID = "They slipped the launch of mine, it is on Tuesday after all. I live in Lisbon."
LAUNCH = "The user's launch is on Tuesday."
RULE = "The user lives in Lisbon."
FACT = {"subject": "user", "attribute": "attr:launch", "value": "Tuesday", "text": LAUNCH}
FOUND = answer(json.dumps({"facts": [{**FACT, "semantic_type": "event", "valid_from": None}]}))


async def dead(_request, writer):
    writer.write(head("503 Service Unavailable", content_length="0"))


class Gated:
    """Answers nothing until it is let."""

    def __init__(self):
        self.gate = threading.Event()
        self.running = self.most = 0

    async def __call__(self, request, writer):
        import asyncio

        self.running += 1
        self.most = max(self.most, self.running)
        try:
            while not self.gate.is_set():
                await asyncio.sleep(0.01)
        finally:
            self.running -= 1
        await FOUND(request, writer)


@pytest.fixture
def upstream():
    made = Upstream()
    yield made
    made.close()


@pytest.fixture
def llm():
    made = Upstream()
    yield made
    made.close()


@contextmanager
def proxied(folder, upstream, llm, **flags):
    llm_flags = {"writer.llm.base_url": llm.url, "writer.llm.model": "scribe", "memory.settle_timeout_ms": 5000}
    proxy = Proxy(folder, upstream.url, **llm_flags, **flags)
    try:
        yield proxy
    finally:
        proxy.close()


def until(happened, limit_s=30):
    end = time.monotonic() + limit_s
    while not (result := happened()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
    return result


def texts(proxy):
    return {cube.text for cube in proxy.parts.store.vault.page(proxy.scope, limit=99).cubes}


def counts(proxy):
    return proxy.parts.store.extractions.counts()


def test_a_slow_extractor_delays_neither_settling_nor_the_next_chat_nor_the_stop(tmp_path, upstream, llm):
    llm.script = Gated()
    with proxied(tmp_path, upstream, llm) as proxy:
        proxy.chat(SAID).read()
        until(lambda: llm.requests)
        assert proxy.parts.background.pending(proxy.scope) == 0
        reply = proxy.chat("Where do I live?")
        reply.read()
        assert reply.headers["x-memory-status"] == "on", "not degraded"
        assert RULE in upstream.requests[-1].body.decode(), "what the rules read is brought in"
        assert texts(proxy) >= {SAID, RULE}
        assert LAUNCH not in texts(proxy)
        assert counts(proxy)["waiting"] >= 1
    llm.script = FOUND
    with proxied(tmp_path, upstream, llm) as proxy:
        until(lambda: counts(proxy) == {"waiting": 0, "dead": 0})
        with proxy.parts.store.connections.read() as connection:  # each start of this rig has a user of its own
            assert connection.execute("SELECT count(*) FROM cubes WHERE text = ?", (LAUNCH,)).fetchone()[0] == 1


def test_so_many_are_read_at_once_as_the_configuration_says(tmp_path, upstream, llm):
    llm.script = Gated()
    with proxied(tmp_path, upstream, llm, **{"writer.llm.parallel": 3}) as proxy:
        for n in range(6):
            proxy.chat(f"{SAID} That is number {n}.").read()
        until(lambda: llm.script.running == 3 and counts(proxy)["waiting"] == 6)
        llm.script.gate.set()
        until(lambda: counts(proxy) == {"waiting": 0, "dead": 0})
        assert llm.script.most == 3
        assert len(llm.requests) == 6


def test_a_dead_extractor_leaves_the_rules_facts_and_is_tried_until_it_answers(tmp_path, upstream, llm):
    llm.script = dead
    with proxied(tmp_path, upstream, llm, **{"queue.backoff_s": 0.01}) as proxy:
        proxy.chat(SAID).read()
        until(lambda: len(llm.requests) >= 2)
        assert texts(proxy) == {SAID, RULE}
        llm.script = FOUND
        until(lambda: LAUNCH in texts(proxy) or counts(proxy)["dead"])
        assert proxy.parts.store.extractions.retry_dead(proxy.scope) == 0, "it answered in time"
        assert texts(proxy) == {SAID, RULE, LAUNCH}


def test_what_was_tried_too_often_is_kept_and_can_be_tried_again(tmp_path, upstream, llm):
    llm.script = dead
    with proxied(tmp_path, upstream, llm, **{"queue.backoff_s": 0.01, "queue.max_attempts": 2}) as proxy:
        proxy.chat(SAID).read()
        until(lambda: counts(proxy) == {"waiting": 0, "dead": 1})
        assert len(llm.requests) == 2
        assert texts(proxy) == {SAID, RULE}
        llm.script = FOUND
        assert proxy.parts.store.extractions.retry_dead(proxy.scope) == 1
        until(lambda: LAUNCH in texts(proxy))


def test_a_server_that_is_killed_while_it_extracts_does_it_after_its_next_start(product, upstream, llm):
    gated = llm.script = Gated()
    llm_flags = ("--set", f"writer.llm.base_url={llm.url}", "--set", "writer.llm.model=scribe")
    product.start("--upstream", upstream.url, "--set", "embedder.kind=none", *llm_flags)
    key = product.key("ada")
    product.ask(key, SAID, model="m")
    until(lambda: gated.running)
    product.kill()
    llm.script = FOUND
    product.start()
    until(lambda: LAUNCH in product.texts(key, "When is the launch?"))
    assert product.memos("queue", "list") == "Nothing waits.\n"


def test_the_process_ends_while_the_extractor_thinks(product, upstream, llm):
    """A call to a model cannot be broken off: the process ends without its answer."""
    gated = llm.script = Gated()
    llm_flags = ("--set", f"writer.llm.base_url={llm.url}", "--set", "writer.llm.model=scribe")
    product.start("--upstream", upstream.url, "--set", "embedder.kind=none", *llm_flags)
    key = product.key("ada")
    product.ask(key, SAID, model="m")
    until(lambda: gated.running)
    product.stop()  # fails when it takes more than 30 seconds; the model would take 60 to time out
    [row] = json.loads(product.memos("queue", "list", "--json"))
    assert (row["work"], row["state"], row["attempts"]) == ("extract", "queued", 0)
    assert "user" in row

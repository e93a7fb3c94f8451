"""The hot path over real sockets: what goes through untouched, what memory adds, what happens when somebody leaves."""

import asyncio
import json
import random
import sqlite3
import threading
import time

import openai
import pytest

from memory.errors import VaultLocked
from tests.proxy_rig import DONE, Proxy, Upstream, answer, delta, head, stream, whole

TURN = b'{"model": "m", "messages": [{"role": "user", "content": "Hi"}]}'


@pytest.fixture(scope="module")
def upstream():
    made = Upstream()
    yield made
    made.close()


@pytest.fixture(scope="module")
def proxy(upstream, tmp_path_factory):
    made = Proxy(
        tmp_path_factory.mktemp("data"),
        upstream.url,
        **{"server.max_body_mb": 1, "backend.keep_alive_comment_s": 0.2, "backend.api_key": "sk-provider"},
    )
    yield made
    made.close()


@pytest.fixture(autouse=True)
def clean(upstream):
    upstream.requests.clear()
    upstream.script = answer("Hello.")


def open_client(proxy, **more) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{proxy.url}/v1", api_key=proxy.key, max_retries=0, **more)


# Memory off: nothing is touched.


@pytest.mark.parametrize(
    "body",
    [
        b'{"messages":[{"role":"user","content":"Hi"}],"x_unknown":{"b":[1.0,1e22,-0.0]},"stream":false}',
        b' {\n"messages" : [ ] , "seed":123456789012345678901234567890,"a":1,"a":2}\n',
        b'{"messages":[{"role":"user","content":"\\ud83d half an emoji"}]}',
        '{"messages":[{"role":"user","content":"späte Grüße 東京"}],"top_k":40}'.encode(),
    ],
)
def test_memory_off_sends_the_callers_bytes(proxy, upstream, body):
    reply = proxy.raw(body, X_Memory="off")
    reply.read()
    assert reply.status == 200
    assert upstream.requests[0].body == body
    assert reply.headers["x-memory-status"] == "off"
    assert reply.headers["x-memory-write"] == "off"


@pytest.mark.parametrize("seed", range(5))
def test_memory_off_returns_the_model_servers_bytes(proxy, upstream, seed):
    """Any bytes at all: an event stream is not parsed, let alone mended."""
    dice = random.Random(seed)
    pieces = [dice.randbytes(dice.randrange(1, 3000)) for _ in range(20)]
    pieces += [b": comment\r\n\r\n", b"data: {}\r\n\r\n", b"event: ping\n\n", b"id: 7\ndata:x\n\n", b"no end"]
    upstream.script = stream(*pieces)
    assert proxy.chat(stream=True, headers={"X_Memory": "off"}).read() == b"".join(pieces)


def test_memory_off_remembers_nothing_and_knows_nothing(proxy, upstream):
    before = len(proxy.rows())
    proxy.chat("I live in Lisbon.", headers={"X_Memory": "off"}).read()
    proxy.chat("Where do I live?", headers={"X_Memory": "off"}).read()
    assert b"Lisbon" not in upstream.requests[-1].body
    assert len(proxy.rows()) == before


# Memory on: only the messages change.


def test_unknown_fields_and_large_integers_survive_when_memory_is_brought_in(tmp_path, upstream):
    proxy = Proxy(tmp_path, upstream.url)
    try:
        proxy.chat("I live in Lisbon.").read()
        body = (
            b'{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Where do I live?"}],'
            b'"seed":123456789012345678901234567890,"id":18446744073709551616,"chat_template_kwargs":{"a":[null,true]},'
            b'"min_p":0.05,"user":"caller-7"}'
        )
        proxy.raw(body).read()
    finally:
        proxy.close()
    sent, own = upstream.requests[-1].json, json.loads(body)
    assert "Lisbon" in json.dumps(sent["messages"])
    assert sent["messages"][0]["content"].startswith("Be brief.")
    assert {**sent, "messages": 0} == {**own, "messages": 0}


def test_the_callers_bytes_are_sent_when_there_is_nothing_to_bring_in(tmp_path, upstream):
    proxy = Proxy(tmp_path, upstream.url)
    body = b'{ "messages": [{"role":"user","content":"Is it raining?"}],   "odd": 1.50 }'
    proxy.raw(body).read()
    proxy.close()
    assert upstream.requests[-1].body == body


def test_headers_of_memory_and_of_the_connection_stay_here(proxy, upstream):
    reply = proxy.chat(
        headers={
            "X_Memory_Task": "",
            "X_Memory_Conversation_Id": "c1",
            "X_OpenWebUI_Chat_Id": "c1",
            "X_OpenWebUI_User_Email": "ada@example.org",
            "Cookie": "session=1",
            "api_key": "sk-other",
            "Connection": "keep-alive, x-hop",
            "X_Hop": "1",
            "Accept_Encoding": "gzip, br",
            "OpenAI_Organization": "org-1",
            "X_Stainless_Lang": "python",
        }
    )
    reply.read()
    names = {name.lower() for name, _ in upstream.requests[0].headers}
    assert names == {
        "host", "content-type", "content-length", "accept-encoding", "authorization", "openai-organization",
        "x-stainless-lang",
    }  # fmt: skip
    assert upstream.requests[0].header("authorization") == ["Bearer sk-provider"], "the proxy's key never leaves"
    assert upstream.requests[0].header("accept-encoding") == ["identity"]
    assert reply.headers["x-memory-conversation-id"] == "c1"


def test_the_providers_own_key_is_forwarded_beside_a_memory_key(proxy, upstream):
    proxy.chat(headers={"authorization": "Bearer sk-mine", "X_Memory_Key": proxy.key}).read()
    assert upstream.requests[0].header("authorization") == ["Bearer sk-mine"]
    assert proxy.key.encode() not in b"".join(value.encode() for _, value in upstream.requests[0].headers)


def test_headers_of_the_model_server_come_back(proxy, upstream):
    upstream.script = whole(
        b'{"choices":[]}',
        x_request_id="up-1",
        openai_processing_ms="7",
        x_ratelimit_remaining_requests="3",
        set_cookie="a=b",
        keep_alive="timeout=5",
    )
    reply = proxy.chat()
    assert reply.read() == b'{"choices":[]}'
    assert reply.headers["x-request-id"] == "up-1"
    assert reply.headers["openai-processing-ms"] == "7"
    assert reply.headers["x-ratelimit-remaining-requests"] == "3"
    assert not {"set-cookie", "keep-alive"} & set(reply.headers)
    assert reply.headers["x-memory-request-id"].startswith("req_")
    assert reply.headers["x-memory-status"] == "on"


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/chat/completions"])
def test_both_mount_points(proxy, path):
    assert proxy.raw(TURN, path=path).json()["choices"][0]["message"]["content"] == "Hello."


# Errors


@pytest.mark.parametrize("memory", ["on", "off"])
@pytest.mark.parametrize("status", ["400 Bad Request", "404 Not Found", "429 Too Many Requests", "500 Oops"])
def test_the_model_servers_errors_come_back_unchanged_and_nothing_is_remembered(proxy, upstream, status, memory):
    before = len(proxy.rows())
    body = b'{"error":{"message":"no","type":"t","param":null,"code":"c","extra":1}}'
    upstream.script = whole(body, status, retry_after="9")
    reply = proxy.chat(headers={"X_Memory": memory})
    assert reply.read() == body
    assert reply.status == int(status.split()[0])
    assert reply.headers["retry-after"] == "9"
    assert len(upstream.requests) == 1, "the client repeats, not the proxy"
    assert len(proxy.rows()) == before


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None),
        (b"{", None),
        (b"[]", None),
        (b'{"messages": NaN}', None),
        (b'{"a":' + b"[" * 100_000, None),
        (b"{}", "messages"),
        (b'{"messages": []}', "messages"),
        (b'{"messages": "Hi"}', "messages"),
        (b'{"messages": [1]}', "messages[0]"),
        (b'{"input": "Hi"}', "messages"),
    ],
)
def test_a_body_that_is_no_chat_is_a_400_in_openais_shape(proxy, upstream, body, param):
    reply = proxy.raw(body)
    error = reply.json()["error"]
    assert reply.status == 400
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param
    assert error["message"]
    assert reply.headers["x-should-retry"] == "false"
    assert not upstream.requests


def test_a_responses_request_is_told_what_to_do(proxy):
    error = proxy.raw(b'{"input": "Hi", "model": "m"}').json()["error"]
    assert error["code"] == "responses_not_supported"
    assert "messages" in error["message"]


@pytest.mark.parametrize("name", ["X_Memory", "X_Memory_Budget", "X_Memory_As_Of", "X_Memory_Policy"])
def test_a_control_that_cannot_be_read_is_a_400_that_names_its_header(proxy, upstream, name):
    reply = proxy.chat(headers={name: "nonsense"})
    assert reply.json()["error"]["param"].lower() == name.replace("_", "-").lower()
    assert reply.status == 400
    assert not upstream.requests


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_beyond_the_limit_is_413(proxy, declared):
    body = b'{"messages": "' + b"x" * (1 << 20) + b'"}'
    if declared:
        reply = proxy.raw(body).read_head()
    else:
        chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        reply = proxy.raw(chunked, transfer_encoding="chunked").read_head()
    assert reply.status == 413
    assert json.loads(b"".join(reply.pieces()))["error"]["code"] == "request_too_large"
    reply.close()


def test_a_compressed_body_is_415(proxy):
    reply = proxy.raw(TURN, content_encoding="gzip")
    assert reply.json()["error"]["code"] == "unsupported_content_encoding"
    assert reply.status == 415


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer sk-wrong", "Basic abc"])
def test_without_a_good_key_it_is_401(proxy, upstream, authorization):
    reply = proxy.chat(headers={"authorization": authorization})
    assert reply.json()["error"]["code"] == "invalid_api_key"
    assert reply.status == 401
    assert reply.headers["www-authenticate"] == "Bearer"
    assert reply.headers["x-should-retry"] == "false"
    assert not upstream.requests


def test_an_unreachable_model_server_is_502(tmp_path, caplog):
    caplog.set_level("INFO", "proxy.access")
    proxy = Proxy(tmp_path, "http://127.0.0.1:9/v1")
    reply = proxy.chat()
    error = reply.json()["error"]
    ready = proxy.raw(b"", "/health/ready", "GET")
    missing = ready.json()["missing"]
    live = proxy.raw(b"", "/health/live", "GET")
    live.read()
    proxy.close()
    assert reply.status == 502
    assert error["code"] == "upstream_unreachable"
    assert access_line(caplog)["error"] == error["code"]
    assert "http://127.0.0.1:9/v1" in caplog.text
    assert (ready.status, list(missing)) == (503, ["backend"])
    assert live.status == 200


def access_line(caplog, limit_s: float = 10.0) -> dict:
    """The line of a request; it is written just after its answer."""
    end = time.monotonic() + limit_s
    while not (found := [record.fields for record in caplog.records if record.name == "proxy.access"]):
        assert time.monotonic() < end
        time.sleep(0.01)
    return found[0]


def test_the_log_tells_a_refusal_of_the_model_server_from_one_of_ours(proxy, upstream, caplog):
    caplog.set_level("INFO", "proxy.access")
    upstream.script = whole(b'{"error": {"message": "no"}}', "401 Unauthorized")
    lines = []
    for sent in ({}, {"authorization": "Bearer sk-wrong"}):
        assert proxy.chat(headers=sent).read()
        lines.append(access_line(caplog))
        caplog.clear()
    theirs, ours = lines
    assert (theirs["status"], theirs["upstream_status"]) == (401, 401)
    assert (ours["status"], ours["error"], "upstream_status" in ours) == (401, "invalid_api_key", False)


def test_a_key_for_many_users_that_names_none_is_warned_once_and_in_each_receipt(proxy, caplog):
    key = proxy.parts.store.keys.create("app", assert_users=True)
    said = {"authorization": f"Bearer {key.key}"}
    for more in ({}, {}, {"user": "bob"}):
        reply = proxy.chat(headers=said, **more)
        reply.read()
        path = f"/v1/memory/requests/{reply.headers['x-memory-request-id']}"
        receipt = proxy.raw(b"", path + ("?user=bob" if more else ""), "GET", **said).json()
        assert ["shares one memory" in warning for warning in receipt["warnings"]] == ([] if more else [True])
    told = [record.getMessage() for record in caplog.records if record.name == "proxy.chat"]
    assert [key.record.id in line for line in told] == [True]


def test_a_silent_model_server_is_504(tmp_path, upstream):
    proxy = Proxy(tmp_path, upstream.url, **{"backend.read_timeout_s": 0.3})

    async def silence(_request, _writer):
        await asyncio.sleep(30)

    upstream.script = silence
    reply = proxy.chat()
    assert reply.json()["error"]["code"] == "upstream_timeout"
    assert reply.status == 504
    proxy.close()


def test_too_many_chats_at_once_are_429(tmp_path, upstream):
    proxy = Proxy(tmp_path, upstream.url, **{"limits.max_concurrent": 2})
    upstream.script = stream(delta("a"), 2.0, DONE)
    running = [proxy.chat(f"{n}", stream=True).read_head() for n in range(2)]
    refused = proxy.chat("3")
    assert refused.json()["error"]["code"] == "rate_limit_exceeded"
    assert refused.status == 429
    assert int(refused.headers["retry-after"]) >= 1
    for reply in running:
        reply.close()
    upstream.script = answer("Free again.")
    end = time.monotonic() + 5
    while (reply := proxy.chat("4")).read_head().status == 429 and time.monotonic() < end:
        time.sleep(0.05)
    assert reply.status == 200, "chats that were left give their places back"
    proxy.close()


# Streams


def test_each_event_is_passed_on_when_it_comes(proxy, upstream):
    """One read is at most one write: five paced events are five writes, none of them late."""
    events = [delta(f"w{n} ") for n in range(5)]
    paced = [piece for event in events for piece in (event, 0.05)]
    upstream.script = stream(*paced, delta(None, "stop"), DONE)
    reply = proxy.chat(stream=True).read_head()
    assert reply.pieces()[:5] == events
    assert reply.headers["content-type"] == "text/event-stream"
    assert reply.headers["x-accel-buffering"] == "no"
    assert reply.headers["cache-control"] == "no-cache"
    assert "content-length" not in reply.headers


def test_done_leaves_only_after_the_turn_is_in_the_ledger(proxy, upstream):
    upstream.script = stream(delta("Hel"), 0.02, delta("lo"), 0.02, delta(None, "stop"), 0.02, DONE)
    reply = proxy.chat("A turn for the ledger", stream=True).read_head()
    seen = b""
    while b"[DONE]" not in seen:
        assert [row for row in proxy.rows() if row[1][0]["text"] == "A turn for the ledger"], "opened before any byte"
        seen += reply.read_chunk()
    [row] = [row for row in proxy.rows() if row[1][0]["text"] == "A turn for the ledger"]
    assert row[0] != "open"
    assert row[2] == "Hello"
    reply.close()


def test_done_across_two_reads_is_recognised(proxy, upstream):
    upstream.script = stream(delta("Yes"), delta(None, "stop"), b"data: [DO", 0.1, b"NE]\n\n", 0.5)
    reply = proxy.chat("A split end", stream=True).read_head()
    seen = b""
    while b"[DONE]" not in seen:
        seen += reply.read_chunk()
    [row] = [row for row in proxy.rows() if row[1][0]["text"] == "A split end"]
    assert (row[0] != "open", row[2]) == (True, "Yes")
    reply.close()


def test_a_stream_without_done_closes_its_turn_too(proxy, upstream):
    upstream.script = stream(delta("Yes"), delta(None, "stop"))
    assert proxy.chat("No end mark", stream=True).read().endswith(b"\n\n")
    [row] = [row for row in proxy.rows() if row[1][0]["text"] == "No end mark"]
    assert (row[0] != "open", row[2]) == (True, "Yes")


def test_memory_on_relays_events_byte_for_byte(proxy, upstream):
    frames = [
        b": upstream comment\r\n\r\n",
        b'data: {"choices":[{"index":0,"delta":{"content":"A","reasoning":"hm"}}],"x":18446744073709551616}\r\n\r\n',
        b'data: {"choices":[],"usage":{"total_tokens":3}, "timings":{"a":1.0}}\n\n',
        b'event: odd\ndata: {"choices":\ndata: []}\n\n',
        delta(None, "stop"),
        DONE,
    ]
    upstream.script = stream(*frames)
    assert proxy.chat(stream=True).read() == b"".join(frames)


def test_parallel_tool_calls_go_through_and_are_not_taken_for_an_answer(proxy, upstream):
    def call(index, **function):
        more = {"id": f"call_{index}", "type": "function"} if "name" in function else {}
        return delta(tool_calls=[{"index": index, **more, "function": function}])

    frames = [
        delta(role="assistant"), call(0, name="a", arguments=""), call(1, name="b", arguments=""),
        call(0, arguments='{"x":'), call(1, arguments='{"y":2}'), call(0, arguments="1}"), delta(None, "tool_calls"),
        DONE,
    ]  # fmt: skip
    upstream.script = stream(*frames)
    tools = [{"type": "function", "function": {"name": name, "parameters": {}}} for name in "ab"]
    assert proxy.chat("Call both tools", stream=True, tools=tools).read() == b"".join(frames)
    [row] = [row for row in proxy.rows() if row[1][0]["text"] == "Call both tools"]
    assert row[2] is None
    assert upstream.requests[0].json["tools"] == tools


def test_an_agent_loop_is_one_turn(proxy, upstream):
    asked = {"role": "user", "content": "What is the weather in my city?"}
    call = {"id": "c1", "type": "function", "function": {"name": "w", "arguments": "{}"}}
    called = {"role": "assistant", "content": None, "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": "c1", "content": "Rain"}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    upstream.script = whole(
        json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}).encode()
    )
    proxy.raw(json.dumps({"messages": [asked]}).encode()).read()
    upstream.script = answer("It rains.")
    proxy.raw(json.dumps({"messages": [asked, called, result]}).encode()).read()
    [row] = [row for row in proxy.rows() if row[1][0]["text"] == asked["content"]]
    assert row[2] == "It rains."


def test_comments_keep_a_silent_stream_alive_only_between_frames(proxy, upstream):
    whole_frame = delta("Hello")
    first, second = whole_frame[:20], whole_frame[20:]
    upstream.script = stream(delta("a"), 0.5, first, 0.5, second, delta(None, "stop"), DONE)
    got = proxy.chat(stream=True).read()
    assert b": keep-alive\n\n" in got
    assert whole_frame in got
    assert got.replace(b": keep-alive\n\n", b"") == delta("a") + whole_frame + delta(None, "stop") + DONE


def test_no_comment_with_memory_off(proxy, upstream):
    upstream.script = stream(delta("a"), 0.5, DONE)
    assert proxy.chat(stream=True, headers={"X_Memory": "off"}).read() == delta("a") + DONE


@pytest.mark.parametrize("memory", ["on", "off"])
def test_a_stream_that_breaks_between_frames_ends_with_an_error_event(proxy, upstream, memory):
    upstream.script = stream(delta("Half an"), 0.05, end=False)
    got = proxy.chat(f"Broken {memory}", stream=True, headers={"X_Memory": memory}).read()
    assert got.startswith(delta("Half an"))
    assert json.loads(got[len(delta("Half an")) :].removeprefix(b"data: "))["error"]["code"] == "upstream_broken"
    if memory == "on":
        [row] = [row for row in proxy.rows() if row[1][0]["text"] == "Broken on"]
        assert row[0] != "open"
        assert row[2] is None, "half an answer is no answer"


@pytest.mark.parametrize("memory", ["on", "off"])
def test_a_body_that_breaks_off_is_not_passed_off_as_whole(proxy, upstream, memory):
    async def script(_request, writer):
        writer.write(head(content_type="application/json", content_length="1000") + b'{"choices": [')
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.close()

    upstream.script = script
    reply = proxy.chat(headers={"X_Memory": memory}).read_head()
    rest = reply._file.read()
    assert len(rest) < 1000
    assert reply.headers["content-length"] == "1000"
    reply.close()


# Leaving


@pytest.mark.parametrize("memory", ["on", "off"])
@pytest.mark.parametrize("streamed", [True, False])
def test_leaving_before_the_first_byte_closes_the_model_servers_socket(proxy, upstream, streamed, memory):
    before = len(proxy.rows())

    async def think(_request, _writer):
        await asyncio.sleep(30)

    upstream.script = think
    reply = proxy.chat(stream=streamed, headers={"X_Memory": memory})
    while not upstream.requests:
        time.sleep(0.005)
    reply.close()
    assert upstream.requests[0].gone.wait(1.0)
    assert len(proxy.rows()) == before, "the model server had not accepted it"


@pytest.mark.parametrize("memory", ["on", "off"])
def test_leaving_in_mid_stream_closes_the_model_servers_socket_and_keeps_the_users_words(proxy, upstream, memory):
    upstream.script = stream(delta("One "), *([0.05, delta("more ")] * 200))
    reply = proxy.chat(f"I leave early {memory}", stream=True, headers={"X_Memory": memory}).read_head()
    assert reply.read_chunk() == delta("One ")
    reply.close()
    assert upstream.requests[0].gone.wait(1.0)
    if memory == "on":
        rows = proxy.wait_rows(lambda rows: any("leave early" in r[1][0]["text"] and r[0] != "open" for r in rows))
        [row] = [row for row in rows if row[1][0]["text"] == "I leave early on"]
        assert (row[0] != "open", row[2]) == (True, None)


def test_leaving_while_a_body_is_awaited_closes_the_socket_and_keeps_the_users_words(proxy, upstream):
    async def script(_request, writer):
        writer.write(head(content_type="application/json", content_length="1000") + b"{")
        await writer.drain()
        await asyncio.sleep(30)

    upstream.script = script
    reply = proxy.chat("I leave while you think").read_head()
    reply.close()
    assert upstream.requests[0].gone.wait(1.0)
    rows = proxy.wait_rows(lambda rows: any("while you think" in r[1][0]["text"] and r[0] != "open" for r in rows))
    [row] = [row for row in rows if row[1][0]["text"] == "I leave while you think"]
    assert (row[0] != "open", row[2]) == (True, None)


def test_a_client_that_leaves_inside_its_own_request_disturbs_nobody(proxy, upstream):
    proxy.raw(TURN[:10], content_length="500").close()
    proxy.chat().read()
    assert len(upstream.requests) == 1


# Memory never fails a chat


class Broken:
    """A pipeline whose reading half does what it is told; the rest is the real one's."""

    def __init__(self, pipeline, act):
        self._pipeline, self._act = pipeline, act

    def before(self, messages, scope, controls):
        if controls.mode.reads:
            self._act()
        return self._pipeline.before(messages, scope, controls)

    def __getattr__(self, name):
        return getattr(self._pipeline, name)


def fail():
    raise RuntimeError("a mistake")


def lock():
    raise VaultLocked


@pytest.mark.parametrize("act", [fail, lock, lambda: time.sleep(1.5)], ids=["mistake", "locked", "slow"])
def test_a_failing_or_slow_recall_leaves_the_chat_as_it_was(tmp_path, upstream, act):
    proxy = Proxy(
        tmp_path, upstream.url, parts=lambda p: {"pipeline": Broken(p.pipeline, act)}, **{"memory.timeout_ms": 300}
    )
    reply = proxy.raw(TURN)
    assert reply.json()["choices"][0]["message"]["content"] == "Hello."
    assert reply.headers["x-memory-status"] == "degraded"
    assert reply.headers["x-memory-write"] == "queued", "what was said is kept all the same"
    assert upstream.requests[-1].body == TURN
    receipt = proxy.receipt(reply)
    assert receipt["status"] == "degraded"
    assert receipt["reason"]
    assert proxy.rows()[0][2] == "Hello."
    proxy.close()


class SlowThroughout(Broken):
    """A store so slow that not even the names of a turn are known within a lookup's time."""

    def before(self, messages, scope, controls):
        self._act()
        return self._pipeline.before(messages, scope, controls)


def test_what_was_said_is_kept_when_even_naming_the_turn_takes_longer_than_a_lookup_may(tmp_path, upstream):
    slow = {"parts": lambda p: {"pipeline": SlowThroughout(p.pipeline, lambda: time.sleep(0.4))}}
    proxy = Proxy(tmp_path, upstream.url, **slow, **{"memory.timeout_ms": 100})
    replies = [proxy.raw(json.dumps({"messages": [{"role": "user", "content": f"My {n}."}]}).encode()) for n in "abc"]
    assert [reply.json()["choices"][0]["message"]["content"] for reply in replies] == ["Hello."] * 3
    assert [reply.headers["x-memory-status"] for reply in replies] == ["degraded"] * 3
    assert [reply.headers["x-memory-write"] for reply in replies] == ["queued"] * 3
    rows = proxy.wait_rows(lambda rows: len(rows) == 3)
    assert sorted(row[1][0]["text"] for row in rows) == ["My a.", "My b.", "My c."]
    proxy.close()


def test_a_turn_that_a_locked_vault_refuses_is_spooled_and_kept(tmp_path, upstream):
    proxy = Proxy(tmp_path, upstream.url)
    holder = sqlite3.connect(tmp_path / "memos.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    reply = proxy.chat("I live in Vienna.")
    assert reply.json()["choices"]
    assert reply.headers["x-memory-status"] == "degraded"
    assert reply.headers["x-memory-write"] == "spooled"
    assert proxy.rows() == []
    holder.execute("ROLLBACK")
    holder.close()
    rows = proxy.wait_rows(lambda rows: bool(rows) and rows[0][0] == "stored")
    assert [(row[1][0]["text"], row[2]) for row in rows] == [("I live in Vienna.", "Hello.")]
    assert not list((tmp_path / "spool").glob("*.json"))
    proxy.close()


@pytest.mark.parametrize(
    "error",
    [
        {"message": "too long", "code": "context_length_exceeded"},
        {"message": "the request exceeds the available context size", "type": "exceed_context_size_error"},
        {"message": "This model's maximum context length is 2048 tokens."},
    ],
)
def test_memory_that_makes_a_request_too_long_is_left_out(tmp_path, upstream, error):
    proxy = Proxy(tmp_path, upstream.url)
    proxy.chat("I live in Lisbon.").read()
    asked = json.dumps({"messages": [{"role": "user", "content": "Where do I live?"}]}).encode()

    async def small(request, writer):
        fits = b"Lisbon" not in request.body
        refused = whole(json.dumps({"error": error}).encode(), "400 Bad Request")
        await (answer("I do not know.") if fits else refused)(request, writer)

    upstream.script = small
    reply = proxy.raw(asked)
    assert reply.json()["choices"][0]["message"]["content"] == "I do not know."
    assert reply.headers["x-memory-status"] == "degraded"
    assert reply.headers["x-memory-ids"] == ""
    assert upstream.requests[-1].body == asked
    upstream.script = whole(json.dumps({"error": error}).encode(), "400 Bad Request")
    final = proxy.raw(asked)
    assert (final.json(), final.status) == ({"error": error}, 400), "the model server's own words when that is no help"
    proxy.close()


def test_the_next_request_knows_what_the_one_before_said(proxy, upstream):
    """No waiting in between: the request waits until what was said can be found."""
    for n in range(10):
        headers = {"X_Memory_Conversation_Id": f"c{n}"}
        proxy.chat(f"My box number {n} code is {n}{n}{n}.", headers=headers).read()
        headers = {"X_Memory_Conversation_Id": f"d{n}", "X_Memory": "read-only"}
        proxy.chat(f"What is my box number {n} code?", headers=headers).read()
        assert f"{n}{n}{n}" in upstream.requests[-1].body.decode()


@pytest.mark.parametrize(("mode", "reads", "writes"), [("read-only", True, False), ("write-only", False, True)])
def test_reading_and_writing_can_be_switched_by_themselves(tmp_path, upstream, mode, reads, writes):
    proxy = Proxy(tmp_path, upstream.url)
    proxy.chat("I live in Lisbon.").read()
    reply = proxy.chat("Where do I live?", headers={"X_Memory": mode})
    reply.read()
    assert reply.headers["x-memory-status"] == mode
    assert (b"Lisbon" in upstream.requests[-1].body) == reads
    assert reply.headers["x-memory-write"] == ("queued" if writes else "off")
    assert len(proxy.rows()) == 1 + writes
    proxy.close()


def test_a_user_interfaces_own_calls_touch_no_memory(proxy):
    before = len(proxy.rows())
    reply = proxy.chat("Make a title for this chat", headers={"X_Memory_Task": "title_generation"})
    reply.read()
    assert reply.headers["x-memory-status"] == "off"
    assert len(proxy.rows()) == before


def test_a_retry_of_the_same_turn_is_one_row(proxy):
    for count in ("0", "1"):
        proxy.chat("Only once, please", headers={"X_Stainless_Retry_Count": count}).read()
    assert len([row for row in proxy.rows() if row[1][0]["text"] == "Only once, please"]) == 1


# Clients


def test_the_official_client(proxy, upstream):
    asked = [{"role": "user", "content": "Hi"}]
    with open_client(proxy) as client:
        raw = client.chat.completions.with_raw_response.create(model="m", messages=asked)
        assert raw.parse().choices[0].message.content == "Hello."
        assert raw.headers["x-memory-status"] == "on"
        upstream.script = stream(
            delta("", role="assistant"), delta("Hel"), 0.01, delta("lo"), delta(None, "stop"), DONE
        )
        got = client.chat.completions.create(model="m", messages=asked, stream=True)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in got) == "Hello"
        upstream.script = whole(b'{"error":{"message":"no","code":"model_not_found"}}', "404 Not Found")
        with pytest.raises(openai.NotFoundError):
            client.chat.completions.create(model="x", messages=asked)


async def test_the_official_client_asynchronously_and_many_at_once(proxy, upstream):
    async def echo(request, writer):
        await asyncio.sleep(0.01)
        await answer(request.json["messages"][-1]["content"].rsplit(" ", 1)[-1])(request, writer)

    upstream.script = echo
    async with openai.AsyncOpenAI(base_url=f"{proxy.url}/v1", api_key=proxy.key, max_retries=0) as client:

        async def ask(n):
            asked = [{"role": "user", "content": f"Concurrent words {n}"}]
            reply = await client.chat.completions.create(model="m", messages=asked)
            return reply.choices[0].message.content

        assert await asyncio.gather(*(ask(n) for n in range(60))) == [str(n) for n in range(60)]
    said = {row[1][0]["text"]: row[2] for row in proxy.rows() if row[1][0]["text"].startswith("Concurrent words")}
    assert said == {f"Concurrent words {n}": str(n) for n in range(60)}


def test_connections_to_the_model_server_are_kept(tmp_path):
    upstream = Upstream()
    proxy = Proxy(tmp_path, upstream.url)
    for n in range(10):
        proxy.chat(f"{n}", headers={"X_Memory": "off" if n % 2 else "on"}).read()
    assert upstream.connections == 1
    proxy.close()
    upstream.close()


def test_models_are_relayed_with_all_their_fields(proxy, upstream):
    listed = b'{"object":"list","data":[{"id":"a/b","object":"model","meta":{"n_params":18446744073709551616}}]}'

    async def script(request, writer):
        found = request.path == "/v1/models"
        await whole(listed if found else b"File not found", "200 OK" if found else "404 Not Found")(request, writer)

    upstream.script = script
    assert proxy.raw(b"", "/v1/models", "GET").read() == listed
    assert proxy.raw(b"", "/models", "GET").read() == listed
    assert proxy.raw(b"", "/v1/models/a/b", "GET").json()["id"] == "a/b"
    missing = proxy.raw(b"", "/v1/models/c", "GET")
    assert missing.json()["error"]["code"] == "model_not_found"
    assert missing.status == 404
    assert proxy.raw(b"", "/v1/models", "GET", authorization="").json()["error"]["code"] == "invalid_api_key"


def test_a_running_answer_is_finished_before_the_server_stops(tmp_path, upstream):
    proxy = Proxy(tmp_path, upstream.url)
    upstream.script = stream(delta("Slow"), 0.7, delta(None, "stop"), DONE)
    reply = proxy.chat("Do not hurry", stream=True).read_head()
    closing = threading.Thread(target=proxy.close)
    closing.start()
    assert reply.read() == delta("Slow") + delta(None, "stop") + DONE
    closing.join()
    with sqlite3.connect(tmp_path / "memos.db") as vault:
        assert vault.execute("SELECT state, answer FROM turns").fetchall() == [("stored", "Slow")]

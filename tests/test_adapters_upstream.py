"""The client towards model servers, against a real one: raw bytes both ways, closed sockets, one fresh connection."""

import asyncio
import io
import json
import time

import pytest

from adapters.backend import BrokenOff
from adapters.echo import Echo
from adapters.registry import Registry, backends
from adapters.upstream import Upstream as Client
from memory.errors import EngineDown, EngineMissing, Invalid
from tests.proxy_rig import DONE, Upstream, answer, delta, head, stream, whole

JSON = [(b"content-type", b"application/json")]


@pytest.fixture
def server():
    made = Upstream()
    yield made
    made.close()


async def ask(client, body=b"{}", headers=JSON, path="/chat/completions"):
    response = await client.send("POST", path, headers, body)
    try:
        return response.status, b"".join([piece async for piece in response.chunks()])
    finally:
        response.close()


async def test_bytes_headers_and_path_go_through_as_they_are(server):
    server.script = whole(b"\x00\xffraw", X_Mixed="Case", x_twice="1")
    client = Client(server.url, api_key="sk-own")
    body = bytes(range(256))
    response = await client.send("POST", "/models/a%2Fb?x=%20y", [*JSON, (b"x-a", b"1"), (b"x-a", b"2")], body)
    assert b"".join([piece async for piece in response.chunks()]) == b"\x00\xffraw"
    assert (b"X-Mixed", b"Case") in response.headers
    [got] = server.requests
    assert (got.method, got.path, got.body) == ("POST", "/v1/models/a%2Fb?x=%20y", body)
    assert got.header("x-a") == ["1", "2"]
    assert got.header("authorization") == ["Bearer sk-own"]
    assert {name.lower() for name, _ in got.headers} == {
        "host", "content-type", "content-length", "x-a", "authorization",
    }, "nothing is added"  # fmt: skip
    await client.close()


async def test_the_log_says_which_server_did_not_answer_and_why(caplog):
    """Not the key in its address, nor what was sent; a probe, which asks every second, writes nothing."""
    client = Client("http://me:sk-secret@127.0.0.1:1/v1?key=sk-secret")
    assert await client.ready()
    assert not caplog.records
    with pytest.raises(EngineDown):
        await ask(client, body=b"what was said")
    [record] = caplog.records
    assert record.levelname == "WARNING"
    assert "http://127.0.0.1:1/v1: ClientConnectorError: " in record.getMessage()
    assert "refused" in record.getMessage() or "Connect call failed" in record.getMessage()
    assert not [word for word in ("sk-", "said") if word in caplog.text]
    await client.close()


async def test_the_log_shows_nothing_of_an_answer_that_is_not_http(caplog, server):
    async def nonsense(_request, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nset-cookie: sk-\x00secret\r\n\r\n")

    server.script = nonsense
    client = Client(server.url)
    with pytest.raises(EngineDown):
        await ask(client)
    assert server.url in caplog.text
    assert "secret" not in caplog.text
    await client.close()


async def test_the_callers_authorization_wins(server):
    client = Client(server.url, api_key="sk-own")
    await ask(client, headers=[(b"authorization", b"Bearer sk-theirs")])
    assert server.requests[0].header("authorization") == ["Bearer sk-theirs"]
    await client.close()


async def test_nothing_is_decompressed_redirected_or_kept_as_a_cookie(server):
    client = Client(server.url)
    server.script = whole(b"not really gzip", content_encoding="gzip", set_cookie="a=b")
    assert await ask(client) == (200, b"not really gzip")
    server.script = whole(b"", "307 Temporary Redirect", location="/elsewhere")
    assert (await ask(client))[0] == 307
    assert server.requests[1].header("cookie") == []
    assert len(server.requests) == 2
    await client.close()


async def test_large_bodies_are_sent_whole(server):
    client = Client(server.url)
    body = b"x" * (5 << 20)
    await ask(client, body)
    assert server.requests[0].body == body
    await client.close()


async def test_each_read_is_one_chunk_as_it_comes(server):
    server.script = stream(b"one", 0.05, b"two", 0.05, b"three")
    client = Client(server.url)
    response = await client.send("POST", "/x", JSON)
    assert [piece async for piece in response.chunks()] == [b"one", b"two", b"three"]
    await client.close()


async def test_connections_are_kept_for_the_next_request(server):
    client = Client(server.url)
    for _ in range(5):
        await ask(client)
    assert server.connections == 1
    await client.close()


async def test_closing_in_the_middle_closes_the_socket_at_once(server):
    server.script = stream(delta("a"), *([0.02, delta("b")] * 500), DONE)
    client = Client(server.url)
    response = await client.send("POST", "/x", JSON)
    await anext(aiter(response.chunks()))
    response.close()
    assert await asyncio.to_thread(server.requests[0].gone.wait, 1.0)
    await client.close()


async def test_cancelling_before_the_headers_closes_the_socket_at_once(server):
    async def silence(_request, _writer):
        await asyncio.sleep(30)

    server.script = silence
    client = Client(server.url)
    task = asyncio.create_task(client.send("POST", "/x", JSON))
    while not server.requests:
        await asyncio.sleep(0.005)
    task.cancel()
    assert await asyncio.to_thread(server.requests[0].gone.wait, 1.0)
    with pytest.raises(asyncio.CancelledError):
        await task
    await client.close()


async def test_a_kept_connection_that_was_closed_meanwhile_is_replaced_once(server):
    """The server hangs up on the second request, as one does whose idle time-out runs out just then."""
    seen = set()

    async def script(request, writer):
        if id(writer) in seen:
            writer.transport.abort()
            return
        seen.add(id(writer))
        await answer("Hello.")(request, writer)

    server.script = script
    client = Client(server.url)
    assert (await ask(client))[0] == 200
    assert (await ask(client))[0] == 200
    assert len(server.requests) == 3
    await client.close()


async def test_a_fresh_connection_that_is_closed_is_not_tried_again(server):
    async def script(_request, writer):
        writer.transport.abort()

    server.script = script
    client = Client(server.url)
    with pytest.raises(EngineDown) as caught:
        await ask(client)
    assert caught.value.code == "upstream_broken"
    assert len(server.requests) == 1
    await client.close()


async def test_nothing_is_repeated_after_the_first_byte(server):
    client = Client(server.url)
    await ask(client)
    server.script = stream(delta("a"), 0.05, end=False)
    with pytest.raises(BrokenOff):
        await ask(client)
    assert len(server.requests) == 2
    await client.close()


@pytest.mark.parametrize("when", ["headers", "body"])
async def test_silence_is_a_time_out(server, when):
    async def script(_request, writer):
        if when == "body":
            writer.write(head(content_length="10") + b"abc")
            await writer.drain()
        await asyncio.sleep(30)

    server.script = script
    client = Client(server.url, read_timeout_s=0.2)
    with pytest.raises(EngineDown) as caught:
        await ask(client)
    assert caught.value.code == "upstream_timeout"
    assert isinstance(caught.value, BrokenOff) == (when == "body")
    await client.close()


async def test_what_is_not_http_is_told_as_that(server):
    async def script(_request, writer):
        writer.write(b"SSH-2.0-OpenSSH\r\n\r\n")

    server.script = script
    client = Client(server.url)
    with pytest.raises(EngineDown) as caught:
        await ask(client)
    assert caught.value.code == "upstream_broken"
    await client.close()


async def test_nobody_there_is_unreachable_and_not_ready():
    client = Client("http://127.0.0.1:9/v1")
    with pytest.raises(EngineDown) as caught:
        await ask(client)
    assert caught.value.code == "upstream_unreachable"
    assert "cannot be reached" in (await client.ready() or "")
    await client.close()


async def test_ready_asks_for_the_models_and_takes_a_refusal_for_a_sign_of_life(server):
    client = Client(server.url)
    server.script = whole(b"{}", "401 Unauthorized")
    assert await client.ready() is None
    assert (server.requests[0].method, server.requests[0].path) == ("GET", "/v1/models")
    server.script = whole(b"{}", "503 Service Unavailable")
    assert "503" in (await client.ready() or "")
    await client.close()


async def test_over_a_unix_socket(tmp_path):
    path = str(tmp_path / "engine.sock")
    server = Upstream(path)
    client = Client("http://engine/v1", socket_path=path, shares_cache=True)
    assert (await ask(client))[0] == 200
    assert client.shares_cache
    await client.close()
    server.close()


async def test_a_connection_limit_makes_requests_wait_and_not_fail(server):
    server.script = stream(b"a", 0.05, b"b")
    client = Client(server.url, max_connections=2)
    answers = await asyncio.gather(*(ask(client) for _ in range(8)))
    assert answers == [(200, b"ab")] * 8
    assert server.connections <= 2
    await client.close()


async def test_echo_answers_like_a_model_server():
    body = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"Say  it  again, please"}]}'
    _, got = await ask(Echo(), body)
    text = "".join(
        chunk["choices"][0]["delta"].get("content", "")
        for line in io.BytesIO(got)
        if line.startswith(b"data: {")
        for chunk in [json.loads(line[6:])]
    )
    assert text == "Say  it  again, please"
    assert got.endswith(DONE)
    assert await ask(Echo(), body) == (200, got), "always the same"


def test_a_registry_refuses_double_and_lists_what_it_knows():
    registry = Registry("backend")
    registry.register("one", lambda: time)
    with pytest.raises(ValueError, match="twice"):
        registry.register("one", lambda: time)
    with pytest.raises(Invalid, match="one"):
        registry.create("two")
    assert backends().names == ["echo", "upstream"]


def test_a_missing_package_is_named_with_the_way_to_get_it():
    def creator():
        raise ModuleNotFoundError("No module named 'llama_cpp'", name="llama_cpp")

    registry = Registry("backend")
    registry.register("llama", creator, extra="llama")
    with pytest.raises(EngineMissing, match="memos build-llama"):
        registry.create("llama")

"""The extraction call over a real port: what is sent, and that every failure is EngineDown."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from adapters.extractor import HttpExtractor
from memory.errors import EngineDown
from memory.prompts import EXTRACTION_SCHEMA, EXTRACTION_SYSTEM


@contextmanager
def upstream(status: int, body: bytes, headers: dict[str, str] | None = None, delay_s: float = 0.0):
    """A scripted chat-completions server; yields its base URL and the requests it saw."""
    seen: list[dict] = []
    hold = threading.Event()

    class Scripted(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["content-length"]))
            seen.append({"path": self.path, "auth": self.headers.get("authorization"), "body": json.loads(raw)})
            hold.wait(delay_s)
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            try:
                self.wfile.write(body)
            except OSError:
                return

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Scripted)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1", seen
    finally:
        hold.set()
        server.shutdown()
        server.server_close()
        thread.join()


def said(content: str) -> bytes:
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": content}}]}).encode()


@contextmanager
def extractor(base_url: str, timeout_s: float = 5.0) -> Iterator[HttpExtractor]:
    client = HttpExtractor(base_url, "secret-key", "tiny", timeout_s)
    try:
        yield client
    finally:
        client.close()


def test_the_request_carries_model_key_prompt_and_schema():
    with upstream(200, said('{"facts": []}')) as (url, seen), extractor(url) as client:
        assert client.extract("the exchange", EXTRACTION_SCHEMA) == {"facts": []}
    request = seen[0]
    assert request["path"] == "/v1/chat/completions"
    assert request["auth"] == "Bearer secret-key"
    assert request["body"]["model"] == "tiny"
    assert request["body"]["messages"] == [
        {"role": "system", "content": EXTRACTION_SYSTEM},
        {"role": "user", "content": "the exchange"},
    ]
    assert request["body"]["response_format"]["json_schema"]["schema"] == EXTRACTION_SCHEMA


@pytest.mark.parametrize("content", ['```json\n{"facts": []}\n```', 'Sure! {"facts": []} Anything else?'])
def test_json_wrapped_in_talk_is_found(content: str):
    with upstream(200, said(content)) as (url, _), extractor(url) as client:
        assert client.extract("x", EXTRACTION_SCHEMA) == {"facts": []}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b"{}"),
        (401, b"{}"),
        (200, b"not json"),
        (200, b"[]"),
        (200, b'{"choices": []}'),
        (200, b'{"choices": [{"message": {"content": null}}]}'),
        (200, said("no object here")),
        (200, said("{broken]}")),
        (200, said('["a list"]')),
    ],
)
def test_every_bad_answer_is_engine_down(status: int, body: bytes):
    with upstream(status, body) as (url, _), extractor(url) as client, pytest.raises(EngineDown) as raised:
        client.extract("private words", EXTRACTION_SCHEMA)
    assert "private words" not in str(raised.value)
    assert "secret-key" not in str(raised.value)


def test_the_servers_wish_to_wait_is_passed_on():
    with (
        upstream(429, b"{}", {"retry-after": "7"}) as (url, _),
        extractor(url) as client,
        pytest.raises(EngineDown) as e,
    ):
        client.extract("x", EXTRACTION_SCHEMA)
    assert e.value.retry_after_s == 7


def test_a_silent_server_is_engine_down():
    with (
        upstream(200, said("{}"), delay_s=5) as (url, _),
        extractor(url, timeout_s=0.1) as client,
        pytest.raises(EngineDown),
    ):
        client.extract("x", EXTRACTION_SCHEMA)


def test_no_server_at_all_is_engine_down():
    with upstream(200, b"{}") as (url, _):
        pass
    with extractor(url) as client, pytest.raises(EngineDown):
        client.extract("x", EXTRACTION_SCHEMA)

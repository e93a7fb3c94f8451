"""The access log and the counters name routes, never what a caller put into a path."""

import json
import logging
import re
import time

import pytest

from tests.proxy_rig import Proxy, Upstream

SECRET = "s3cret"


@pytest.fixture
def proxy(tmp_path):
    upstream = Upstream()
    running = Proxy(tmp_path / "data", upstream.url, **{"server.cors_origins": ["http://app"]})
    yield running
    running.close()
    upstream.close()


def call(proxy, method, path, body=None, **headers):
    raw = proxy.raw(b"" if body is None else json.dumps(body).encode(), path, method, **headers)
    raw.read()
    return raw


def lines(caplog, count):
    """The log's lines; one is written a moment after its answer."""
    end = time.monotonic() + 10
    while True:
        found = [record.fields for record in caplog.records if record.name == "proxy.access"]
        if len(found) >= count or time.monotonic() > end:
            return found
        time.sleep(0.01)


REQUESTS = [
    ("GET", f"/v1/memory/cubes/mem_{SECRET}", "/v1/memory/cubes/{cube_id}"),
    ("DELETE", f"/v1/memory/cubes/{SECRET}?user={SECRET}", "/v1/memory/cubes/{cube_id}"),
    ("PUT", f"/v1/memory/cubes/{SECRET}", "/v1/memory/cubes/{cube_id}"),  # 405
    ("POST", f"/v1/memory/pipelines/{SECRET}/run", "/v1/memory/pipelines/{name}/run"),
    ("GET", f"/v1/memory/requests/{SECRET}", "/v1/memory/requests/{request_id}"),
    ("POST", f"/v1/memory/requests/{SECRET}/replay", "/v1/memory/requests/{request_id}/replay"),
    ("GET", f"/v1/memory/snapshots/{SECRET}/a%2Fb", "/v1/memory/snapshots/{name:path}"),
    ("GET", f"/{SECRET}", "unmatched"),
    ("GET", f"/v1/memory/{SECRET}/x", "unmatched"),
    ("POST", f"/v1/memory/cubes/{SECRET}/", "unmatched"),  # a slash too many
    ("GET", "/v1/chat/completions", "/v1/chat/completions"),  # 405
    ("POST", "/v1/chat/completions", "/v1/chat/completions"),
    ("POST", "/v1/memory/search", "/v1/memory/search"),
    ("GET", "/v1/memory/cubes", "/v1/memory/cubes"),
    ("GET", "/openapi.json", "/openapi.json"),
    ("GET", "/v1/models", "/v1/models"),
]


def test_no_line_and_no_counter_holds_what_stood_in_a_path(proxy, caplog):
    with caplog.at_level(logging.DEBUG):
        for method, path, _ in REQUESTS:
            call(proxy, method, path, {} if method == "POST" else None)
        found = lines(caplog, len(REQUESTS))
        metrics = proxy.raw(b"", "/metrics", "GET").read().decode()
    assert [line["path"] for line in found] == [route for *_, route in REQUESTS]
    own = [record for record in caplog.records if record.name != "uvicorn.access"]  # which is switched off
    assert not [record for record in own if SECRET in record.getMessage()]
    assert not [line for line in found if SECRET in json.dumps(line)]
    assert SECRET not in metrics
    assert set(re.findall(r'memos_requests_total{route="([^"]*)"', metrics)) == {route for *_, route in REQUESTS}


def test_what_is_refused_before_it_is_routed_has_its_route(proxy, caplog):
    """Too long a body is not read, and so is not routed."""
    with caplog.at_level(logging.INFO):
        reply = proxy.raw(b"", f"/v1/memory/cubes/{SECRET}", "PATCH", content_length=str(1 << 40))
        reply.read()
        stranger = call(proxy, "GET", f"/v1/memory/cubes/{SECRET}", authorization="Bearer nobody")
        (first, second) = lines(caplog, 2)
    assert (reply.status, stranger.status) == (413, 401)
    assert first["path"] == second["path"] == "/v1/memory/cubes/{cube_id}"
    assert (first["status"], second["status"]) == (413, 401)

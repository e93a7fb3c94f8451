"""What stands before every route: scopes of keys, limits of bodies, headers said twice, and what never leaves."""

import asyncio
import json
import logging
import re
import socket

import pytest

from adapters import registry
from memory.turn import Scope
from proxy.identity import Identity
from proxy.notes import Note, Notes
from proxy.receipt import MEMORY_HEADERS
from proxy.telemetry import _Json, _Text
from tests.proxy_rig import Proxy, Raw, Upstream, answer, whole

CHAT, TURN = "/v1/chat/completions", b'{"messages": [{"role": "user", "content": "Hi"}]}'
MESSAGES = b'{"conversation_id": "c", "messages": [{"role": "user", "content": "Hi"}]}'
CREATE = "memory:write of a memos key"
#: every route with what it asks of a key, and a body for it
ROUTES = [
    ("POST", CHAT, "models", TURN),
    ("POST", "/chat/completions", "models", TURN),
    ("GET", "/v1/models", "models", b""),
    ("GET", "/models", "models", b""),
    ("GET", "/v1/models/m", "models", b""),
    ("GET", "/models/m", "models", b""),
    ("POST", "/v1/memory/turns", CREATE, MESSAGES),
    ("POST", "/v1/memory/search", "memory:read", b'{"query": "x"}'),
    ("POST", "/v1/memory/cubes", CREATE, b'{"text": "x y"}'),
    ("GET", "/v1/memory/cubes", "memory:read", b""),
    ("GET", "/v1/memory/cubes/x", "memory:read", b""),
    ("PATCH", "/v1/memory/cubes/x", "memory:write", b'{"text": "x", "version": 1}'),
    ("DELETE", "/v1/memory/cubes/x", "memory:write", b""),
    ("POST", "/v1/memory/erase", "memory:write", b"{}"),
    ("GET", "/v1/memory/requests/x", "memory:read", b""),
    ("GET", "/v1/memory/export", "memory:read", b""),
    ("POST", "/v1/memory/import", CREATE, b""),
    ("POST", "/v1/memory/transform", "memory:write", b'{"to": "activation"}'),
    ("POST", "/v1/memory/rollback", "memory:write", b'{"to": "x"}'),
    ("POST", "/v1/memory/undo", "memory:write", b"{}"),
    ("GET", "/v1/memory/changes", "memory:read", b""),
    ("GET", "/v1/memory/diff", "memory:read", b""),
    ("POST", "/v1/memory/snapshots", "memory:write", b'{"name": "x"}'),
    ("GET", "/v1/memory/snapshots", "memory:read", b""),
    ("GET", "/v1/memory/snapshots/x", "memory:read", b""),
    ("DELETE", "/v1/memory/snapshots/x", "memory:write", b""),
    ("POST", "/v1/memory/requests/x/replay", "memory:read", b"{}"),
    ("GET", "/v1/memory/schema", "memory:read", b""),
    ("GET", "/v1/memory/cubes/x/provenance", "memory:read", b""),
    ("POST", "/v1/memory/verify", "memory:read", b'{"data": []}'),
    ("POST", "/v1/memory/spaces", CREATE, b'{"name": "x"}'),
    ("GET", "/v1/memory/spaces", "memory:read", b""),
    ("GET", "/v1/memory/spaces/x", "memory:read", b""),
    ("PATCH", "/v1/memory/spaces/x", "memory:write", b'{"name": "x"}'),
    ("DELETE", "/v1/memory/spaces/x", "memory:write", b""),
    ("POST", "/v1/memory/spaces/x/join", "memory:write", b"{}"),
    ("GET", "/v1/memory/spaces/x/cubes", "memory:read", b""),
    ("GET", "/v1/memory/spaces/x/members", "memory:read", b""),
    ("PUT", "/v1/memory/spaces/x/members", CREATE, b'{"member": "x"}'),
    ("DELETE", "/v1/memory/spaces/x/members", "memory:write", b""),
    ("POST", "/v1/memory/cubes/x/share", CREATE, b'{"space": "x"}'),
    ("GET", "/v1/memory/cubes/x/shares", "memory:read", b""),
    ("DELETE", "/v1/memory/cubes/x/share/x", "memory:write", b""),
    ("GET", "/v1/memory/cubes/x/relations", "memory:read", b""),
    ("GET", "/v1/memory/graph", "memory:read", b""),
    ("POST", "/v1/memory/cubes/x/update", "memory:write", b'{"mode": "append", "text": "x", "version": 1}'),
    ("PATCH", "/v1/memory/cubes", "memory:write", b'{"where": {"tags": ["x"]}, "set": {"pinned": true}}'),
    ("GET", "/v1/memory/pipelines", "memory:read", b""),
    ("POST", "/v1/memory/documents", CREATE, b'{"text": "x y"}'),
    ("GET", "/v1/memory/documents", "memory:read", b""),
    ("GET", "/v1/memory/documents/x", "memory:read", b""),
    ("DELETE", "/v1/memory/documents/x", "memory:write", b""),
]
#: ask for either of two scopes (tested in test_memory_audit_api.py), or for both (tested below)
OF_TWO_SCOPES = {("GET", "/v1/memory/log"), ("POST", "/v1/memory/pipelines/x/run")}
SCOPES = ("models", "memory:read", "memory:write")
OPEN = {"/health", "/health/live", "/health/ready", "/version", "/metrics"}


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
        **{
            "server.max_body_mb": 1,
            "server.max_import_mb": 2,
            "server.body_timeout_s": 0.3,
            "server.cors_origins": ["http://app"],
            "identity.pass_through": True,
            "backend.api_key": "sk-provider",
        },
    )
    yield made
    made.close()


@pytest.fixture(autouse=True)
def clean(upstream):
    upstream.requests.clear()
    upstream.script = answer("Hello.")


def error_of(reply: Raw) -> dict:
    return reply.json()["error"]


# Scopes


@pytest.mark.parametrize(("method", "path", "needed", "body"), ROUTES, ids=lambda value: str(value)[:40])
def test_every_route_asks_for_its_scope(proxy, upstream, method, path, needed, body):
    """With every scope but the needed one it is 403, with that one alone it is not; a provider's key makes nothing."""
    needed, verified_only = needed.split()[0], needed == CREATE

    def status_of(authorization: str) -> int:
        reply = proxy.raw(body, path, method, authorization=f"Bearer {authorization}")
        content = reply.read()
        if reply.status == 403:
            assert json.loads(content)["error"]["code"] == "key_scope"
        return reply.status

    create = proxy.parts.store.keys.create
    assert status_of(create("others", scopes=[scope for scope in SCOPES if scope != needed]).key) == 403
    assert status_of(create("admin", scopes=["admin"]).key) == 403
    assert not upstream.requests
    assert status_of(create("one", scopes=[needed]).key) not in (401, 403)
    assert (status_of("sk-of-a-provider") == 403) == verified_only


@pytest.mark.parametrize("scopes", [["memory:read"], ["memory:write"], ["memory:read", "memory:write"]])
def test_a_pipeline_reads_and_writes(proxy, scopes):
    key = proxy.parts.store.keys.create("one", scopes=scopes).key
    reply = proxy.raw(b"{}", "/v1/memory/pipelines/x/run", "POST", authorization=f"Bearer {key}")
    reply.read()
    assert reply.status == (404 if len(scopes) == 2 else 403)


def test_no_route_is_missing_above(proxy):
    document = proxy.raw(b"", "/openapi.json", "GET").json()
    served = {
        (method.upper(), re.sub(r"\{\w+\}", "x", path.replace("{model}", "m")))
        for path, methods in document["paths"].items()
        for method in methods
        if path not in OPEN
    }
    tested = {(method, path) for method, path, _, _ in ROUTES}
    assert served == {*OF_TWO_SCOPES, *((method, path) for method, path in tested if path.startswith("/v1/"))}


def test_a_stranger_is_refused_before_the_body_is_there(proxy):
    """Only the head of the request is sent: chat and the memory API answer all the same."""
    for method, path, _, body in ROUTES:
        if body:
            reply = proxy.raw(b"", path, method, authorization="", content_length="1000")
            assert reply.read_head().status == 401, path
            reply.close()


# Keys


@pytest.mark.parametrize("scheme", ["Bearer {}", "bearer  {}", "{}", "Token {}"])
def test_a_key_of_this_proxy_is_never_forwarded(proxy, upstream, scheme):
    other = proxy.parts.store.keys.create("other").key
    for key in (proxy.key, other):
        reply = proxy.chat(headers={"authorization": scheme.format(key), "X_Memory_Key": proxy.key, "X_Custom": key})
        assert reply.read_head().status == 200
        reply.close()
        sent = upstream.requests[-1]
        assert sent.header("authorization") == ["Bearer sk-provider"]
        assert not [value for _, value in sent.headers if "sk-memos-" in value]
    assert proxy.raw(b"", "/v1/models", "GET", X_Memory_Key=proxy.key).read()
    assert upstream.requests[-1].header("authorization") == ["Bearer sk-provider"]


@pytest.mark.parametrize(
    ("name", "one", "two"),
    [
        ("x-memory", "off", "on"),
        ("x-memory-budget", "1", "2"),
        ("x-memory-task", "title", "tags"),
        ("x-memory-conversation-id", "a", "b"),
        ("x-openwebui-chat-id", "a", "b"),
        ("x-memory-key", "sk-memos-1", "sk-memos-2"),
        ("authorization", "Bearer a", "Bearer b"),
    ],
)
def test_a_header_said_twice_and_differently_is_400_that_names_it(proxy, upstream, name, one, two):
    twice = {name: f"{one}\r\n{name}: {two}"}
    reply = proxy.raw(TURN, **twice)
    assert error_of(reply)["param"] == name
    assert reply.status == 400
    assert not upstream.requests
    if name.startswith("x-memory") and name != "x-memory-key":
        same = proxy.raw(TURN, **{name: f"{one}\r\n{name}: {one}"})
        assert same.read_head().status == 200
        same.close()


# Bodies


def test_who_has_no_key_takes_no_place(tmp_path, upstream):
    proxy = Proxy(tmp_path, upstream.url, **{"limits.max_concurrent": 1})
    held = []
    for _ in range(3):
        connection = socket.create_connection(("127.0.0.1", proxy.port))
        connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")
        held.append(connection)
    for connection in held:
        assert Raw(connection).read_head().status == 401
    reply = proxy.chat()
    reply.read()
    proxy.close()
    assert reply.status == 200


@pytest.mark.parametrize("path", [CHAT, "/v1/memory/turns", "/v1/memory/import"])
def test_a_body_that_stalls_is_408(proxy, path):
    reply = proxy.raw(b'{"mess', path, content_length="1000")
    error = error_of(reply)
    assert (reply.status, error["code"]) == (408, "request_timeout")
    assert "server.body_timeout_s" in error["message"]
    assert reply.headers["connection"] == "close"


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize(
    ("path", "size_mb", "status", "knob"),
    [
        (CHAT, 1.5, 413, "server.max_body_mb"),
        ("/v1/memory/turns", 1.5, 413, "server.max_body_mb"),
        ("/v1/memory/search", 1.5, 413, "server.max_body_mb"),
        ("/v1/memory/erase", 1.5, 413, "server.max_body_mb"),
        ("/v1/memory/import", 1.5, 200, ""),
        ("/v1/memory/import", 2.5, 413, "server.max_import_mb"),
    ],
)
def test_each_route_has_its_limit(proxy, chunked, path, size_mb, status, knob):
    body = b" " * int(size_mb * (1 << 20))
    if chunked:
        reply = proxy.raw(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body), path, transfer_encoding="chunked")
    else:
        reply = proxy.raw(body, path)
    content = reply.read()
    assert reply.status == status
    if knob:
        error = json.loads(content)["error"]
        assert error["code"] == "request_too_large"
        assert knob in error["message"]


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/cubes", '{"text": "x y", "ttl_s": 1e300}', "ttl_s"),
        ("/search", '{"query": "x", "now": "0001-01-01T00:00:00+14:00"}', "now"),
        ("/search", '{"query": "x", "as_of": "0001-01-01T00:00:00+14:00"}', "as_of"),
        ("/search", '{"query": "what did I do yesterday", "now": "0001-01-01T00:00:00Z"}', "now"),
        ("/search", '{"query": "what will I do next year", "now": "9999-12-31T00:00:00Z"}', "now"),
        ("/search", '{"query": "x", "as_of": "9999-12-31T23:00:00-14:00"}', "as_of"),
        ("/search", '{"query": "x", "\\ud83d": 1}', "\ufffd"),
    ],
)
def test_values_out_of_bounds_are_400(proxy, path, body, param):
    reply = proxy.raw(body.encode(), f"/v1/memory{path}")
    assert error_of(reply)["param"] == param
    assert reply.status == 400


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/cubes", '{"text": "tea \\ud83d", "tags": ["\\udc00"]}'),
        ("/search", '{"query": "tea \\ud83d"}'),
        ("/erase", '{"ids": ["\\ud83d"]}'),
        (
            "/turns",
            '{"conversation_id": "\\ud83d", "wait": true, "messages": [{"id": "\\ud83d", "name": "\\ud83d", '
            '"role": "user", "content": [{"type": "text", "text": "tea \\ud83d"}]}]}',
        ),
    ],
)
def test_halves_of_characters_are_replaced(proxy, path, body):
    reply = proxy.raw(body.encode(), f"/v1/memory{path}")
    content = reply.read()
    assert reply.status in ((404,) if path == "/erase" else (200, 201)), content  # nothing has such an id
    assert b"\\ud83d" not in content
    exported = proxy.raw(b"", "/v1/memory/export", "GET").read().decode()
    assert "\\ud83d" not in exported


CUBE = {
    "object": "memos.cube", "newest": True, "id": "mem_1", "version": 1, "owner": "u", "text": "Tea is green.",
    "kind": "plaintext", "semantic_type": "fact", "state": "activated", "pinned": False, "access_count": 0,
    "valid_from": "2026-01-01T00:00:00+00:00", "valid_to": None, "recorded_at": "2026-01-01T00:00:00+00:00",
    "updated_at": "2026-01-01T00:00:00+00:00", "superseded_at": None, "last_used_at": None, "origin": "user_input",
    "source": {"conversation_id": "", "message_ids": [], "turn_id": None, "role": "user", "name": None},
    "tags": [], "entities": [], "scope": "private", "ttl_s": None, "sensitivity": [], "supersedes": [],
    "derived_from": [], "fact": {"subject": "tea", "attribute": "is", "value": "green", "single": True,
                                 "profile": False},
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"ttl_s": "abc"}, "ttl_s"),
        ({"ttl_s": 1e300}, "ttl_s"),
        ({"ttl_s": True}, "ttl_s"),
        ({"tags": [1]}, "tags"),
        ({"tags": "tag"}, "tags"),
        ({"version": 10**30}, "version"),
        ({"version": "1"}, "version"),
        ({"access_count": -1}, "access_count"),
        ({"recorded_at": None}, "recorded_at"),
        ({"valid_from": "0001-01-01T00:00:00+14:00"}, "valid_from"),
        ({"confirmed_at": "0001-01-01T00:00:00+14:00"}, "confirmed_at"),
        ({"pinned": "yes"}, "pinned"),
        ({"text": 3}, "text"),
        ({"source": {**CUBE["source"], "message_ids": [1]}}, "message_ids"),
        ({"source": {**CUBE["source"], "name": 1}}, "source.name"),
        ({"source": None}, "source"),
        ({"fact": {"subject": 1, "attribute": 2, "value": 3}}, "fact.subject"),
        ({"fact": {**CUBE["fact"], "single": 1}}, "single"),
        ({"kind": "new"}, None),
    ],
)
def test_an_import_of_another_form_is_400_that_names_row_and_field(proxy, change, param):
    rows = [{"object": "memos.export", "format": 1}, CUBE | {"id": "mem_0"}, CUBE | change]
    reply = proxy.raw("\n".join(map(json.dumps, rows)).encode(), "/v1/memory/import")
    error = error_of(reply)
    assert reply.status == 400
    assert error["param"] == param
    assert "Row 3" in error["message"]
    assert (param or "kind").rpartition(".")[2] in error["message"].lower()


def test_an_import_of_the_right_form_is_taken(proxy):
    taken = proxy.raw(json.dumps(CUBE | {"ttl_s": 1e9}).encode(), "/v1/memory/import")
    assert taken.json()["imported"]["cubes"] == 1


# Answers


def test_another_memorys_headers_are_dropped(proxy, upstream):
    upstream.script = whole(b'{"choices": []}', x_memory_status="theirs", X_Memory_Odd="1", x_kept="1")
    for headers in ({}, {"X_Memory": "off"}):
        reply = proxy.chat(headers=headers)
        reply.read()
        assert reply.headers["x-memory-status"] in ("on", "off")
        assert "x-memory-odd" not in reply.headers
        assert reply.headers["x-kept"] == "1"
    models = proxy.raw(b"", "/v1/models", "GET")
    models.read()
    assert "x-memory-status" not in models.headers


def test_a_browser_may_read_every_header_of_memory(proxy):
    reply = proxy.chat(headers={"Origin": "http://app"})
    reply.read()
    exposed = {name.strip() for name in reply.headers["access-control-expose-headers"].split(",")}
    spoken = {name for name in reply.headers if name.startswith("x-memory")}
    assert spoken == set(MEMORY_HEADERS) <= exposed


def test_users_have_salts_of_their_own_that_nobody_can_guess(tmp_path, upstream):
    """A caller who could name another's salt could ask the shared cache what the other said."""

    def shared(_parts):
        return {"backend": registry.backends().create("upstream", base_url=upstream.url, shares_cache=True)}

    salts: dict[str, set[str]] = {}
    proxy = Proxy(tmp_path / "a", upstream.url, parts=shared)
    keys = [proxy.parts.store.keys.create(name) for name in ("ada", "ben")]
    for key in keys:
        for memory in ("on", "off"):
            proxy.chat(headers={"authorization": f"Bearer {key.key}", "X_Memory": memory}, cache_salt="mine").read()
            salts.setdefault(key.record.user, set()).add(upstream.requests[-1].json["cache_salt"])
    proxy.close()
    (ada, one), (ben, two) = salts.items()
    assert len(one) == len(two) == 1
    assert one != two
    assert not {ada, ben, "mine"} & (one | two)
    elsewhere = Proxy(tmp_path / "b", upstream.url, parts=shared)
    there = elsewhere.parts.authenticator.cache_salt(Identity(user=ada, key_id=""))
    elsewhere.close()
    assert there not in one, "without the folder's secret it cannot be computed"


# Receipts, the log, what is counted


async def test_one_receipt_that_cannot_be_written_costs_no_other(proxy):
    notes = Notes(proxy.parts.store.receipts, lambda *_: None)

    def fails():
        raise ZeroDivisionError

    for name, receipt in (("a", dict), ("b", lambda: {"half": "\ud83d"}), ("c", fails), ("d", dict)):
        notes.take(Note(Scope(user="u"), name, receipt, ()))
    await notes.written()
    await asyncio.sleep(0)
    with proxy.parts.store.connections.read() as connection:
        rows = connection.execute("SELECT request_id FROM receipts WHERE user = 'u' ORDER BY request_id").fetchall()
    assert [row[0] for row in rows] == ["a", "d"]


def test_half_a_character_in_the_models_name_costs_no_receipt(proxy):
    reply = proxy.raw(b'{"model": "\\ud83d", "messages": [{"role": "user", "name": "\\ud83d", "content": "Hi"}]}')
    reply.read()
    assert reply.status == 200
    assert proxy.receipt(reply)["model"] == "\ufffd"


@pytest.mark.parametrize("sign", ["\n", "\r", "\x1b", "\x85", "\u2028", "\u202e", "\ud83d"])
def test_nothing_a_caller_sends_begins_a_line_of_the_log(sign):
    record = logging.LogRecord("proxy.access", logging.INFO, __file__, 1, f"a{sign}b", None, None)
    record.fields = {"path": f"/v1/x{sign}2026-01-01 INFO FORGED", "model": 'm status=200 "x"'}
    text = _Text("%(message)s").format(record)
    assert sign not in text
    assert len(text.splitlines()) == 1
    assert text.endswith(' model="m status=200 \\"x\\""')
    assert json.loads(_Json().format(record))["path"].startswith("/v1/x")


def test_the_counters_are_told_by_route_and_never_by_path(proxy):
    proxy.chat().read()
    proxy.raw(b"", "/v1/x%22%0Aforged", "GET").read()
    proxy.raw(b"", "/v1/memory/cubes/nothing", "GET").read()
    text = proxy.raw(b"", "/metrics", "GET", authorization="").read().decode()
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert int(lines[f'memos_requests_total{{route="{CHAT}",status="200"}}']) >= 1
    assert int(lines['memos_requests_total{route="/v1/memory/cubes/{cube_id}",status="404"}']) >= 1
    assert int(lines['memos_requests_total{route="unmatched",status="404"}']) >= 1
    assert int(lines['memos_chats_total{memory="on",write="queued"}']) >= 1
    assert "forged" not in text


def test_chat_is_on_the_openapi_page(proxy):
    document = proxy.raw(b"", "/openapi.json", "GET").json()
    chat = document["paths"][CHAT]["post"]
    assert chat["requestBody"]["content"]["application/json"]["example"]["messages"]
    assert {"X-Memory", "X-Memory-User-Id"} <= {parameter["name"] for parameter in chat["parameters"]}
    assert set(chat["responses"]["200"]["headers"]) == set(MEMORY_HEADERS)
    assert document["components"]["schemas"]["Error"]


# The page that documents all this


def test_the_page_loads_everything_from_here(proxy):
    """Without a network it is not blank, and with one it tells nobody who reads it."""
    page = proxy.raw(b"", "/docs", "GET", authorization="").read().decode()
    wanted = re.findall(r"""(?:src|href)=["']([^"']+)["']|url: '([^']+)'""", page)
    paths = [path for found in wanted for path in found if path]
    assert len(paths) == 4
    for path in paths:
        assert path.startswith("/"), path
        reply = proxy.raw(b"", path, "GET", authorization="")
        content = reply.read()
        assert (reply.status, bool(content)) == (200, True), path
        if path.endswith(".css"):
            assert not re.findall(rb"@import|url\([\"']?http", content)
    assert '"validatorUrl": null' in page


def test_the_document_says_which_key_opens_what_and_knows_no_error_of_the_framework(proxy):
    document = proxy.raw(b"", "/openapi.json", "GET", authorization="").json()
    schemes = document["components"]["securitySchemes"]
    assert (schemes["key"]["scheme"], schemes["memory_key"]["name"]) == ("bearer", "X-Memory-Key")
    assert {name for choice in document["security"] for name in choice} == set(schemes)
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert ("security" in operation) == (path in OPEN), path
            assert "422" not in operation["responses"]
    assert "ValidationError" not in json.dumps(document)


def test_the_address_itself_says_where_to_go(proxy):
    found = proxy.raw(b"", "/", "GET", authorization="", host=f"127.0.0.1:{proxy.port}").json()
    assert found["base_url"] == f"{proxy.url}/v1"
    for path in (found["docs"], found["health"]):
        reply = proxy.raw(b"", path.removeprefix(proxy.url), "GET", authorization="")
        assert reply.read()
        assert reply.status == 200
    reply = proxy.raw(b"", "/", "GET", authorization="", host="a<b>.example", accept="text/html,*/*;q=0.8")
    page = reply.read().decode()
    assert reply.headers["content-type"].startswith("text/html")
    assert "<b>" not in page

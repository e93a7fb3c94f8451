"""Every error of every route has OpenAI's shape, says what to do, and stops retries that cannot help."""

import json
import logging

import orjson
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.testclient import TestClient

from memory import errors as faults
from memory.errors import EngineDown, Invalid, MemoryFault, NotFound, QueueFull
from memory.turn import Controls, Mode
from proxy.controls import ControlReader, allowed_mode, header_map
from proxy.error_pages import install
from proxy.errors import fault_body, fault_headers, fault_status
from proxy.identity import Identity, Unauthenticated
from proxy.telemetry import _Json, _Text
from proxy.wire import RequestHeaders, dump_object, parse_object, returned


class Body(BaseModel):
    text: str
    top_k: int


def app() -> FastAPI:
    made = FastAPI()
    install(made)

    @made.get("/fault/{name}")
    def fault(name: str):
        raise {cls.__name__: cls for cls in every_fault()}[name]

    @made.get("/mistake")
    def mistake():
        raise ZeroDivisionError("/secret/path")

    @made.get("/http/{status}")
    def http(status: int):
        raise HTTPException(status, "Because.")

    @made.post("/body")
    def body(body: Body):
        return body

    return made


def every_fault() -> list[type[MemoryFault]]:
    found, todo = [], [MemoryFault]
    while todo:
        cls = todo.pop()
        found.append(cls)
        todo += cls.__subclasses__()
    return found


CLIENT = TestClient(app(), raise_server_exceptions=False)


def assert_shape(response):
    error = response.json()["error"]
    assert set(response.json()) == {"error"}
    assert set(error) == {"message", "type", "param", "code"}
    assert isinstance(error["message"], str)
    assert error["message"]
    assert isinstance(error["type"], str)
    assert response.headers["content-type"] == "application/json"
    return error


@pytest.mark.parametrize("cls", every_fault(), ids=lambda cls: cls.__name__)
def test_every_fault_has_a_place_in_the_table(cls):
    response = CLIENT.get(f"/fault/{cls.__name__}")
    assert_shape(response)
    assert response.status_code >= 400
    assert (response.status_code >= 500) == (
        cls in {MemoryFault, faults.EngineMissing} or (issubclass(cls, faults.Unavailable) and cls is not QueueFull)
    )


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (Unauthenticated(), 401, "invalid_api_key"),
        (NotFound("No such model.", code="model_not_found"), 404, "model_not_found"),
        (Invalid("Too large.", code="request_too_large"), 413, "request_too_large"),
        (faults.Stale(), 409, "version_conflict"),
        (faults.Refused(), 403, "permission_denied"),
        (QueueFull(), 429, "rate_limit_exceeded"),
        (EngineDown(), 502, "upstream_unavailable"),
        (EngineDown(code="upstream_timeout"), 504, "upstream_timeout"),
        (faults.VaultLocked(), 503, "vault_locked"),
        (faults.EngineMissing(), 501, "engine_missing"),
        (MemoryFault(), 500, "internal_error"),
    ],
)
def test_status_and_code(fault, status, code):
    assert fault_status(fault) == status
    assert orjson.loads(fault_body(fault))["error"]["code"] == code
    stops = (b"x-should-retry", b"false") in fault_headers(fault)
    assert stops == (status in {400, 401, 403, 404, 409, 413, 501})


def test_a_full_queue_says_when_to_come_back():
    assert (b"retry-after", b"3") in fault_headers(QueueFull(retry_after_s=2.2))


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("POST", "/mistake", 405), ("GET", "/http/418", 418), ("GET", "/http/503", 503)],
)
def test_the_frameworks_own_errors(method, path, status):
    response = CLIENT.request(method, path)
    assert_shape(response)
    assert response.status_code == status


@pytest.mark.parametrize("body", [{}, {"text": 1, "top_k": 1}, {"text": "a", "top_k": "many"}, [], None])
def test_a_body_that_does_not_fit_is_a_400_and_names_the_field(body):
    response = CLIENT.post("/body", json=body)
    assert_shape(response)
    assert response.status_code == 400
    assert response.headers["x-should-retry"] == "false"


def test_the_field_is_named():
    error = assert_shape(CLIENT.post("/body", json={"text": "a", "top_k": "many"}))
    assert error["param"] == "top_k"
    assert error["message"].startswith("top_k: ")


def test_a_mistake_in_the_program_tells_nothing_about_itself():
    response = CLIENT.get("/mistake")
    assert response.status_code == 500
    assert "secret" not in assert_shape(response)["message"]


# Controls

READER = ControlReader(default_mode="on", conversation_headers=["X-Memory-Conversation-Id", "X-Chat"])


def controls(**headers: str) -> Controls:
    return READER.read(header_map([(k.replace("_", "-").lower().encode(), v.encode()) for k, v in headers.items()]))


def test_controls_are_read():
    read = controls(
        X_Memory=" Read-Only ",
        X_Memory_Budget="250",
        X_Memory_Policy="lru",
        X_Memory_As_Of="2026-03-14T09:00:00+02:00",
        X_Memory_Task="title",
        X_Chat="second",
        X_Stainless_Retry_Count="1",
    )
    assert read.mode is Mode.READ_ONLY
    assert (read.budget_tokens, read.policy, read.task, read.conversation_id) == (250, "lru", "title", "second")
    assert read.as_of.isoformat() == "2026-03-14T07:00:00+00:00"
    assert read.retry
    assert controls() == Controls()
    assert controls(X_Memory_As_Of="2026-03-14").as_of.isoformat() == "2026-03-14T00:00:00+00:00"
    assert controls(X_Memory_Conversation_Id="first", X_Chat="second").conversation_id == "first"


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("X_Memory", "of"), ("X_Memory", ""), ("X_Memory_Budget", "-1"), ("X_Memory_Budget", "1e3"),
        ("X_Memory_Budget", "٣"), ("X_Memory_Budget", "99999999"), ("X_Memory_As_Of", "yesterday"),
        ("X_Memory_As_Of", "0001-01-01T00:00:00+14:00"), ("X_Memory_Policy", "x" * 600),
    ],
)  # fmt: skip
def test_what_cannot_be_read_names_its_header(header, value):
    with pytest.raises(Invalid) as caught:
        controls(**{header: value})
    assert caught.value.param.lower() == header.lower().replace("_", "-")


@given(st.binary(max_size=60), st.sampled_from([b"x-memory", b"x-memory-budget", b"x-memory-as-of", b"x-chat"]))
def test_no_header_bytes_can_break_the_reader(value, name):
    try:
        READER.read({name: value})
    except Invalid:
        return


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("may_read", [True, False])
@pytest.mark.parametrize("may_write", [True, False])
def test_a_key_limits_what_memory_may_do(mode, may_read, may_write):
    identity = Identity(user="u", key_id="k", may_read=may_read, may_write=may_write)
    allowed = allowed_mode(Controls(mode=mode), identity)
    assert allowed.reads == (mode.reads and may_read)
    assert allowed.writes == (mode.writes and may_write)
    assert allowed_mode(Controls(mode=mode, task="tags"), identity) is Mode.OFF


# JSON and headers on the wire


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        ),
        max_size=4,
    )
)
def test_json_survives_being_read_and_written(value):
    assert json.loads(dump_object(parse_object(json.dumps(value).encode()))) == value


def test_large_integers_and_half_emoji_survive():
    body = b'{"seed":123456789012345678901234567890,"half":"\\ud83d","n":-9223372036854775809}'
    assert json.loads(dump_object(parse_object(body))) == json.loads(body)


@given(st.lists(st.tuples(st.sampled_from([b"x-memory", b"x-memory-key", b"x-user", b"cookie", b"x-a"]), st.binary())))
def test_no_header_of_memory_ever_leaves(headers):
    sent = RequestHeaders(["X-User"]).forwarded(headers, None)
    assert {name for name, _ in sent} <= {b"x-a", b"accept-encoding"}


def test_headers_that_a_connection_declares_as_its_own_stay_with_it():
    assert returned([(b"Connection", b"close, X-Own"), (b"X-Own", b"1"), (b"X-Other", b"2")]) == [(b"x-other", b"2")]


# The log


def test_log_lines_are_one_line_of_json_or_text_with_their_fields():
    record = logging.LogRecord("proxy.access", logging.INFO, __file__, 1, "request", None, None)
    record.fields = {"status": 200, "model": "m"}
    line = json.loads(_Json().format(record))
    assert (line["message"], line["status"], line["level"]) == ("request", 200, "info")
    assert _Text("%(message)s").format(record) == "request status=200 model=m"

"""The memory API over a real port and a real vault: every call is about the caller's own memory and nobody else's."""

import json
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import uvicorn
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from config.settings import load
from memory.cube import Kind, State
from memory.turn import Scope, TurnState
from memory.vault import VaultFiles, open_vault
from proxy.app import create_app
from proxy.compose import compose
from proxy.memory_turns import turn_records
from proxy.memory_wire import TurnMessage

SCOPE = Scope(user="u")


class Api:
    """One caller of a running server."""

    def __init__(self, url: str, key: str) -> None:
        self.http = httpx.Client(base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=60)

    def __call__(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        return self.http.request(method, f"/v1/memory{path}", json=body, **more)

    def ok(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        answer = self(method, path, body, **more)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    def keep(self, conversation_id: str, *messages: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
        body = {"conversation_id": conversation_id, "messages": messages, "wait": True, **more}
        return self.ok("POST", "/turns", body)["data"]

    def texts(self, query: str, **more: Any) -> list[str]:
        return [cube["text"] for cube in self.ok("POST", "/search", {"query": query, **more})["data"]]


class Running:
    """A server and its data folder."""

    def __init__(self, url: str, files: VaultFiles) -> None:
        self.url, self.files = url, files

    def caller(self, **options: Any) -> Api:
        return Api(self.url, self.files.keys.create("test", **options).key)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("data")
    flags = {"data.dir": str(folder), "backend.kind": "echo", "embedder.kind": "none"}
    app = create_app(compose(load(None, flags, {}).settings))
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    files = open_vault(folder, clock=lambda: datetime.now(UTC), busy_timeout_ms=5000)
    yield Running(f"http://127.0.0.1:{listener.getsockname()[1]}", files)
    server.should_exit = True
    thread.join()
    files.close()


@pytest.fixture
def api(running: Running) -> Api:
    return running.caller()


@pytest.fixture
def gateway(running: Running) -> Api:
    return running.caller(assert_users=True)


def said(text: str, **more: Any) -> dict[str, Any]:
    return {"role": "user", "content": text, **more}


def message_of(answer: httpx.Response) -> dict[str, Any]:
    error = answer.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    return error


# Turns


def test_kept_turns_are_found_with_the_ids_that_were_given(api: Api) -> None:
    kept = api.keep(
        "c1",
        said("I adopted a tortoise called Shelly.", id="m1", created_at="2026-03-01T10:00:00Z"),
        {"role": "assistant", "content": "Tortoises live long.", "id": "m2", "created_at": "2026-03-01T10:00:05Z"},
        said("She eats dandelions.", id="m3", created_at="2026-03-01T10:01:00Z"),
    )
    assert [turn["message_ids"] for turn in kept] == [["m1", "m2"], ["m3"]]
    assert {turn["state"] for turn in kept} <= {"stored", "empty"}
    found = api.ok("POST", "/search", {"query": "tortoise Shelly", "top_k": 5})
    assert found["object"] == "list"
    assert found["has_more"] is False
    assert 0 <= found["sufficiency"] <= 1
    sources = [cube["source"] for cube in found["data"] if "Shelly" in cube["text"]]
    assert any("m1" in source["message_ids"] and source["conversation_id"] == "c1" for source in sources)
    cube = next(cube for cube in found["data"] if "Shelly" in cube["text"])
    assert cube["valid_from"].startswith("2026-03-01T10:00:00")
    assert cube["object"] == "memory.cube"
    assert cube["score"] is not None


def test_sending_the_same_turns_again_changes_nothing(api: Api) -> None:
    messages = [said("I play the bassoon.", created_at="2026-03-01T10:00:00Z"), said("I play the bassoon.")]
    first = api.keep("c1", *messages)
    cubes = api.ok("GET", "/cubes?limit=100")["data"]
    assert [turn["id"] for turn in api.keep("c1", *messages)] == [turn["id"] for turn in first]
    assert api.ok("GET", "/cubes?limit=100")["data"] == cubes
    assert len({turn["id"] for turn in first}) == 2


def test_without_wait_the_states_say_what_is_on_its_way_and_a_search_waits_for_it(api: Api) -> None:
    body = {"conversation_id": "c", "messages": [said("My umbrella is vermilion.")]}
    (turn,) = api.ok("POST", "/turns", body)["data"]
    assert turn["state"] in [state.value for state in TurnState]
    assert any("vermilion" in text for text in api.texts("umbrella"))


def test_a_thousand_messages_are_kept_in_one_call(api: Api) -> None:
    messages = [
        said(f"Shelf {number} holds the jar number {number * 7919}.", id=f"m{number}") for number in range(1000)
    ]
    kept = api.keep("pantry", *messages)
    assert len(kept) == 1000
    assert {turn["state"] for turn in kept} == {"stored"}
    assert any(str(321 * 7919) in text for text in api.texts(f"jar number {321 * 7919}"))


@hypothesis_settings(deadline=None)
@given(
    st.lists(
        st.builds(
            TurnMessage,
            role=st.sampled_from(["user", "assistant", "system", "tool"]),
            content=st.sampled_from(["", " ", "a", "b"]) | st.text(st.characters(exclude_categories=["Cs"])),
            id=st.none() | st.sampled_from(["m1", "m2"]),
        ),
        max_size=12,
    )
)
def test_every_spoken_message_is_in_exactly_one_turn_in_order(messages: list[TurnMessage]) -> None:
    records = turn_records(SCOPE, "c", messages)
    spoken = [m.text for m in messages if m.role in ("user", "assistant") and m.text.strip()]
    assert [message.text for record in records for message in record.messages] == spoken
    assert all(record.messages for record in records)
    assert all(message.role == "assistant" for record in records for message in record.messages[1:])
    assert len({record.turn_hash for record in records}) == len(records)
    assert records == turn_records(SCOPE, "c", messages)


def test_only_text_parts_of_a_message_are_kept() -> None:
    parts = [
        {"type": "text", "text": "a"},
        {"type": "image_url", "image_url": {"url": "data:"}},
        {"type": "text", "text": "b"},
    ]
    (record,) = turn_records(SCOPE, "c", [TurnMessage.model_validate({"role": "user", "content": parts})])
    assert record.messages[0].text == "a\nb"


# Cubes


def test_a_cube_lives_through_all_its_calls(api: Api) -> None:
    answer = api(
        "POST", "/cubes", {"text": "Answer in British English.", "semantic_type": "preference", "tags": ["style"]}
    )
    assert answer.status_code == 201
    cube = answer.json()
    assert (cube["version"], cube["semantic_type"], cube["tags"], cube["pinned"]) == (1, "preference", ["style"], False)
    assert cube["state"] in [state.value for state in State]
    assert cube["kind"] in [kind.value for kind in Kind]
    changed = api.ok("PATCH", f"/cubes/{cube['id']}", {"text": "Answer in Scots.", "pinned": True, "version": 1})
    assert (changed["version"], changed["text"], changed["pinned"], changed["tags"]) == (
        2,
        "Answer in Scots.",
        True,
        ["style"],
    )
    whole = api.ok("GET", f"/cubes/{cube['id']}")
    assert [version["text"] for version in whole["history"]] == ["Answer in British English.", "Answer in Scots."]
    assert whole["content_hash"] == changed["content_hash"] != cube["content_hash"]
    assert api.texts("Scots") == ["Answer in Scots."]
    assert api.ok("DELETE", f"/cubes/{cube['id']}") == {
        "id": cube["id"],
        "object": "memory.cube.deleted",
        "deleted": True,
    }
    assert api("GET", f"/cubes/{cube['id']}").status_code == 404
    assert api.texts("Scots") == []


def test_a_wrong_state_is_told_the_right_ones_as_they_are_sent(api: Api) -> None:
    cube = api.ok("POST", "/cubes", {"text": "The door code is 1111."})
    answer = api("PATCH", f"/cubes/{cube['id']}", {"state": "asleep", "version": 1})
    assert answer.status_code == 400
    assert "'frozen'" in message_of(answer)["message"]
    assert "<" not in message_of(answer)["message"]


def test_a_change_of_a_stale_version_is_refused_and_changes_nothing(api: Api) -> None:
    cube = api.ok("POST", "/cubes", {"text": "The door code is 1111."})
    api.ok("PATCH", f"/cubes/{cube['id']}", {"text": "The door code is 2222.", "version": 1})
    answer = api("PATCH", f"/cubes/{cube['id']}", {"text": "The door code is 3333.", "version": 1})
    assert answer.status_code == 409
    assert message_of(answer)["code"] == "version_conflict"
    assert api.ok("GET", f"/cubes/{cube['id']}")["text"] == "The door code is 2222."


def test_cubes_are_paged_newest_first_without_gaps(api: Api) -> None:
    made = [api.ok("POST", "/cubes", {"text": f"Note {number}."})["id"] for number in range(7)]
    seen: list[str] = []
    after = ""
    while True:
        page = api.ok("GET", f"/cubes?limit=3{after}")
        seen += [cube["id"] for cube in page["data"]]
        if not page["has_more"]:
            break
        after = f"&after={seen[-1]}"
    assert seen == made[::-1]


def test_cubes_can_be_filtered(api: Api) -> None:
    api.ok("POST", "/cubes", {"text": "One.", "semantic_type": "preference", "pinned": True})
    api.ok("POST", "/cubes", {"text": "Two.", "semantic_type": "event"})
    assert [c["text"] for c in api.ok("GET", "/cubes?pinned=true")["data"]] == ["One."]
    assert [c["text"] for c in api.ok("GET", "/cubes?semantic_type=event&semantic_type=fact")["data"]] == ["Two."]


def test_secrets_are_redacted_in_what_is_written_by_hand(api: Api) -> None:
    secret = f"sk-proj-{uuid.uuid4().hex}"
    cube = api.ok("POST", "/cubes", {"text": f"The API key is {secret}."})
    assert secret not in cube["text"]
    changed = api.ok("PATCH", f"/cubes/{cube['id']}", {"text": f"The API key was {secret}.", "version": 1})
    assert secret not in changed["text"]


# Whose memory it is


def test_other_peoples_ids_look_as_if_they_did_not_exist(running: Running) -> None:
    ada, ben = running.caller(), running.caller()
    cube = ada.ok("POST", "/cubes", {"text": "Ada's secret recipe."})
    for method, body in (("GET", None), ("PATCH", {"text": "x", "version": 1}), ("DELETE", None)):
        theirs, none = ben(method, f"/cubes/{cube['id']}", body), ben(method, "/cubes/nope", body)
        assert theirs.status_code == none.status_code == 404
        assert theirs.text.replace(cube["id"], "nope") == none.text
    assert ben.texts("recipe") == []
    assert ben.ok("GET", "/cubes")["data"] == []
    assert ben("POST", "/erase", {"ids": [cube["id"]]}).status_code == 404
    assert ada.texts("recipe") == ["Ada's secret recipe."]


def test_a_receipt_of_nobody_is_404(api: Api) -> None:
    assert api("GET", "/requests/nope").status_code == 404


users = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


@given(st.lists(users, min_size=2, max_size=3, unique=True))
@hypothesis_settings(max_examples=25, deadline=None)
def test_asserted_users_of_any_alphabet_are_kept_apart(running: Running, names: list[str]) -> None:
    gateway = running.caller(assert_users=True)
    for number, user in enumerate(names):
        gateway.ok("POST", "/cubes", {"user": user, "text": f"Locker {number}."})
    for number, user in enumerate(names):
        assert gateway.texts("locker", user=user) == [f"Locker {number}."]
        by_query = gateway.ok("GET", "/cubes", params={"user": user})["data"]
        assert [cube["text"] for cube in by_query] == [f"Locker {number}."]
    assert gateway.ok("GET", "/cubes")["data"] == [], "the key's own user is somebody else"


def test_a_header_names_the_user_too_and_two_names_are_400(gateway: Api) -> None:
    gateway.ok("POST", "/cubes", {"text": "In a header."}, headers={"X-Memory-User-Id": "zoë".encode()})
    assert gateway.texts("header", user="zoë") == ["In a header."]
    answer = gateway("POST", "/search", {"query": "x", "user": "a"}, headers={"X-Memory-User-Id": "b"})
    assert answer.status_code == 400
    assert gateway("POST", "/search?user=a", {"query": "x", "user": "b"}).status_code == 400


def test_a_plain_key_may_not_name_a_user(api: Api) -> None:
    for answer in (
        api("POST", "/erase", {"user": "bob"}),
        api("GET", "/cubes", params={"user": "bob"}),
        api("GET", "/cubes", headers={"X-Memory-User-Id": "bob"}),
    ):
        assert answer.status_code == 403
        assert message_of(answer)["code"] == "user_not_allowed"


def test_a_refused_user_is_told_by_which_header_it_was_named(api: Api) -> None:
    """Web interfaces send such headers by themselves."""
    error = message_of(api("GET", "/cubes", headers={"X-OpenWebUI-User-Id": "bob"}))
    assert "X-OpenWebUI-User-Id" in error["message"]
    assert error["param"] == "X-OpenWebUI-User-Id"


@pytest.mark.parametrize("kind", [None, "application/x-www-form-urlencoded", "text/plain", "multipart/form-data"])
def test_a_body_is_json_whatever_it_is_called(api: Api, kind: str | None) -> None:
    """`curl -d` calls everything a form."""
    headers = {} if kind is None else {"content-type": kind}
    found = api.http.post("/v1/memory/search", content=b'{"query": "caf\xc3\xa9"}', headers=headers)
    assert found.status_code == 200, found.text
    refused = api.http.post("/v1/memory/search", content=b"query=x", headers=headers)
    assert (refused.status_code, message_of(refused)["message"]) == (400, "The request's body is not valid JSON.")


def test_without_a_key_nothing_is_answered_whatever_the_body(running: Running) -> None:
    stranger = Api(running.url, "sk-wrong")
    for method, path in (
        ("POST", "/search"),
        ("GET", "/cubes"),
        ("POST", "/erase"),
        ("GET", "/export"),
        ("POST", "/import"),
    ):
        answer = stranger(method, path, {"bad": 1} if method == "POST" else None)
        assert answer.status_code == 401
        assert message_of(answer)["code"] == "invalid_api_key"


def test_a_key_without_the_scope_is_refused(running: Running) -> None:
    reader, writer = running.caller(scopes=["memory:read"]), running.caller(scopes=["memory:write"])
    assert reader("POST", "/cubes", {"text": "x"}).status_code == 403
    assert reader("POST", "/erase", {}).status_code == 403
    assert writer("POST", "/search", {"query": "x"}).status_code == 403
    assert writer("GET", "/export").status_code == 403


# Erasing and moving


def test_erasing_everything_is_reported_and_leaves_others_alone(running: Running) -> None:
    ada, ben = running.caller(), running.caller()
    for api in (ada, ben):
        api.keep("c", said("My ferret is called Biscuit."))
    assert ada.ok("POST", "/erase", {})
    assert ada.texts("ferret Biscuit") == []
    assert ada.ok("GET", "/cubes?include_superseded=true")["data"] == []
    assert ben.texts("ferret Biscuit")
    assert ben.http.post("/v1/memory/erase").status_code == 200, "no body is all that the user has"
    assert ben.texts("ferret Biscuit") == []


def test_erasing_some_leaves_the_rest(api: Api) -> None:
    one, two = (api.ok("POST", "/cubes", {"text": text})["id"] for text in ("Fig one.", "Fig two."))
    api.ok("POST", "/erase", {"ids": [one]})
    assert [cube["id"] for cube in api.ok("GET", "/cubes")["data"]] == [two]


def test_an_erasure_names_what_is_not_the_callers(running: Running) -> None:
    """A misspelt id must not read like an erasure that was verified; others' ids are like those of nobody."""
    api, other = running.caller(), running.caller()
    mine = api.ok("POST", "/cubes", {"text": "The piano is in the hall."})["id"]
    theirs = other.ok("POST", "/cubes", {"text": "The drum is in the loft."})["id"]
    for nobodys in ("mem_nope", "doc_nope", theirs):
        answer = api("POST", "/erase", {"ids": [nobodys]})
        assert (answer.status_code, nobodys in answer.json()["error"]["message"]) == (404, True)
    report = api.ok("POST", "/erase", {"ids": ["mem_nope", mine, theirs, "mem_nope"]})
    assert (report["cubes"], report["verified"], report["unknown"]) == (1, True, ["mem_nope", theirs])
    assert other.ok("GET", f"/cubes/{theirs}")["version"] == 1


def test_what_is_written_by_hand_is_in_the_graph_by_the_names_in_it(api: Api) -> None:
    """As what is said in a chat is; names that the caller gives stand instead, and a changed text has its own."""
    cube = api.ok("POST", "/cubes", {"text": "Bruno lives in Berlin and works at Siemens."})
    assert cube["entities"] == ["Bruno", "Berlin", "Siemens"]
    graph = api.ok("GET", "/graph?entity=siemens")
    assert [node["id"] for node in graph["nodes"] if node["object"] == "memory.cube"] == [cube["id"]]
    given = api.ok("POST", "/cubes", {"text": "He lives in Bern.", "entities": ["Bruno"]})
    assert given["entities"] == ["Bruno"]
    moved = api.ok("PATCH", f"/cubes/{cube['id']}", {"text": "Bruno lives in Madrid.", "version": 1})
    assert moved["entities"] == ["Bruno", "Madrid"]
    assert api.ok("PATCH", f"/cubes/{given['id']}", {"text": "He lives in Genoa.", "version": 1})["entities"] == [
        "Bruno", "Genoa"
    ]  # fmt: skip
    assert api.ok("GET", "/graph?entity=siemens")["edges"] == []


@pytest.mark.parametrize(
    ("path", "body", "param", "message"),
    [
        (
            "/search",
            {"query": "x", "topk": 3},
            "topk",
            "topk: Extra inputs are not permitted; did you mean top_k?",
        ),
        ("/cubes", {"text": "x", "zzz": 1}, "zzz", "zzz: Extra inputs are not permitted"),
        (
            "/search",
            {"top_k": 0, "kind": "plaintext"},
            "query",
            "query: Field required. top_k: Input should be greater than or equal to 1. "
            "kind: Extra inputs are not permitted; did you mean kinds?",
        ),
    ],
)
def test_misspelt_fields_are_told_what_may_have_been_meant(
    api: Api, path: str, body: dict[str, Any], param: str, message: str
) -> None:
    error = api("POST", path, body).json()["error"]
    assert (error["param"], error["message"]) == (param, message)


def test_a_misspelt_field_inside_another_is_told_too(api: Api) -> None:
    wish = {"where": {"tagz": ["a"], "tags": ["a"]}, "set": {"pined": True}}
    message = api("PATCH", "/cubes", wish).json()["error"]["message"]
    assert "where.tagz: Extra inputs are not permitted; did you mean tags?" in message
    assert "set.pined: Extra inputs are not permitted; did you mean pinned?" in message


def test_a_thousand_faults_are_not_all_named(api: Api) -> None:
    messages = [{"role": "nobody", "content": "x"}] * 1000
    message = api("POST", "/turns", {"conversation_id": "c", "messages": messages}).json()["error"]["message"]
    assert "messages.19.role" in message
    assert message.endswith(" And 980 more.")


def test_an_export_goes_into_another_users_memory_and_again_changes_nothing(running: Running) -> None:
    ada, ben = running.caller(), running.caller()
    ada.keep("c", said("My kayak is called Otter.", id="m1"))
    cube = ada.ok("POST", "/cubes", {"text": "The kayak hangs in the shed."})
    ada.ok("PATCH", f"/cubes/{cube['id']}", {"text": "The kayak lies in the yard.", "version": 1})
    export = ada("GET", "/export")
    lines = [json.loads(line) for line in export.text.splitlines()]
    assert lines[0]["object"] == "memos.export"
    assert export.headers["content-type"].startswith("application/x-ndjson")
    taken = ben.http.post("/v1/memory/import", content=export.content)
    assert taken.status_code == 200, taken.text
    assert any(taken.json()["imported"].values())
    wanted = sorted(ada.texts("kayak", top_k=50))
    assert sorted(ben.texts("kayak", top_k=50)) == wanted
    moved = next(c for c in ben.ok("GET", "/cubes")["data"] if "yard" in c["text"])
    assert len(ben.ok("GET", f"/cubes/{moved['id']}")["history"]) == 2
    assert ada.http.post("/v1/memory/import", content=export.content).status_code == 200
    assert sorted(ada.texts("kayak", top_k=50)) == wanted


@pytest.mark.parametrize(
    "body", [b"{nonsense", b'{"object": "memos.export", "format": 1}\n[1]\n', b'{"object": "?"}\n']
)
def test_an_import_that_is_none_is_400_and_takes_nothing(api: Api, body: bytes) -> None:
    answer = api.http.post("/v1/memory/import", content=body)
    assert answer.status_code == 400
    assert message_of(answer)["message"]
    assert api.ok("GET", "/cubes")["data"] == []


# The wire


@pytest.mark.parametrize(
    ("method", "path", "body", "param"),
    [
        ("POST", "/search", {"query": "x", "topk": 3}, "topk"),
        ("POST", "/search", {"query": "x", "top_k": 0}, "top_k"),
        ("POST", "/search", {"query": "x", "top_k": 101}, "top_k"),
        ("POST", "/search", {"query": ""}, "query"),
        ("POST", "/search", {"query": "x", "kinds": ["text"]}, "kinds.0"),
        ("POST", "/search", {"query": "x", "as_of": "yesterday"}, "as_of"),
        ("POST", "/turns", {"conversation_id": "c", "messages": []}, "messages"),
        (
            "POST",
            "/turns",
            {"conversation_id": "c", "messages": [{"role": "robot", "content": "x"}]},
            "messages.0.role",
        ),
        ("POST", "/cubes", {"text": ""}, "text"),
        ("PATCH", "/cubes/x", {"text": "without a version"}, "version"),
        ("PATCH", "/cubes/x", {"version": 1}, None),
        ("GET", "/cubes?limit=0", None, "limit"),
    ],
)
def test_what_cannot_be_used_is_400_that_names_it(
    api: Api, method: str, path: str, body: Any, param: str | None
) -> None:
    answer = api(method, path, body)
    assert answer.status_code == 400
    assert message_of(answer)["param"] == param


@pytest.mark.parametrize(("path", "body"), [("/transform", {"to": "parametric"})])
def test_what_waits_for_a_later_version_says_so(api: Api, path: str, body: dict[str, str]) -> None:
    answer = api("POST", path, body)
    assert answer.status_code == 501
    assert "not available in this version" in message_of(answer)["message"]


def test_the_openapi_page_has_every_call_with_examples(running: Running) -> None:
    document = httpx.get(f"{running.url}/openapi.json").json()
    calls = [call for path in document["paths"].values() for call in path.values()]
    assert all(call.get("summary") and call.get("description") for call in calls)
    schemas = document["components"]["schemas"]
    for name in ("TurnsRequest", "SearchRequest", "CubeRequest", "CubeChange", "EraseRequest", "Cube", "Turns"):
        assert "example" in schemas[name], name

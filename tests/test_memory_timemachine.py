"""The Time Machine over a real port: ways back, the journal, snapshots, what-if, replay, and the schema of a memory."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jsonschema
import pytest

from memory.cube import State
from proxy.memory_schema import DESCRIBED, GROUP, memcube_schema
from proxy.memory_wire import CubeWithHistory
from tests.proxy_rig import Proxy, Raw

SOON = 0.02


@dataclass
class Caller:
    """One user of a running proxy."""

    proxy: Proxy
    key: str

    def __call__(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        sent = b"" if body is None else json.dumps(body).encode()
        reply = self.proxy.raw(sent, f"/v1/memory{path}", method, authorization=f"Bearer {self.key}")
        answer = reply.json()
        return reply.status, answer

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        status, answer = self(method, path, body)
        assert status in (200, 201), answer
        return answer

    def error(self, method: str, path: str, body: Any = None) -> tuple[int, str]:
        status, answer = self(method, path, body)
        assert answer["error"].keys() == {"message", "type", "param", "code"}, answer
        return status, answer["error"]["code"]

    def tell(self, text: str, **more: Any) -> dict[str, Any]:
        return self.ok("POST", "/cubes", {"text": text, **more})

    def texts(self, query: str, **more: Any) -> list[str]:
        return [cube["text"] for cube in self.ok("POST", "/search", {"query": query, **more})["data"]]

    def chat(self, text: str, **headers: str) -> Raw:
        body = {"model": "m", "messages": [{"role": "user", "content": text}]}
        headers = {"authorization": f"Bearer {self.key}", **headers}
        reply = self.proxy.raw(json.dumps(body).encode(), **headers)
        reply.read()
        assert reply.status == 200
        return reply

    def receipt(self, reply: Raw) -> dict[str, Any]:
        return self.ok("GET", f"/requests/{reply.headers['x-memory-request-id']}")


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    running = Proxy(tmp_path_factory.mktemp("data"), "", **{"backend.kind": "echo"})
    yield running
    running.close()


@pytest.fixture
def ada(proxy: Proxy) -> Caller:
    return Caller(proxy, proxy.parts.store.keys.create("ada").key)


@pytest.fixture
def ben(proxy: Proxy) -> Caller:
    return Caller(proxy, proxy.parts.store.keys.create("ben").key)


def moment() -> str:
    """A time that lies between what was done before and what is done next."""
    time.sleep(SOON)
    now = datetime.now(UTC).isoformat()
    time.sleep(SOON)
    return now


def moved(caller: Caller) -> tuple[str, str]:
    """Somebody who lived in Lisbon and lives in Porto, and the times between."""
    caller.tell("The user lives in Lisbon.")
    first = moment()
    caller.tell("The user lives in Porto.")
    return first, moment()


# Back and forward


def test_a_rollback_and_the_way_forward_again(ada: Caller) -> None:
    first, second = moved(ada)
    back = ada.ok("POST", "/rollback", {"to": first})
    assert (back["object"], back["restored"]["count"], back["closed"]["count"]) == ("memory.rollback", 1, 1)
    assert ada.texts("Where do I live? lives") == ["The user lives in Lisbon."]
    forward = ada.ok("POST", "/rollback", {"to": second})
    assert forward["restored"]["count"] + forward["closed"]["count"] == 2
    assert ada.texts("Where do I live? lives") == ["The user lives in Porto."]
    undone = ada.ok("POST", "/undo", {"change": forward["change"]})
    assert undone["object"] == "memory.undo"
    assert ada.texts("Where do I live? lives") == ["The user lives in Lisbon."]


def test_a_way_back_to_now_changes_nothing_and_is_no_change(ada: Caller) -> None:
    moved(ada)
    back = ada.ok("POST", "/rollback", {"to": datetime.now(UTC).isoformat()})
    assert (back["change"], back["unchanged"]["count"]) == (None, 2)
    assert [each["operation"] for each in ada.ok("GET", "/changes")["data"]] == ["remember", "remember"]


def test_what_a_date_without_a_zone_is_told_to_be_works(ada: Caller) -> None:
    ada.tell("The user lives in Lisbon.")
    status, answer = ada("POST", "/rollback", {"to": "2026-01-02"})
    assert (status, answer["error"]["code"]) == (400, "invalid_time")
    form = answer["error"]["message"].rpartition(" ")[2].removesuffix(".")
    assert form == "2026-01-02T00:00:00Z"
    assert ada.ok("POST", "/rollback", {"to": form})["closed"]["count"] == 1


def test_what_was_said_in_chats_goes_back_too(ada: Caller) -> None:
    ada.chat("I live in Lisbon.")
    assert ada.texts("Where do I live?")
    first = moment()
    ada.chat("I moved to Porto.")
    assert any("Porto" in text for text in ada.texts("Where do I live? Porto"))
    ada.ok("POST", "/rollback", {"to": first})
    found = ada.texts("Where do I live? Porto Lisbon")
    assert any("Lisbon" in text for text in found)
    assert not any("Porto" in text for text in found)


def test_a_way_back_waits_for_what_was_said_before_it(ada: Caller) -> None:
    first = moment()
    messages = [{"role": "user", "content": "My umbrella is vermilion."}]
    ada.ok("POST", "/turns", {"conversation_id": "c", "messages": messages})
    ada.ok("POST", "/rollback", {"to": first})
    time.sleep(0.3)
    assert ada.texts("umbrella vermilion") == []


@pytest.mark.parametrize(
    ("to", "status", "code"),
    [
        ("yesterday", 404, "snapshot_not_found"),
        ("2026-01-01", 400, "invalid_time"),
        ("2026-01-01T10:00:00", 400, "invalid_time"),
        ("2026-13-45T10:00:00Z", 400, "invalid_time"),
        ("2999-01-01T10:00:00Z", 400, "future_time"),
        ("0001-01-01T00:00:00+14:00", 400, "invalid_time"),
    ],
)
def test_a_time_that_cannot_be_gone_to_is_told_so(ada: Caller, to: str, status: int, code: str) -> None:
    assert ada.error("POST", "/rollback", {"to": to}) == (status, code)
    assert ada.error("GET", f"/diff?from={quote(to)}") == (status, code)
    assert ada.error("GET", f"/changes?since={quote(to)}") == (status, code)


def test_a_plus_that_a_query_lost_is_understood(ada: Caller) -> None:
    moved(ada)
    assert ada.ok("GET", "/diff?from=2020-01-01T00:00:00+00:00")["counts"]["added"] == 1


# Undo


def test_undo_walks_back_and_an_undone_undo_is_a_redo(ada: Caller) -> None:
    moved(ada)
    first = ada.ok("POST", "/undo")
    assert ada.texts("lives") == ["The user lives in Lisbon."]
    ada.ok("POST", "/undo")
    assert ada.texts("lives") == []
    assert ada.error("POST", "/undo") == (404, "nothing_to_undo")
    newest = ada.ok("GET", "/changes?operation=undo")["data"]
    ada.ok("POST", "/undo", {"change": newest[0]["id"]})
    ada.ok("POST", "/undo", {"change": first["change"]})
    assert ada.texts("lives") == ["The user lives in Porto."]
    assert ada.error("POST", "/undo", {"change": first["change"]}) == (409, "undone_already")


def test_undoing_what_was_changed_since_says_by_what_and_what_to_do(ada: Caller) -> None:
    cube = ada.tell("Answer in English.")
    ada.ok("PATCH", f"/cubes/{cube['id']}", {"text": "Answer in Scots.", "version": 1})
    revised, told = ada.ok("GET", "/changes")["data"]
    status, answer = ada("POST", "/undo", {"change": told["id"]})
    assert (status, answer["error"]["code"]) == (409, "changed_since")
    assert revised["id"] in answer["error"]["message"]
    way = answer["error"]["message"].split('"to": "')[1].split('"')[0]
    ada.ok("POST", "/rollback", {"to": way})
    assert ada.texts("Answer") == []


def test_nobody_undoes_or_sees_somebody_elses_changes(ada: Caller, ben: Caller) -> None:
    moved(ada)
    change = ada.ok("GET", "/changes")["data"][0]["id"]
    assert ben.error("POST", "/undo", {"change": change}) == (404, "not_found")
    assert ben.error("GET", f"/changes?after={change}")[0] == 400
    assert ben.ok("GET", "/changes")["data"] == []
    ada.ok("POST", "/snapshots", {"name": "mine"})
    assert ben.error("POST", "/rollback", {"to": "mine"}) == (404, "snapshot_not_found")
    assert ben.error("DELETE", "/snapshots/mine")[0] == 404


# The journal, differences, snapshots


def test_the_journal_pages_and_filters(ada: Caller) -> None:
    first, _ = moved(ada)
    ada.ok("POST", "/rollback", {"to": first})
    whole = ada.ok("GET", "/changes")
    assert [each["operation"] for each in whole["data"]] == ["rollback", "remember", "remember"]
    assert whole["data"][0]["note"].startswith(first[:19])
    assert [(each["version_before"], each["version_after"]) for each in whole["data"][1]["cubes"]] == [(1, 2), (0, 1)]
    page = ada.ok("GET", "/changes?limit=1")
    assert page["has_more"]
    rest = ada.ok("GET", f"/changes?after={page['data'][-1]['id']}")
    assert [*page["data"], *rest["data"]] == whole["data"]
    assert [each["id"] for each in ada.ok("GET", f"/changes?until={quote(first)}")["data"]] == [whole["data"][2]["id"]]
    assert len(ada.ok("GET", f"/changes?since={quote(first)}&operation=remember")["data"]) == 1


def test_a_difference_tells_what_came_and_went_and_changed(ada: Caller) -> None:
    cube = ada.tell("Answer in English.")
    first, _ = moved(ada)
    ada.ok("PATCH", f"/cubes/{cube['id']}", {"text": "Answer in Scots.", "version": 1})
    found = ada.ok("GET", f"/diff?from={quote(first)}")
    assert [each["text"] for each in found["added"]] == ["The user lives in Porto."]
    assert [each["text"] for each in found["removed"]] == ["The user lives in Lisbon."]
    (changed,) = found["changed"]
    assert (changed["before"]["text"], changed["after"]["text"]) == ("Answer in English.", "Answer in Scots.")
    assert found["counts"] == {"added": 1, "removed": 1, "changed": 1}
    back = ada.ok("GET", f"/diff?from={quote(found['to'])}&to={quote(first)}&limit=1")
    assert [each["text"] for each in back["added"]] == ["The user lives in Lisbon."]


def test_a_snapshot_names_a_time_for_all_that_takes_one(ada: Caller) -> None:
    ada.tell("The user lives in Lisbon.")
    kept = ada.ok("POST", "/snapshots", {"name": "before / the move"})
    assert kept["object"] == "memory.snapshot"
    time.sleep(SOON)
    ada.tell("The user lives in Porto.")
    assert ada.error("POST", "/snapshots", {"name": "before / the move"}) == (409, "snapshot_exists")
    assert ada.error("POST", "/snapshots", {"name": "2026-03-14 evening"})[0] == 400
    assert ada.ok("GET", "/snapshots")["data"] == [kept]
    assert ada.ok("GET", f"/snapshots/{quote('before / the move', safe='')}") == kept
    assert ada.ok("GET", f"/diff?from={quote('before / the move')}")["counts"]["added"] == 1
    assert ada.ok("POST", "/rollback", {"to": "before / the move"})["to"] == kept["at"]
    assert ada.texts("lives") == ["The user lives in Lisbon."]
    ada.ok("DELETE", f"/snapshots/{quote('before / the move', safe='')}")
    assert ada.ok("GET", "/snapshots")["data"] == []


def test_erasing_takes_the_journal_and_the_snapshots_along(ada: Caller) -> None:
    moved(ada)
    ada.ok("POST", "/snapshots", {"name": "mine"})
    assert ada.ok("POST", "/erase", {})["verified"]
    assert ada.ok("GET", "/changes")["data"] == []
    assert ada.ok("GET", "/snapshots")["data"] == []


# What if


def test_a_chat_without_a_memory_is_answered_as_if_it_did_not_exist(ada: Caller) -> None:
    cube = ada.tell("The user lives in Porto.")
    other = ada.tell("The user has a cat called Tom.", pinned=True)
    whole = ada.receipt(ada.chat("Where do I live? Porto", x_memory="read-only"))
    assert set(whole["injected"]["ids"]) == {cube["id"], other["id"]}
    without = f"{cube['id']}, mem_nobody,,"
    receipt = ada.receipt(ada.chat("Where do I live? Porto", x_memory="read-only", x_memory_without=without))
    assert receipt["injected"]["ids"] == [other["id"]]
    assert receipt["without"] == [cube["id"], "mem_nobody"]
    line = next(each for each in receipt["candidates"] if each["cube_id"] == cube["id"])
    assert (line["block"], line["reason"]) == ("", "left out on request")
    said = next(each for each in receipt["stations"] if each["name"] == "what_if")
    assert said["detail"] == {"without": [cube["id"]], "unknown": ["mem_nobody"]}
    assert [line.rpartition(": ")[2] for line in receipt["warnings"]] == ["mem_nobody"]
    assert whole["warnings"] == []
    assert ada.texts("lives Porto", without=[cube["id"]]) == []


def test_what_a_fact_was_read_out_of_is_left_out_with_it(ada: Caller) -> None:
    """In a chat, in a replay and in a search, and the receipt says that it was."""
    told = ada.chat("I live in Lisbon.")
    assert ada.texts("Where do I live?")
    cubes = {cube["semantic_type"]: cube["id"] for cube in ada.ok("GET", "/cubes")["data"]}
    asked = ada.chat("Where do I live? Lisbon?", x_memory_without=cubes["fact"])
    receipt = ada.receipt(asked)
    assert receipt["injected"]["ids"] == []
    reasons = {line["cube_id"]: line["reason"] for line in receipt["candidates"] if not line["block"]}
    assert reasons[cubes["fact"]] == "left out on request"
    assert reasons[cubes["turn"]] == "made of what is left out, or the other way round"
    assert receipt["warnings"] == []
    replay = ada.ok("POST", f"/requests/{told.headers['x-memory-request-id']}/replay", {"without": [cubes["turn"]]})
    assert (sorted(replay["without"]["ids"]), replay["now"]["ids"]) == (sorted(cubes.values()), [])


def test_too_many_ids_to_leave_out_are_refused(ada: Caller) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
    without = ",".join(f"mem_{number}" for number in range(300))
    reply = ada.proxy.raw(json.dumps(body).encode(), authorization=f"Bearer {ada.key}", x_memory_without=without)
    assert (reply.json()["error"]["param"], reply.status) == ("X-Memory-Without", 400)


def test_a_replay_tells_what_would_be_brought_in_now_beside_what_was(ada: Caller) -> None:
    ada.tell("The user lives in Porto.")
    reply = ada.chat("Where do I live?")
    request_id = reply.headers["x-memory-request-id"]
    then = ada.receipt(reply)["injected"]["ids"]
    between = moment()
    changed = ada.tell("The user lives in Faro.")
    replay = ada.ok("POST", f"/requests/{request_id}/replay")
    assert "Porto" in replay["then"]["stable"]
    assert "Faro" in replay["now"]["stable"]
    assert (replay["then"]["ids"], replay["added"], replay["missing"]) == (then, [changed["id"]], then)
    wish = {"without": [changed["id"], "mem_nobody"]}
    replay = ada.ok("POST", f"/requests/{request_id}/replay", wish)
    assert replay["now"]["stable"] == ""
    assert replay["without"] == {"ids": [changed["id"]], "unknown": ["mem_nobody"]}
    replay = ada.ok("POST", f"/requests/{request_id}/replay", {"as_of": between})
    assert replay["now"] == replay["then"]
    assert ada.ok("GET", f"/cubes/{changed['id']}")["access_count"] == 0


def test_a_replay_needs_the_words(ada: Caller, ben: Caller) -> None:
    read = ada.chat("Where do I live?", x_memory="read-only").headers["x-memory-request-id"]
    assert ada.error("POST", f"/requests/{read}/replay") == (404, "turn_not_kept")
    assert ada.error("POST", "/requests/req_nobody/replay")[0] == 404
    kept = ada.chat("Where do I live?").headers["x-memory-request-id"]
    ada.ok("POST", f"/requests/{kept}/replay")
    assert ben.error("POST", f"/requests/{kept}/replay")[0] == 404


# The schema


def test_the_schema_describes_every_field_and_its_group(ada: Caller) -> None:
    schema = ada.ok("GET", "/schema")
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$id"] == "urn:memos-proxy:memcube:1"
    for name, model in schema["$defs"].items():
        for field, about in model.get("properties", {}).items():
            assert about.get("description"), f"{name}.{field} says nothing about itself"
            if name in ("Cube", "ExportedCube"):
                assert about.get(GROUP), f"{name}.{field} is in no group: give it one in proxy/memory_schema.py"
    assert {group for group, _ in DESCRIBED.values()} == {"payload", "descriptive", "governance", "behavioral", "time"}


def test_what_the_api_and_an_export_give_is_as_the_schema_says(ada: Caller) -> None:
    moved(ada)
    ada.tell("Answer in Scots.", semantic_type="preference", pinned=True, tags=["style"])
    ada.chat("I adopted a tortoise called Shelly.")
    found = ada.ok("POST", "/search", {"query": "lives Scots Shelly"})["data"]
    listed = ada.ok("GET", "/cubes?include_superseded=true")["data"]
    reply = ada.proxy.raw(b"", "/v1/memory/export", "GET", authorization=f"Bearer {ada.key}")
    rows = [row for row in map(json.loads, reply.read().splitlines()) if row["object"] == "memos.cube"]
    assert found
    assert len(rows) > len(listed) > 3
    schema = memcube_schema()
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    for each in (*found, *listed, *rows):
        validator.validate(each)
        model = schema["$defs"]["Cube" if each["object"] == "memory.cube" else "ExportedCube"]
        assert each.keys() <= model["properties"].keys()
    for each in (found[0], rows[0]):
        with pytest.raises(jsonschema.ValidationError):
            validator.validate({**each, "state": "lost"})
        with pytest.raises(jsonschema.ValidationError):
            validator.validate({**each, "version": None})
    whole = ada.ok("GET", f"/cubes/{listed[0]['id']}")
    assert CubeWithHistory.model_validate(whole).state in State


def test_a_far_past_is_before_everything(ada: Caller, tmp_path: Path) -> None:
    moved(ada)
    back = ada.ok("POST", "/rollback", {"to": (datetime.now(UTC) - timedelta(days=400)).isoformat()})
    assert back["closed"]["count"] + back["unchanged"]["count"] == 2
    assert ada.ok("GET", "/cubes")["data"] == []
    assert not list(tmp_path.iterdir())

"""The audit log, provenance and watermarks over HTTP: who may see what, and that nothing leaves without its mark."""

import json
import sqlite3

import pytest

from memory.cube import Origin, SemanticType, Source
from memory.governance import Governance
from memory.turn import Draft, Scope
from memory.watermark import Verdict
from tests.proxy_rig import Proxy, Upstream, answer


@pytest.fixture(scope="module")
def upstream():
    server = Upstream()
    yield server
    server.close()


@pytest.fixture
def proxy(tmp_path, upstream):
    upstream.script = answer("Noted.")
    running = Proxy(tmp_path, upstream.url)
    yield running
    running.close()


def call(proxy, method, path, body=None, key=None, **headers):
    sent = {} if key is None else {"authorization": f"Bearer {key}"}
    raw = proxy.raw(b"" if body is None else json.dumps(body).encode(), f"/v1/memory{path}", method, **sent, **headers)
    return raw.read_head().status, json.loads(raw.read())


def got(proxy, method, path, body=None, key=None):
    status, found = call(proxy, method, path, body, key)
    assert status < 300, found
    return found


def wrote(proxy, text, key=None, **more):
    return got(proxy, "POST", "/cubes", {"text": text, **more}, key)


def told(proxy, text):
    """Chat, and wait until it is remembered."""
    reply = proxy.chat(text)
    reply.read()
    proxy.wait_rows(lambda rows: rows and all(state in ("stored", "empty") for state, _, _ in rows))
    return reply


def operations(proxy, path="/log?limit=100", key=None):
    return [line["operation"] for line in got(proxy, "GET", path, key=key)["data"]]


def test_changes_and_reads_stand_in_the_callers_log_with_their_memories(proxy):
    cube = wrote(proxy, "The user likes tea.")
    got(proxy, "PATCH", f"/cubes/{cube['id']}", {"text": "The user likes green tea.", "version": 1})
    got(proxy, "GET", f"/cubes/{cube['id']}")
    got(proxy, "POST", "/search", {"query": "tea"})
    proxy.raw(b"", "/v1/memory/export", "GET").read()
    lines = got(proxy, "GET", "/log")["data"]
    assert [line["operation"] for line in lines] == ["export", "search", "read", "revise", "remember", "create_key"]
    assert {line["who"] for line in lines} == {proxy.scope.user}
    assert {line["key_id"] for line in lines} == {proxy.scope.key_id}
    assert [line["cubes"] for line in lines] == [1, 1, 1, 1, 1, 0]
    assert lines[3]["change"]["cubes"] == [{"id": cube["id"], "version_before": 1, "version_after": 2}]
    assert lines[0]["change"] is None
    assert [line["seq"] for line in lines] == sorted((line["seq"] for line in lines), reverse=True)


def test_running_a_pipeline_and_asking_a_past_request_again_are_reads(proxy):
    """Both give memories out; a rehearsal, which changes nothing, does so too."""
    wrote(proxy, "Apollo is go.", tags=["apollo"])
    wrote(proxy, "Apollo is back.", tags=["apollo"])
    got(proxy, "POST", "/pipelines/project-close/run", {"input": {"tag": "apollo"}, "dry_run": True})
    read, *_ = got(proxy, "GET", "/log")["data"]
    assert (read["operation"], read["cubes"], read["key_id"]) == ("read", 2, proxy.scope.key_id)
    got(proxy, "POST", "/pipelines/project-close/run", {"input": {"tag": "apollo"}})
    assert operations(proxy)[:3] == ["read", "pipeline", "read"]
    told(proxy, "My cat is called Minka.")
    reply = told(proxy, "What is my cat called?")
    before = len(operations(proxy))
    replayed = got(proxy, "POST", f"/requests/{reply.headers['x-memory-request-id']}/replay")
    assert replayed["now"]["ids"]
    lines = got(proxy, "GET", "/log?limit=100")["data"]
    assert len(lines) == before + 1
    assert lines[0]["operation"] == "read"
    assert lines[0]["cubes"] >= len(replayed["now"]["ids"])


def test_a_chat_that_brings_something_in_is_a_recall_and_its_receipt_a_read(proxy):
    told(proxy, "I live in Lisbon.")
    told(proxy, "My cat is called Minka.")
    reply = proxy.chat("Where do I live?")
    reply.read()
    proxy.receipt(reply)
    seen = operations(proxy)
    assert seen.count("recall") >= 1
    assert seen[0] == "read"
    recall = next(line for line in got(proxy, "GET", "/log")["data"] if line["operation"] == "recall")
    assert recall["cubes"] >= 1
    assert recall["kinds"] == ["plaintext"]


def test_with_reads_left_out_only_changes_are_logged(tmp_path, upstream):
    proxy = Proxy(tmp_path, upstream.url, **{"governance.audit_reads": False})
    try:
        wrote(proxy, "The user likes tea.")
        got(proxy, "POST", "/search", {"query": "tea"})
        assert operations(proxy) == ["remember", "create_key"]
    finally:
        proxy.close()


def test_a_locked_vault_costs_a_chat_nothing_and_the_log_no_line(proxy):
    told(proxy, "I live in Lisbon.")
    before = operations(proxy).count("recall")
    holder = sqlite3.connect(proxy.parts.store.connections.path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    reply = proxy.chat("Where do I live?")
    reply.read()
    assert reply.status == 200
    holder.execute("ROLLBACK")
    holder.close()
    assert operations(proxy).count("recall") == before + 1


def test_the_log_is_asked_by_time_operation_kind_and_key_and_paged(proxy):
    for number in range(5):
        wrote(proxy, f"Note number {number}.")
    lines = got(proxy, "GET", "/log?operation=remember")["data"]
    assert len(lines) == 5
    pages, after = [], ""
    while True:
        page = got(proxy, "GET", f"/log?operation=remember&limit=2{after}")
        pages += page["data"]
        if not page["has_more"]:
            break
        after = f"&after={page['data'][-1]['seq']}"
    assert pages == lines
    middle = lines[2]["at"].replace("+", "%2B")
    assert [line["seq"] for line in got(proxy, "GET", f"/log?since={middle}&operation=remember")["data"]] == [
        line["seq"] for line in lines[:3]
    ]
    assert [line["seq"] for line in got(proxy, "GET", f"/log?until={middle}&operation=remember")["data"]] == [
        line["seq"] for line in lines[3:]
    ]
    assert len(got(proxy, "GET", "/log?kind=plaintext&limit=100")["data"]) == 5
    assert got(proxy, "GET", "/log?kind=parametric")["data"] == []
    assert got(proxy, "GET", "/log?key_id=00000000")["data"] == []
    assert call(proxy, "GET", "/log?operation=wish")[0] == 400


def test_nobody_sees_anothers_lines(proxy):
    wrote(proxy, "The user likes tea.")
    keys = proxy.parts.store.keys
    other = keys.create("other").key
    assert operations(proxy, key=other) == ["create_key"]
    assert call(proxy, "GET", "/log?all=true", key=other)[0] == 403
    assert call(proxy, "GET", f"/log?user={proxy.scope.user}", key=other)[0] == 403
    writer = keys.create("writer", scopes=["memory:write"]).key
    assert call(proxy, "GET", "/log", key=writer)[0] == 403


def test_a_key_that_asserts_users_sees_the_lines_of_the_one_it_names(proxy):
    key = proxy.parts.store.keys.create("app", assert_users=True)
    got(proxy, "POST", "/cubes", {"text": "The user likes tea.", "user": "ada"}, key.key)
    assert operations(proxy, "/log?user=ada", key=key.key) == ["remember"]
    assert operations(proxy, "/log?user=ben", key=key.key) == []
    assert call(proxy, "GET", "/log?user=ada&all=true", key=key.key)[0] == 403


def test_an_admin_sees_all_lines_by_pseudonyms_and_without_memories(proxy):
    cube = wrote(proxy, "The user likes tea.")
    admin = proxy.parts.store.keys.create("auditor", scopes=["admin"])
    page = got(proxy, "GET", "/log?all=true", key=admin.key)
    remembered = [line for line in page["data"] if line["operation"] == "remember"]
    assert len(remembered) == 1
    assert remembered[0]["change"] is None
    assert proxy.scope.user not in str(page)
    assert cube["id"] not in str(page)
    named = got(proxy, "GET", f"/log?user={proxy.scope.user}", key=admin.key)["data"]
    assert [line["seq"] for line in named if line["operation"] == "remember"] == [remembered[0]["seq"]]
    assert call(proxy, "GET", "/log", key=admin.key)[0] == 403, "the scope gives no memory to read"
    assert "log" in operations(proxy, "/log?all=true", key=admin.key), "that somebody looked is logged too"


def test_keys_that_are_made_and_revoked_are_logged_once(proxy):
    keys = proxy.parts.store.keys
    other = keys.create("other", user=proxy.scope.user)
    keys.revoke(other.record.id)
    keys.revoke(other.record.id)
    lines = got(proxy, "GET", f"/log?key_id={other.record.id}")["data"]
    assert [line["operation"] for line in lines] == ["revoke_key", "create_key"]


def test_an_erased_user_leaves_lines_without_memories_or_text(proxy):
    cube = wrote(proxy, "The user likes Darjeeling.")
    got(proxy, "POST", "/erase", {})
    page = got(proxy, "GET", "/log")
    assert [line["operation"] for line in page["data"]][:2] == ["erase", "remember"]
    assert cube["id"] not in str(page)
    raw = b"".join(path.read_bytes() for path in proxy.parts.settings.data.dir.rglob("*") if path.is_file())
    assert b"Darjeeling" not in raw
    assert cube["id"].encode() not in raw


# Provenance


def test_provenance_tells_the_words_the_model_the_changes_and_what_came_of_it(proxy):
    reply = told(proxy, "I live in Lisbon.")
    told(proxy, "I moved to Porto.")
    cubes = got(proxy, "GET", "/cubes?include_superseded=true&semantic_type=fact")["data"]
    old = next(cube for cube in cubes if "Lisbon" in cube["text"])
    new = next(cube for cube in cubes if "Porto" in cube["text"])
    proxy.receipt(reply)
    found = got(proxy, "GET", f"/cubes/{old['id']}/provenance")
    assert found["cube"]["origin"] == old["origin"]
    assert found["cube"]["trust"] == "user"
    assert found["superseded_by"] == [new["id"]]
    turn = found["turns"][0]
    assert [message["text"] for message in turn["messages"]] == ["I live in Lisbon.", "Noted."]
    assert [message["named"] for message in turn["messages"]] == [True, False]
    assert turn["model"] == "m"
    assert turn["request_id"] == reply.headers["x-memory-request-id"]
    made = [version["made_by"] for version in found["versions"]]
    assert [each["operation"] for each in made] == ["remember", "remember"]
    assert made[0]["turn_id"] == turn["id"]
    assert made[1]["turn_id"] == new["source"]["turn_id"]
    assert found["cube"]["watermark"] == found["versions"][-1]["watermark"] != found["versions"][0]["watermark"]
    later = got(proxy, "GET", f"/cubes/{new['id']}/provenance")
    assert later["supersedes"] == [old["id"]]
    assert later["id"] != found["id"]


def test_provenance_keeps_its_id_over_versions_and_names_who_changed_it(proxy):
    cube = wrote(proxy, "The user likes tea.")
    before = got(proxy, "GET", f"/cubes/{cube['id']}/provenance")
    other = proxy.parts.store.keys.create("other", user=proxy.scope.user)
    got(proxy, "PATCH", f"/cubes/{cube['id']}", {"text": "The user likes jam.", "version": 1}, other.key)
    found = got(proxy, "GET", f"/cubes/{cube['id']}/provenance")
    assert found["id"] == before["id"]
    assert [version["made_by"]["key_id"] for version in found["versions"]] == [proxy.scope.key_id, other.record.id]
    assert [version["text"] for version in found["versions"]] == ["The user likes tea.", "The user likes jam."]
    assert found["turns"] == found["missing_turns"] == []


def test_provenance_names_turns_that_are_gone(proxy):
    rows = [
        {"object": "memos.export", "format": 1, "user": "x", "exported_at": "2026-03-14T12:00:00+00:00"},
        {**_exported(proxy, "The user likes tea."), "id": "mem_imported"},
    ]
    rows[1]["source"] |= {"turn_id": "turn_elsewhere", "message_ids": ["turn_elsewhere:0"]}
    body = "\n".join(json.dumps(row) for row in rows).encode()
    assert proxy.raw(body, "/v1/memory/import").json()["imported"]["cubes"] == 1
    found = got(proxy, "GET", "/cubes/mem_imported/provenance")
    assert found["turns"] == []
    assert found["missing_turns"] == ["turn_elsewhere"]


def _exported(proxy, text):
    wrote(proxy, text)
    lines = [json.loads(line) for line in proxy.raw(b"", "/v1/memory/export", "GET").read().splitlines()]
    return next(line for line in lines if line.get("text") == text)


def test_somebody_elses_provenance_looks_as_if_it_did_not_exist(proxy):
    cube = wrote(proxy, "The user likes tea.")
    other = proxy.parts.store.keys.create("other").key
    assert call(proxy, "GET", f"/cubes/{cube['id']}/provenance", key=other)[0] == 404
    assert call(proxy, "GET", "/cubes/mem_none/provenance")[0] == 404


# Watermarks


def objects(value):
    if isinstance(value, dict):
        if value.get("object") == "memory.cube":
            yield value
        for item in value.values():
            yield from objects(item)
    elif isinstance(value, list):
        for item in value:
            yield from objects(item)


def test_every_memory_in_every_answer_has_its_watermark(proxy):
    cube = wrote(proxy, "The user likes tea.")
    changed = got(proxy, "PATCH", f"/cubes/{cube['id']}", {"text": "The user likes green tea.", "version": 1})
    answers = [cube, changed, got(proxy, "GET", "/cubes"), got(proxy, "GET", f"/cubes/{cube['id']}")]
    answers += [got(proxy, "POST", "/search", {"query": "tea"}), got(proxy, "GET", f"/cubes/{cube['id']}/provenance")]
    for each in answers:
        found = list(objects(each))
        assert found
        verdicts = got(proxy, "POST", "/verify", {"rows": found})
        assert verdicts["unchanged"], each
    assert cube["watermark"] != changed["watermark"]


def test_an_export_is_marked_and_stays_importable(proxy, tmp_path, upstream):
    wrote(proxy, "The user likes tea.")
    body = proxy.raw(b"", "/v1/memory/export", "GET").read()
    cubes = [row for row in map(json.loads, body.splitlines()) if row["object"] == "memos.cube"]
    assert cubes
    assert got(proxy, "POST", "/verify", {"rows": cubes})["unchanged"]
    elsewhere = Proxy(tmp_path / "elsewhere", upstream.url)
    try:
        assert got(elsewhere, "POST", "/verify", {"rows": cubes})["data"][0]["verdict"] == "foreign"
        imported = elsewhere.raw(body, "/v1/memory/import").json()["imported"]
        assert imported["cubes"] == 1
        assert got(elsewhere, "GET", "/cubes")["data"][0]["text"] == "The user likes tea."
    finally:
        elsewhere.close()


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, "unchanged"),
        ({"tags": ["x"], "access_count": 7}, "unchanged"),
        ({"text": "The user likes jam."}, "changed"),
        ({"version": 2}, "changed"),
        ({"version": "one"}, "changed"),
        ({"valid_from": "2020-01-01T00:00:00Z"}, "changed"),
        ({"semantic_type": "event"}, "changed"),
        ({"content_hash": "0" * 64}, "unchanged"),
        ({"id": "mem_other"}, "foreign"),
        ({"watermark": None}, "foreign"),
        ({"watermark": "wm_" + "0" * 48}, "foreign"),
        ({"watermark": "\u00e4"}, "foreign"),
        ({"text": None}, "changed"),
    ],
)
def test_a_row_is_recognised_by_its_watermark(tmp_path, change, verdict):
    from memory.watermark import Watermarks
    from proxy.memory_wire import Cube

    marks = Watermarks(bytes(32))
    draft = Draft(
        text="The user likes tea.",
        semantic_type=SemanticType.FACT,
        origin=Origin.USER_INPUT,
        source=Source(),
        valid_from=_now(),
    )
    files = _vault(tmp_path)
    cube = files.vault.put(Governance(None).admit(Scope(user="ada"), [draft]), None, "").created[0]
    files.close()
    row = json.loads(Cube.of(cube).model_dump_json()) | {"watermark": marks.of(cube)}
    assert marks.verdict(row | change) is Verdict(verdict)


def _now():
    from datetime import UTC, datetime

    return datetime(2026, 3, 14, 12, 30, 15, 123456, tzinfo=UTC)


def _vault(path):
    from memory.vault import open_vault

    return open_vault(path, clock=_now)


def test_a_watermark_outlives_the_memory_that_it_was_made_for(proxy):
    cube = wrote(proxy, "The user likes tea.")
    got(proxy, "DELETE", f"/cubes/{cube['id']}")
    assert got(proxy, "POST", "/verify", {"rows": [cube, {**cube, "text": "Another."}, {}]})["data"] == [
        {"id": cube["id"], "version": 1, "verdict": "unchanged"},
        {"id": cube["id"], "version": 1, "verdict": "changed"},
        {"id": None, "version": None, "verdict": "foreign"},
    ]

"""Updates, writes by labels and the graph over HTTP: optimistic, bounded, whole, and the caller's own only."""

import time

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.updates import appended, merged
from tests.proxy_rig import Proxy


class Caller:
    """One key of a running proxy."""

    def __init__(self, proxy, **options):
        key = proxy.parts.store.keys.create("test", **options).key
        self.http = httpx.Client(
            base_url=f"{proxy.url}/v1/memory", headers={"authorization": f"Bearer {key}"}, timeout=60
        )

    def __call__(self, method, path, body=None, **more):
        return self.http.request(method, path, json=body, **more)

    def ok(self, method, path, body=None, **more):
        answer = self(method, path, body, **more)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    def cube(self, text, **more):
        return self.ok("POST", "/cubes", {"text": text, **more})

    def update(self, cube, mode, text, **more):
        body = {"mode": mode, "text": text, "version": cube["version"], **more}
        return self(method="POST", path=f"/cubes/{cube['id']}/update", body=body)

    def history(self, cube_id):
        return [version["text"] for version in self.ok("GET", f"/cubes/{cube_id}")["history"]]


@pytest.fixture(scope="module")
def proxy(tmp_path_factory):
    # the organiser waits, so that nothing changes under a test
    made = Proxy(tmp_path_factory.mktemp("data"), "http://127.0.0.1:9/v1", **{"organiser.quiet_s": 3600})
    yield made
    made.close()


@pytest.fixture
def api(proxy):
    return Caller(proxy)


def error_of(answer):
    return answer.json()["error"]


def test_append_keeps_what_is_there_and_overwrite_puts_the_words_in_its_place(api):
    cube = api.cube("Ship on Fridays.", tags=["a"])
    longer = api.update(cube, "append", "Never on holidays.", tags=["b"]).json()
    assert longer["text"] == "Ship on Fridays. Never on holidays."
    assert longer["tags"] == ["a", "b"]
    other = api.update(longer, "overwrite", "Ship on Mondays.", tags=["c"]).json()
    assert (other["text"], other["tags"], other["version"]) == ("Ship on Mondays.", ["c"], 3)
    assert api.history(cube["id"]) == ["Ship on Fridays.", longer["text"], "Ship on Mondays."]


def test_merge_has_each_sentence_once_and_makes_no_version_when_it_adds_nothing(api):
    cube = api.cube("Ship on Fridays. Test before.")
    whole = api.update(cube, "merge", "test before! Tell the team.").json()
    assert whole["text"] == "Ship on Fridays. Test before. Tell the team."
    again = api.update(whole, "merge", "Tell the team. Ship on Fridays.").json()
    assert again["version"] == whole["version"] == 2


def test_merge_lets_the_newest_value_of_a_fact_win_like_a_change_by_hand(api):
    cube = api.cube("The user lives in Lisbon. Near the river.")
    moved = api.update(cube, "merge", "The user lives in Porto.").json()
    assert moved["text"] == "The user lives in Porto. Near the river."
    assert api.history(cube["id"])[0].startswith("The user lives in Lisbon.")


def test_an_overwrite_that_states_another_value_of_a_fact_takes_the_place_of_the_current_one(api):
    lives = api.cube("The user lives in Lisbon.")
    note = api.cube("A note to be changed.")
    moved = api.update(note, "overwrite", "The user lives in Faro.").json()
    texts = [cube["text"] for cube in api.ok("GET", "/cubes")["data"]]
    assert texts == ["The user lives in Faro."]
    assert api.ok("GET", f"/cubes/{lives['id']}")["valid_to"] is not None
    found = api.ok("POST", "/search", {"query": "Where do I live?"})["data"]
    assert [cube["id"] for cube in found][:1] == [moved["id"]]
    graph = api.ok("GET", f"/cubes/{moved['id']}/relations", params={"types": ["contradicts", "supersedes"]})
    assert {(edge["from"], edge["type"], edge["to"]) for edge in graph["edges"]} == {
        (moved["id"], "contradicts", lives["id"]),
        (moved["id"], "supersedes", lives["id"]),
    }


@pytest.mark.parametrize("mode", ["append", "merge", "overwrite"])
def test_a_stale_version_is_refused_and_the_answer_names_the_newest(api, mode):
    cube = api.cube(f"Ship on Fridays, {mode}.")
    api.ok("PATCH", f"/cubes/{cube['id']}", {"pinned": True, "version": 1})
    answer = api.update(cube, mode, "Never on holidays.")
    assert answer.status_code == 409
    assert error_of(answer)["code"] == "version_conflict"
    assert "version 2" in error_of(answer)["message"]
    assert api.ok("GET", f"/cubes/{cube['id']}")["text"] == cube["text"]


@pytest.mark.parametrize("mode", ["append", "merge", "overwrite"])
def test_a_frozen_memory_is_not_updated(api, mode):
    cube = api.cube(f"This stays, {mode}.")
    frozen = api.ok("PATCH", f"/cubes/{cube['id']}", {"state": "frozen", "version": 1})
    answer = api.update(frozen, mode, f"This stays, {mode}.")
    assert (answer.status_code, error_of(answer)["code"]) == (403, "frozen")


def test_a_memory_that_would_get_too_long_stays_as_it_is(api):
    cube = api.cube("word " * 3999)
    answer = api.update(cube, "append", "word " * 10)
    assert error_of(answer)["code"] == "text_too_long"
    assert api.ok("GET", f"/cubes/{cube['id']}")["version"] == 1


def test_secrets_in_an_update_are_replaced(api):
    cube = api.cube("Deploy notes.")
    secret = "AKIAIOSFODNN7EXAMPLE"
    said = api.update(cube, "append", f"aws_access_key_id = {secret}", tags=[f"aws_access_key_id = {secret}"])
    assert said.status_code == 200, said.text
    assert secret not in said.text


def test_other_peoples_memories_look_as_if_they_did_not_exist(proxy, api):
    cube = api.cube("Mine alone about Zanzibar.", tags=["shared-name"])
    other = Caller(proxy)
    missing = other.update({**cube, "id": "mem_unknown"}, "append", "x")
    theirs = other.update(cube, "append", "x")
    assert (theirs.status_code, missing.status_code) == (404, 404)
    assert error_of(theirs)["message"].replace(cube["id"], "mem_unknown") == error_of(missing)["message"]
    assert other("GET", f"/cubes/{cube['id']}/relations").status_code == 404
    assert other.ok("GET", "/graph", params={"entity": "Zanzibar"})["edges"] == []
    done = other.ok("PATCH", "/cubes", {"where": {"tags": ["shared-name"]}, "set": {"pinned": True}})
    assert (done["changed"], done["unchanged"]) == ([], 0)
    assert api.ok("GET", f"/cubes/{cube['id']}")["version"] == 1


def test_a_write_by_labels_changes_all_that_carry_every_tag_in_one_change(api):
    both = [api.cube(f"Note {n}.", tags=["Project-X", "open"]) for n in range(3)]
    one = api.cube("Another note.", tags=["project-x"])
    body = {"where": {"tags": ["project-x", "OPEN"]}, "set": {"add_tags": ["closed"], "remove_tags": ["Open"]}}
    done = api.ok("PATCH", "/cubes", body)
    assert sorted(done["changed"]) == sorted(cube["id"] for cube in both)
    for cube in both:
        assert api.ok("GET", f"/cubes/{cube['id']}")["tags"] == ["Project-X", "closed"]
    assert api.ok("GET", f"/cubes/{one['id']}")["version"] == 1
    change = api.ok("GET", "/changes", params={"limit": 1})["data"][0]
    assert len(change["cubes"]) == 3
    again = api.ok("PATCH", "/cubes", {**body, "where": {"tags": ["closed"]}})
    assert (again["changed"], again["unchanged"]) == ([], 3)
    api.ok("POST", "/undo", {"change": change["id"]})
    assert api.ok("GET", f"/cubes/{both[0]['id']}")["tags"] == ["Project-X", "open"]


def test_a_write_by_labels_leaves_frozen_memories_and_says_so(api):
    cube = api.cube("Stays.", tags=["old"])
    api.ok("PATCH", f"/cubes/{cube['id']}", {"state": "frozen", "version": 1})
    done = api.ok("PATCH", "/cubes", {"where": {"tags": ["old"]}, "set": {"pinned": True}})
    assert (done["changed"], done["frozen"]) == ([], 1)


@pytest.mark.parametrize(
    "body",
    [
        {"where": {"tags": []}, "set": {"pinned": True}},
        {"where": {}, "set": {"pinned": True}},
        {"where": {"tags": ["a"]}, "set": {}},
        {"where": {"tags": ["a"]}, "set": {"text": "no"}},
        {"where": {"tags": ["a"]}, "set": {"priority": 101}},
    ],
)
def test_a_write_by_labels_that_is_not_clear_is_refused(api, body):
    assert api("PATCH", "/cubes", body).status_code == 400


def test_the_graph_shows_a_conversation_in_order_and_what_was_read_out_of_it(api):
    messages = [
        {"role": "user", "content": "I live in Lisbon with my cat Moka."},
        {"role": "assistant", "content": "Lisbon is lovely, and Moka surely likes the many sunny windows there."},
        {"role": "user", "content": "I moved to Porto in the spring."},
    ]
    api.ok("POST", "/turns", {"conversation_id": "c", "messages": messages, "wait": True})
    graph = api.ok("GET", "/graph", params={"entity": "Porto", "depth": 3})
    assert graph["object"] == "memory.graph"
    assert {node["object"] for node in graph["nodes"]} == {"memory.cube", "memory.entity"}
    ids = {node["id"] for node in graph["nodes"]}
    assert all({edge["from"], edge["to"]} <= ids for edge in graph["edges"])
    assert {"next", "derived_from", "about", "supersedes"} <= {edge["type"] for edge in graph["edges"]}
    few = api.ok("GET", "/graph", params={"entity": "Porto", "depth": 3, "limit": 2})
    assert len(few["nodes"]) == 2
    assert not few["complete"]


@pytest.mark.parametrize("query", ["depth=4", "depth=0", "limit=0", "limit=501", "types=likes", ""])
def test_a_walk_without_bounds_or_start_is_refused(api, query):
    cube = api.cube("A start.")
    path = f"/cubes/{cube['id']}/relations?{query}" if query else "/graph"
    assert api("GET", path).status_code == 400


WORDS = st.lists(st.sampled_from(("Ship it.", "Test first.", "Tell the team!", "Why?")), min_size=1, max_size=6)


@given(WORDS, WORDS)
def test_a_merge_is_a_union_of_sentences(old, new):
    """Whatever is merged: nothing is lost, nothing stands twice that was not there twice, and again changes nothing."""
    before, further = " ".join(old), " ".join(new)
    whole = merged(before, further)
    assert whole.startswith(before)
    assert all(sentence in whole for sentence in new)
    assert merged(whole, further) == whole
    assert all(whole.count(sentence) == max(old.count(sentence), 1) for sentence in {*old, *new})


@given(st.text(min_size=1, max_size=60), st.text(min_size=1, max_size=60))
def test_an_append_holds_both_texts(old, new):
    whole = appended(old, new)
    assert whole.startswith(old.rstrip())
    assert whole.endswith(new.strip())


def test_duplicates_are_merged_beside_the_requests_and_the_merge_can_be_undone(tmp_path):
    proxy = Proxy(tmp_path, "http://127.0.0.1:9/v1", **{"organiser.quiet_s": 0.05})
    try:
        api = Caller(proxy)
        old, new = api.cube("Answer in British English."), api.cube("Please answer in British English")
        message = {"role": "user", "content": "I once saw a grey heron."}
        api.ok("POST", "/turns", {"conversation_id": "c", "messages": [message], "wait": True})
        end = time.monotonic() + 30
        while api.ok("GET", f"/cubes/{old['id']}")["state"] != "archived" and time.monotonic() < end:
            time.sleep(0.05)
        assert api.ok("GET", f"/cubes/{new['id']}")["state"] == "merged"
        (change,) = api.ok("GET", "/changes", params={"operation": "merge"})["data"]
        api.ok("POST", "/undo", {"change": change["id"]})
        assert api.ok("GET", f"/cubes/{old['id']}")["state"] == "activated"
        graph = api.ok("GET", f"/cubes/{old['id']}/relations")
        assert "duplicate_of" not in {edge["type"] for edge in graph["edges"]}
    finally:
        proxy.close()

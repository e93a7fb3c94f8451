"""A memory's life by the API and in chats: states by hand, priority, time to live, quotas, and use that is counted."""

import time
from typing import Any

import httpx
import pytest

from tests.proxy_rig import Proxy, Upstream, answer


class Api:
    """The memory API of one key."""

    def __init__(self, rig: Proxy) -> None:
        headers = {"authorization": f"Bearer {rig.key}"}
        self.rig, self.http = rig, httpx.Client(base_url=f"{rig.url}/v1/memory", headers=headers, timeout=60)

    def __call__(self, method: str, path: str, **body: Any) -> Any:
        return self.http.request(method, path, json=body or None)

    def ok(self, method: str, path: str, **body: Any) -> Any:
        response = self(method, path, **body)
        assert response.status_code in (200, 201), response.text
        return response.json()

    def write(self, text: str, **more: Any) -> dict[str, Any]:
        return self.ok("POST", "/cubes", text=text, **more)

    def change(self, cube: dict[str, Any], **more: Any) -> dict[str, Any]:
        return self.ok("PATCH", f"/cubes/{cube['id']}", version=cube["version"], **more)

    def found(self, query: str) -> list[str]:
        return [cube["id"] for cube in self.ok("POST", "/search", query=query)["data"]]

    def until(self, sought: Any) -> None:
        end = time.monotonic() + 60
        while not sought():
            assert time.monotonic() < end, "it never came"
            time.sleep(0.05)

    def metric(self, name: str) -> float:
        lines = httpx.get(f"{self.rig.url}/metrics").text.splitlines()
        return next(float(line.split()[-1]) for line in lines if line.startswith(name))


@pytest.fixture(scope="module")
def upstream():
    server = Upstream()
    yield server
    server.close()


def _api(tmp_path, upstream, **flags: Any) -> Api:
    return Api(Proxy(tmp_path, upstream.url, **flags))


@pytest.fixture
def api(tmp_path, upstream):
    made = _api(tmp_path, upstream, **{"lifecycle.interval_s": 0.05})
    yield made
    made.rig.close()


def test_states_by_hand_follow_the_table(api):
    cube = api.write("The contract ends in May.", tags=["work"])
    assert (cube["state"], cube["priority"], cube["decays"], cube["useful_count"]) == ("activated", 0, False, 0)
    frozen = api.change(cube, state="frozen")
    assert frozen["state"] == "frozen"
    refused = api("PATCH", f"/cubes/{cube['id']}", version=frozen["version"], text="It ends in June.")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "frozen")
    refused = api("PATCH", f"/cubes/{cube['id']}", version=frozen["version"], state="archived")
    assert (refused.status_code, refused.json()["error"]["param"]) == (403, "state")
    refused = api("PATCH", f"/cubes/{cube['id']}", version=frozen["version"], state="activated", text="June.")
    assert refused.json()["error"]["code"] == "frozen"
    thawed = api.change(frozen, state="activated")
    archived = api.change(thawed, state="archived")
    assert (archived["state"], archived["superseded_at"]) == ("archived", None)
    assert api.change(archived, state="activated")["state"] == "activated"
    states = [version["state"] for version in api.ok("GET", f"/cubes/{cube['id']}")["history"]]
    assert states == ["activated", "frozen", "activated", "archived", "activated"]


@pytest.mark.parametrize("state", ["expired", "merged", "generated", "gone"])
def test_states_that_only_time_and_merging_bring_about_cannot_be_asked_for(api, state):
    cube = api.write("The contract ends in May.")
    assert api("PATCH", f"/cubes/{cube['id']}", version=1, state=state).status_code == 400


def test_a_memory_can_be_written_frozen_archived_and_with_a_priority(api):
    assert api.write("Frozen words.", state="frozen", priority=7)["priority"] == 7
    archived = api.write("Archived words.", state="archived", decays=True)
    assert (archived["state"], archived["decays"]) == ("archived", True)
    assert api.found("archived words")[0] == archived["id"]
    listed = api.ok("GET", "/cubes?state=archived")["data"]
    assert [cube["id"] for cube in listed] == [archived["id"]]
    assert api("POST", "/cubes", text="x y", priority=101).json()["error"]["param"] == "priority"


def test_a_time_to_live_can_be_set_and_taken_away_and_ends_by_itself(api):
    cube = api.write("The door code is blue.", ttl_s=1000)
    cube = api.change(cube, ttl_s=None)
    assert cube["ttl_s"] is None
    cube = api.change(cube, priority=-5, decays=True)
    assert (cube["priority"], cube["decays"], cube["ttl_s"]) == (-5, True, None)
    cube = api.change(cube, ttl_s=0.01)
    assert api.found("door code") == []
    assert api("GET", f"/cubes/{cube['id']}").status_code == 404
    api.until(lambda: [each["id"] for each in api.ok("GET", "/cubes?state=expired")["data"]] == [cube["id"]])
    assert api.metric('memos_memories_total{event="expired"}') == 1


def test_a_change_of_nothing_is_refused(api):
    cube = api.write("The door code is blue.")
    assert api("PATCH", f"/cubes/{cube['id']}", version=1).status_code == 400


def test_what_an_answer_made_use_of_is_counted(api, upstream):
    porto, tea = api.write("The user lives in Porto."), api.write("The user drinks green tea.", pinned=True)
    upstream.script = answer("You live in Porto, by the river.")
    assert api.rig.chat("Where do I live?").json()
    api.until(lambda: api.ok("GET", f"/cubes/{porto['id']}")["useful_count"] == 1)
    api.until(lambda: api.ok("GET", f"/cubes/{tea['id']}")["access_count"] == 1)
    assert api.ok("GET", f"/cubes/{tea['id']}")["useful_count"] == 0
    assert api.ok("GET", f"/cubes/{porto['id']}")["version"] == 1


def test_an_archived_memory_that_a_chat_needs_is_brought_in_and_back_into_use(api, upstream):
    cube = api.write("The wifi password hint is heliotrope.", state="archived")
    api.write("The user keeps bees.")
    upstream.script = answer("It is heliotrope.")
    reply = api.rig.chat("What is the wifi password hint?")
    assert reply.json()
    assert "heliotrope" in upstream.requests[-1].body.decode()
    api.until(lambda: api.ok("GET", f"/cubes/{cube['id']}")["state"] == "activated")


def test_over_quota_writing_by_hand_is_refused_and_chats_go_on(tmp_path, upstream):
    flags = {"governance.max_cubes_per_user": 2, "lifecycle.interval_s": 0.05}
    api = _api(tmp_path, upstream, **flags)
    try:
        api.write("Answer in British English.", pinned=True)
        api.write("Never use exclamation marks.", pinned=True)
        refused = api("POST", "/cubes", text="The user keeps bees.")
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "quota_exceeded")
        assert "Unpin" in refused.json()["error"]["message"]
        upstream.script = answer("How nice.")
        assert api.rig.chat("I live in Porto and I have a dog called Rex.").json()
        api.until(lambda: [state for state, _, _ in api.rig.rows()] == ["stored"])
        api.until(lambda: len(api.ok("GET", "/cubes?state=archived")["data"]) >= 1)
    finally:
        api.rig.close()

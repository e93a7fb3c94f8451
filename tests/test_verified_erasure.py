"""Erased is gone from every byte of the data folder, whichever way it came in; and a report that says so is right."""

import json
import random
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from memory.cube import Origin, SemanticType, Source
from memory.governance import Governance
from memory.turn import Draft, Message, Scope, TurnRecord
from memory.vault import open_vault
from memory.vault.byte_search import found_in
from tests.proxy_rig import Proxy, Upstream, answer

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
CANARIES = (
    "chat answer turns turnanswer speaker messageid conversation cube tag changed replaced imported importedtag "
    "forgotten pipeline digest entity snapshot spooled unreadable member shared retracted"
).split()


def canary(name, user="ada"):
    """A word that stands for what came in by this way."""
    return f"Zq{user}{name}xy"


def files_with(folder, word):
    sought = word.casefold().encode()
    return [path.name for path in folder.rglob("*") if path.is_file() and sought in path.read_bytes().lower()]


class Api:
    """One user at a proxy."""

    def __init__(self, proxy, key, user):
        self.proxy, self.key, self.user = proxy, key, user

    def call(self, method, path, body=None, *, raw=None):
        sent = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        reply = self.proxy.raw(sent, path, method, authorization=f"Bearer {self.key}", x_memory_user_id=self.user)
        content = reply.read()
        try:
            return reply.status, json.loads(content)
        except ValueError:
            return reply.status, content

    def chat(self, text):
        body = {"model": "m", "messages": [{"role": "user", "content": text, "name": canary("speaker", self.user)}]}
        headers = {"authorization": f"Bearer {self.key}", "x_memory_user_id": self.user}
        conversation = canary("conversation", self.user)
        return self.proxy.raw(json.dumps(body).encode(), x_memory_conversation_id=conversation, **headers).read()

    def cubes(self):
        return self.call("GET", "/v1/memory/cubes?limit=100&include_superseded=true")[1]["data"]

    def plant(self):
        """Bring a canary in by every way there is."""
        c = lambda name: canary(name, self.user)  # noqa: E731
        self.proxy.upstream.script = answer(f"I see, {c('answer')} it is. That is a very good place to be in spring.")
        self.chat(f"I live in {c('chat')}. My sister is called {c('entity')}.")
        messages = [
            {"role": "user", "content": f"My dog is called {c('turns')}.", "id": c("messageid"), "name": c("speaker")},
            {"role": "assistant", "content": f"What a fine name for a dog: {c('turnanswer')}."},
        ]
        body = {"conversation_id": c("conversation"), "messages": messages, "wait": True}
        assert self.call("POST", "/v1/memory/turns", body)[0] == 200
        new = {"text": f"Likes {c('cube')}.", "tags": [c("tag"), "plants"], "semantic_type": "event", "pinned": True}
        status, cube = self.call("POST", "/v1/memory/cubes", new)
        assert status == 201, cube
        change = {"text": f"Likes {c('changed')}.", "version": cube["version"]}
        status, changed = self.call("PATCH", f"/v1/memory/cubes/{cube['id']}", change)
        assert status == 200, changed
        self.chat(f"I moved to {c('replaced')}.")
        self.chat(f"My favourite colour is {c('forgotten')}.")
        self.chat("Forget my favourite colour.")
        self.chat("Where do I live, and what is my dog called?")
        exported = self.call("GET", "/v1/memory/export")[1].decode()
        taken = exported.replace("mem_", "mem_0").replace(c("cube"), c("imported")).replace(c("tag"), c("importedtag"))
        assert self.call("POST", "/v1/memory/import", raw=taken.encode())[0] == 200
        given = {"input": {"tag": "plants", "summary": c("pipeline")}}
        status, run = self.call("POST", "/v1/memory/pipelines/project-close/run", given)
        assert status == 200, run
        self.call("POST", "/v1/memory/pipelines/daily-digest/run", {})
        self.call("POST", "/v1/memory/snapshots", {"name": c("snapshot")})
        self.spool()

    def spool(self):
        """Leave turns that a locked vault could not take, whole and broken ones."""
        spool = self.proxy.parts.background.spool
        identity = self.proxy.parts.authenticator.authenticate(
            [(b"authorization", f"Bearer {self.key}".encode()), (b"x-memory-user-id", self.user.encode())]
        )
        message = Message(role="user", text=f"It is {canary('spooled', self.user)}.")
        spool.put(TurnRecord(scope=identity.scope, turn_hash="h", conversation_id="c", messages=(message,)))
        folder = self.proxy.settings.data.dir / "spool"
        half = json.dumps({"record": {"scope": {"user": identity.user}}, "text": canary("unreadable", self.user)})
        (folder / f"0-{self.user}.json.unreadable").write_text(half[:-1])


@pytest.fixture
def served(tmp_path):
    upstream = Upstream()
    proxy = Proxy(tmp_path / "data", upstream.url)
    proxy.upstream = upstream
    key = proxy.parts.store.keys.create("app", assert_users=True).key
    yield proxy, Api(proxy, key, "ada"), Api(proxy, key, "ben")
    proxy.close()
    upstream.close()


def settled(api):
    for _ in range(200):
        if not api.proxy.parts.store.ledger.counts()["queued"]:
            return
        time.sleep(0.02)


def planted(folder, user):
    return {name for name in CANARIES if files_with(folder, canary(name, user))}


def test_a_user_who_is_erased_leaves_no_byte_behind_and_others_keep_theirs(served):
    proxy, ada, ben = served
    folder = proxy.settings.data.dir
    ada.plant()
    ben.plant()
    settled(ada)
    ways = {"chat", "turns", "cube", "tag", "changed", "replaced", "imported", "pipeline", "conversation", "spooled"}
    assert ways <= planted(folder, "ada")  # the test can fail
    theirs, kept = planted(folder, "ben"), {(cube["id"], cube["text"]) for cube in ben.cubes()}
    status, report = ada.call("POST", "/v1/memory/erase", {})
    assert status == 200
    assert planted(folder, "ada") == set(), report
    assert files_with(folder, "/ada") == []
    assert (report["found"], report["verified"]) == (0, True), report
    assert report["spool"] == {"turns": 2, "found": 0}
    assert report["bytes"]["files"] > 2
    assert min(report[name] for name in ("cubes", "versions", "ledger", "changes", "labels")) > 0
    assert ada.cubes() == []
    assert planted(folder, "ben") == theirs
    assert {(cube["id"], cube["text"]) for cube in ben.cubes()} == kept


def test_one_erased_memory_leaves_no_byte_of_itself_and_its_id_nowhere(served):
    """Nor what was made of it: other versions, a digest, the words in its turn and in what was brought in."""
    proxy, ada, ben = served
    folder = proxy.settings.data.dir
    new = {"text": f"Likes {canary('cube')}.", "tags": [canary("tag")], "semantic_type": "event"}
    cube = ada.call("POST", "/v1/memory/cubes", new)[1]
    change = {"text": f"Likes {canary('changed')}.", "version": cube["version"]}
    assert ada.call("PATCH", f"/v1/memory/cubes/{cube['id']}", change)[0] == 200
    for api in (ada, ben):
        api.chat(f"I live in {canary('chat', api.user)}.")
        api.chat(f"My dog is called {canary('turns', api.user)}.")
        settled(api)
    assert ada.call("POST", "/v1/memory/pipelines/daily-digest/run", {})[1]["touched"] == 1
    ada.chat("Where do I live?")
    lives = [each["id"] for each in ada.cubes() if each["text"] == f"The user lives in {canary('chat')}."]
    assert lives
    named = [*lives, cube["id"]]
    status, report = ada.call("POST", "/v1/memory/erase", {"ids": named})
    assert (status, report["found"], report["verified"]) == (200, 0, True), report
    for word in (*named, canary("cube"), canary("changed"), canary("tag"), canary("chat")):
        assert files_with(folder, word) == [], word
    assert files_with(folder, canary("turns"))
    assert files_with(folder, canary("chat", "ben"))


def test_a_report_is_not_verified_where_a_byte_is_left(served):
    proxy, ada, _ = served
    folder = proxy.settings.data.dir
    ada.plant()
    settled(ada)
    (folder / "copy.log").write_text(f"somebody wrote down {canary('chat', 'ada')} here")
    _, report = ada.call("POST", "/v1/memory/erase", {})
    assert not report["verified"]
    assert report["bytes"]["found"] > 0
    (folder / "copy.log").unlink()


def _filled(folder, seed, *, users=4, cubes=600):
    """A vault in which many rows of several users grew, shrank and moved."""
    chance = random.Random(seed)
    moments = iter(range(10**9))
    files = open_vault(folder, clock=lambda: START + timedelta(seconds=next(moments)))
    for number in range(cubes // 50):
        scope = Scope(user=f"user-{chance.randrange(users)}-zq")
        drafts = [
            Draft(
                text=" ".join(f"{scope.user}w{chance.getrandbits(30):x}" for _ in range(chance.choice((1, 5, 40, 90)))),
                semantic_type=SemanticType.EVENT,
                origin=Origin.INFERENCE,
                source=Source(conversation_id=f"{scope.user}-c{number % 3}"),
                valid_from=START,
                tags=(f"{scope.user}-tag{n % 7}",),
            )
            for n in range(50)
        ]
        vectors = np.ones((50, 8), np.float32)
        files.vault.put(Governance(None).admit(scope, drafts), vectors, "model")
        message = Message(role="user", text=drafts[0].text * 3)
        files.ledger.append(
            TurnRecord(scope=scope, turn_hash=f"h{number}", conversation_id=f"{scope.user}-c", messages=(message,))
        )
    return files


@pytest.mark.parametrize("seed", range(2))
def test_what_sqlite_left_behind_in_its_pages_goes_too(tmp_path, seed):
    """Rows that moved between pages leave copies that secure_delete does not overwrite."""
    files = _filled(tmp_path, seed)
    gone, kept = "user-1-zq", "user-2-zq"
    before = [cube.id for cube in files.vault.page(Scope(user=kept), limit=9999, include_superseded=True).cubes]
    report = files.vault.erase(Scope(user=gone), None)
    assert report["verified"], report
    assert files_with(tmp_path, gone) == []
    after = [cube.id for cube in files.vault.page(Scope(user=kept), limit=9999, include_superseded=True).cubes]
    assert after == before
    found, _ = files.vault.lexical(Scope(user=kept), kept)
    assert found
    files.close()


def test_every_column_that_names_a_user_is_looked_through(tmp_path):
    """A table that a later version adds, and that no list names, makes the report say that something is left."""
    files = open_vault(tmp_path, clock=lambda: START)
    with files.connections.write() as connection:
        connection.execute("CREATE TABLE later (owner TEXT)")
        connection.execute("INSERT INTO later VALUES ('somebody')")
    report = files.vault.erase(Scope(user="somebody"), None)
    assert (report["found"] > 0, report["verified"]) == (True, False)
    files.close()


def test_the_search_finds_what_is_there_and_only_that(tmp_path):
    (tmp_path / "a").write_bytes(b"\0" * 5000 + b"needle")
    (tmp_path / "b").write_bytes(b"")
    paths = [tmp_path / "a", tmp_path / "b", tmp_path / "gone"]
    assert found_in(paths, [b"needle", b"hay"], database=tmp_path / "a") == {b"needle": [tmp_path / "a"]}
    assert found_in(paths, [], database=tmp_path / "a") == {}

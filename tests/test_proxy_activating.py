"""The worker behind activation memory: it carries decisions out, survives an engine that is away, erases for real."""

import asyncio
import json
import threading
from pathlib import Path

import pytest

from adapters.activation_store.folder import namespace_of, salt_hash_of
from adapters.engine_activations import NOT_KEPT, EngineActivations
from adapters.upstream import Upstream as Backend
from config.settings import load
from memory.activation import ActivationPlanner, ActivationPolicy, Place
from memory.errors import EngineDown, Invalid, NotFound, QueueFull, Unavailable
from memory.injector import place
from memory.prefix import NO_SETTING, Activation, Block, BuildOrder, Built, Dropped, Setting
from memory.turn import Scope
from proxy.activating import PAUSE_S, Activating
from proxy.activation_files import ActivationFiles
from proxy.activation_use import ChatUse
from proxy.compose import engine_options
from proxy.transform import Transforming
from proxy.transform_wire import TransformRequest
from tests.proxy_rig import Proxy, Upstream, whole

ADA, BO = Scope(user="ada", key_id="k"), Scope(user="bo", key_id="k")
LISBON = Block(text="- The user lives in Lisbon.", cube_ids=("m1",), tokens=50)
PORTO = Block(text="- The user lives in Porto.", cube_ids=("m2",), tokens=50)
BODY = {"messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Where do I live?"}]}


class Salts:
    def cache_salt(self, user):
        return f"salt of {user}"

    def shared_cache_salt(self, key_id):
        return f"salt of key {key_id}"


class Engine:
    """An engine that keeps orders in a list; it can be away, and it can take its time."""

    def __init__(self):
        self.kept = []
        self.orders = []
        self.preloads = []
        self.away = self.keeps = False
        self.ready = asyncio.Event()
        self.ready.set()

    def check(self):
        if self.away:
            raise EngineDown("away")

    async def build(self, order):
        self.check()
        self.orders.append(order)
        if not order.wait and not self.ready.is_set():
            self.later = asyncio.create_task(self.made(order, len(self.orders)))
            return Built(digest="", tokens=60, durable=False)
        return await self.made(order, len(self.orders))

    async def made(self, order, number):
        await self.ready.wait()
        digest = f"digest {number}"
        self.kept.append(
            (order.owner, Activation(digest=digest, tokens=60, size_bytes=1, tier="ram", labels=order.labels))
        )
        return Built(digest=digest, tokens=60)

    async def drop(self, owner, digests=None):
        self.check()
        if self.keeps:
            raise EngineDown("not now")
        gone = [each for each in self.kept if each[0] == owner and (digests is None or each[1].digest in digests)]
        self.kept = [each for each in self.kept if each not in gone]
        return Dropped(prefixes=len(gone), files=len(gone), size_bytes=len(gone))

    async def list(self, owner):
        self.check()
        return [kept for who, kept in self.kept if who == owner]

    async def preload(self, owner):
        self.check()
        self.preloads.append(owner)

    async def stats(self):
        return {}


class Truth:
    """What the vault says."""

    def __init__(self):
        self.block = LISBON
        self.broken_for = None

    def stable_block(self, scope, *, budget_tokens):  # noqa: ARG002
        if scope.user == self.broken_for:
            raise RuntimeError("a mistake")
        return self.block

    def beginning(self, setting, block):
        return place([] if setting.system is None else [setting.system], block.text, {})


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class Rig:
    def __init__(self, folder: Path, **policy):
        self.engine, self.truth, self.clock = Engine(), Truth(), Clock()
        planner = ActivationPlanner(
            ActivationPolicy(**{"hot_uses": 2, "stable_s": 0.0, "retry_s": 0.0, **policy}), self.clock
        )
        self.files = ActivationFiles(folder, Salts())
        self.work = Activating(self.engine, planner, self.files, clock=self.clock)

    def chat(self, times=1, block=None, scope=ADA):
        for _ in range(times):
            self.work.used(ChatUse(scope, BODY, None, (block or self.truth.block).key))

    def file(self, user="ada", fingerprint="some engine"):
        space = self.files.folder / namespace_of(fingerprint)
        space.mkdir(parents=True, exist_ok=True)
        path = space / f"{salt_hash_of(space.name, Salts().cache_salt(user))}.{'0' * 32}.exact.safetensors"
        path.write_bytes(b"state")
        return path


@pytest.fixture
async def rig(tmp_path):
    made = Rig(tmp_path / "activations")
    made.work.start(made.truth)
    yield made
    await made.work.stop()


async def until(happened, limit_s=20.0):
    async with asyncio.timeout(limit_s):
        while not happened():
            await asyncio.sleep(0.02)


async def test_a_hot_block_is_ordered_while_idle_as_chats_will_get_it(rig):
    rig.chat(2)
    await until(lambda: rig.engine.orders)
    (order,) = rig.engine.orders
    assert order.idle
    assert order.messages == [{"role": "system", "content": f"Be kind.\n\n{LISBON.text}"}]
    assert order.owner == "salt of ada"
    assert (order.shared_owner, order.shared_messages) == ("", []), "it is hers alone"
    assert order.labels["cubes"] == ["m1"]


async def test_what_several_users_of_a_key_sent_is_kept_for_all_of_them(rig):
    for name in ("bo", "cy"):
        rig.chat(scope=Scope(user=name, key_id="k"))
    rig.chat(2)
    await until(lambda: rig.engine.orders)
    (order,) = rig.engine.orders
    assert (order.owner, order.shared_owner) == ("salt of ada", "salt of key k")
    assert order.shared_messages == [BODY["messages"][0]]


async def test_what_is_out_of_date_goes_although_the_engine_was_away_at_first(rig):
    rig.chat(2)
    await until(lambda: rig.engine.kept)
    rig.truth.block, rig.engine.keeps = PORTO, True
    rig.chat()
    await until(lambda: len(rig.engine.kept) == 2)
    rig.engine.keeps = False
    rig.chat()
    await until(lambda: [kept.labels["cubes"] for _, kept in rig.engine.kept] == [["m2"]])


async def test_what_nobody_waited_for_is_known_when_it_is_there_and_goes_when_it_is_out_of_date(rig):
    rig.engine.ready.clear()
    usual = Place(NO_SETTING, None)
    rig.work.planner.wanted(ADA, Setting(), None, LISBON)
    reading = await rig.work.read(ADA, None)
    made = await rig.work.order(ADA, usual, Setting(), reading, asked=True, wait=False)
    assert (made.digest, rig.engine.kept) == ("", [])
    rig.engine.ready.set()
    await until(lambda: rig.engine.kept)
    await asyncio.sleep(0.5)
    rig.truth.block = PORTO
    rig.work.changed(ADA)
    await until(lambda: [kept.labels["cubes"] for _, kept in rig.engine.kept] == [["m2"]])


async def test_what_is_still_being_computed_has_no_digest_for_its_caller(rig):
    transforming = Transforming(None, rig.work, rig.files, "embedded")
    rig.engine.ready.clear()
    made = []
    for wait in (False, True):
        answer = await transforming.run(ADA, TransformRequest(to="activation", wait=wait))
        made += [(one["digest"], one["durable"]) for one in answer.model_dump(mode="json")["made"]]
        rig.engine.ready.set()
    assert made == [(None, False), ("digest 2", True)]


async def test_what_nobody_waited_for_and_cannot_be_seen_is_ordered_again(rig):
    rig.chat()
    await asyncio.sleep(0.5)
    rig.engine.ready.clear()
    rig.work.planner.wanted(ADA, Setting(), None, LISBON)
    reading = await rig.work.read(ADA, None)
    await rig.work.order(ADA, Place(NO_SETTING, None), Setting(), reading, asked=True, wait=False)
    rig.engine.later.cancel()
    rig.engine.away = True
    await asyncio.sleep(0.5)
    rig.engine.away = False
    rig.engine.ready.set()
    rig.work.used(ChatUse(BO, {"messages": []}, None, ""))
    await until(lambda: rig.engine.kept)
    assert rig.engine.orders[-1].wait


async def test_a_mistake_in_one_decision_leaves_the_others_be(rig):
    rig.truth.broken_for = "ada"
    rig.chat(2, scope=ADA)
    rig.chat(2, scope=BO)
    await until(lambda: rig.engine.kept)
    assert {order.owner for order in rig.engine.orders} == {"salt of bo"}
    rig.truth.broken_for = None
    await until(lambda: len(rig.engine.kept) == 2)


@pytest.mark.parametrize("how", ["all", "some"])
async def test_what_is_turned_back_to_text_is_not_built_by_what_was_queued(rig, how):
    """The line of builds is as long as an engine without idle time makes it."""
    rig.engine.ready.clear()
    rig.chat(2, scope=BO)
    await until(lambda: rig.engine.orders)
    rig.chat(2)
    await until(lambda: rig.work.planner.decide() == [] and rig.work.planner.wait_s() > 1)
    await asyncio.sleep(0.5)
    if how == "all":
        await rig.work.drop(ADA, counted=False)
    else:
        await rig.work.drop_with(ADA, ["m1"])
    rig.engine.ready.set()
    await until(lambda: rig.engine.kept)
    await asyncio.sleep(0.5)
    assert {order.owner for order in rig.engine.orders} == {"salt of bo"}


async def test_what_is_being_built_when_it_is_turned_back_to_text_goes_too(rig):
    rig.engine.ready.clear()
    rig.chat(2)
    await until(lambda: rig.engine.orders)
    asyncio.get_running_loop().call_later(0.3, rig.engine.ready.set)
    report = await rig.work.drop_with(ADA, ["m1"])
    assert (report["prefixes"], report["found"]) == (1, 0)
    assert rig.engine.kept == []


async def test_what_is_built_is_what_the_vault_says_at_that_moment(rig):
    """A chat that began before a memory was forgotten cannot bring it back."""
    rig.truth.block = PORTO
    rig.chat(2, block=LISBON)
    await until(lambda: rig.engine.kept)
    assert all("Lisbon" not in str(order.messages) for order in rig.engine.orders)


async def test_an_engine_that_is_away_costs_nothing_but_time(rig):
    rig.engine.away = True
    rig.chat(2)
    rig.work.showed_up(ADA)
    await asyncio.sleep(0.5)
    rig.engine.away = False
    rig.chat(3)
    await until(lambda: rig.engine.kept)


async def test_removal_is_over_when_it_returns_and_covers_files_of_other_engines(rig):
    rig.chat(2)
    await until(lambda: rig.engine.kept)
    mine, others = rig.file(), rig.file("bo")
    rig.truth.block = Block()
    report = await asyncio.to_thread(rig.work.removed, ADA)
    assert rig.engine.kept == []
    assert (mine.exists(), others.exists()) == (False, True)
    assert report == {"prefixes": 2, "files": 2, "bytes": 6, "found": 0}


async def test_with_the_engine_away_files_go_at_once_and_the_rest_when_it_is_back(rig):
    rig.chat(2)
    await until(lambda: rig.engine.kept)
    mine = rig.file()
    rig.truth.block = Block()
    rig.engine.away = True
    report = await asyncio.to_thread(rig.work.removed, ADA)
    assert not mine.exists()
    assert report["found"] == 1, "it does not claim what it does not know"
    rig.engine.away = False
    await until(lambda: not rig.engine.kept)


async def test_a_build_that_overtakes_the_removal_is_removed_before_that_is_acknowledged(rig):
    rig.engine.ready.clear()
    rig.chat(2)
    await until(lambda: rig.engine.orders)
    rig.truth.block = Block()
    removal = asyncio.create_task(asyncio.to_thread(rig.work.removed, ADA))
    await asyncio.sleep(0.3)
    assert not removal.done()
    rig.engine.ready.set()
    assert (await removal)["prefixes"] == 1
    assert rig.engine.kept == []


async def test_what_was_read_before_a_removal_is_not_built_after_it(rig):
    reading = await rig.work.read(ADA, None)
    await asyncio.to_thread(rig.work.removed, ADA)
    usual = Place(NO_SETTING, None)
    with pytest.raises(NotFound):
        await rig.work.order(ADA, usual, Setting(), reading, asked=True, wait=True)
    await rig.work.order(BO, usual, Setting(), reading, asked=True, wait=True)
    assert [order.owner for order in rig.engine.orders] == ["salt of bo"]


async def test_what_the_engine_has_lost_is_made_anew(rig):
    """An engine drops what is least useful when its room is full, and tells nobody."""
    rig.chat(2)
    await until(lambda: rig.engine.kept)
    rig.engine.kept.clear()
    rig.work.used(ChatUse(ADA, BODY, None, LISBON.key, missed=True))
    await until(lambda: rig.engine.kept)


async def test_users_are_preloaded_when_they_come_back_not_at_every_request(rig):
    for _ in range(5):
        rig.work.showed_up(ADA)
    await until(lambda: rig.engine.preloads)
    rig.clock.now += PAUSE_S + 1
    rig.work.showed_up(ADA)
    await until(lambda: len(rig.engine.preloads) == 2)
    assert set(rig.engine.preloads) == {"salt of ada"}


async def test_after_its_end_removal_needs_no_engine(tmp_path):
    rig = Rig(tmp_path)
    mine = rig.file()
    assert rig.work.removed(ADA)["files"] == 1
    assert not mine.exists()
    rig.work.changed(ADA)
    rig.work.showed_up(ADA)


async def test_a_change_may_be_told_from_any_thread(rig):
    rig.chat(2)
    await until(lambda: rig.engine.kept)
    rig.truth.block = PORTO
    thread = threading.Thread(target=rig.work.changed, args=(ADA,))
    thread.start()
    await asyncio.to_thread(thread.join)
    rig.chat()
    await until(lambda: [kept.labels["cubes"] for _, kept in rig.engine.kept] == [["m2"]])


ORDER = BuildOrder(
    owner="a&b", messages=[{"role": "system", "content": "x"}], more={"tools": []}, labels={"cubes": ["m"]}
)


@pytest.fixture
async def spoken():
    server = Upstream()
    backend = Backend(server.url)
    yield server, EngineActivations(backend)
    await backend.close()
    server.close()


async def test_an_order_speaks_the_engines_words(spoken):
    server, engine = spoken
    body = {"digest": "d", "tokens": 40, "size_bytes": 7, "build_ms": 1.5, "new": False}
    server.script = whole(json.dumps(body).encode(), "202 Accepted")
    built = await engine.build(ORDER)
    assert built == Built(digest="d", tokens=40, size_bytes=7, build_ms=1.5, new=False, durable=False)
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/v1/activations")
    assert request.json == {
        "messages": [{"role": "system", "content": "x"}],
        "tools": [],
        "cache_salt": "a&b",
        "labels": {"cubes": ["m"]},
        "priority": "idle",
        "wait": True,
    }
    server.script = whole(b'{"dropped": 2, "files": 3, "file_bytes": 9}')
    assert await engine.drop("a&b") == Dropped(prefixes=2, files=3, size_bytes=9)
    assert server.requests[-1].path == "/v1/activations?cache_salt=a%26b"


REFUSALS = [
    ("400 Bad Request", "activation_too_short", Invalid),
    ("404 Not Found", "activation_dropped", NotFound),
    ("429 Too Many Requests", None, QueueFull),
    ("502 Bad Gateway", None, EngineDown),
    ("503 Service Unavailable", NOT_KEPT, Unavailable),
]


@pytest.mark.parametrize(("status", "code", "kind"), REFUSALS)
async def test_a_refusal_keeps_its_words(spoken, status, code, kind):
    server, engine = spoken
    server.script = whole(json.dumps({"error": {"message": "so it is", "code": code}}).encode(), status)
    with pytest.raises(kind, match="so it is") as raised:
        await engine.build(ORDER)
    assert raised.value.code == code
    assert type(raised.value) is kind


async def test_an_engine_that_keeps_none_has_nothing_to_drop(spoken):
    server, engine = spoken
    server.script = whole(b'{"error": {"message": "none", "code": "activations_off"}}', "400 Bad Request")
    assert await engine.drop("a") == Dropped()
    assert await engine.list("a") == []
    await engine.preload("a")
    with pytest.raises(Invalid):
        await engine.build(ORDER)


async def test_what_is_no_json_is_an_engine_that_is_down(spoken):
    server, engine = spoken
    server.script = whole(b"<html>", "200 OK")
    with pytest.raises(EngineDown):
        await engine.stats()


@pytest.fixture
def foreign(tmp_path):
    """A proxy in front of somebody else's model server."""
    server = Upstream()
    proxy = Proxy(tmp_path, server.url)
    yield server, proxy
    proxy.close()
    server.close()


def memory_call(proxy, path, body):
    raw = proxy.raw(json.dumps(body).encode(), f"/v1/memory/{path}").read_head()
    return raw.status, raw.json()


def test_where_no_engine_runs_the_answer_says_what_serves_instead(foreign):
    _, proxy = foreign
    assert memory_call(proxy, "cubes", {"text": "The user lives in Lisbon.", "pinned": True})[0] == 201
    status, answer = memory_call(proxy, "transform", {"to": "activation"})
    assert (status, answer["error"]["code"]) == (400, "no_local_engine")
    assert "prompt cache" in answer["error"]["message"]
    assert "--model FILE.gguf" in answer["error"]["message"]
    assert memory_call(proxy, "transform", {"to": "plaintext"})[0] == 200


def test_an_erasure_covers_what_an_engine_of_an_earlier_run_left(foreign):
    _, proxy = foreign
    salt = proxy.parts.store.keys.cache_salt(proxy.scope.user)
    space = proxy.settings.data.dir / "activations" / namespace_of("an engine of before")
    space.mkdir(parents=True)
    mine, others = (space / f"{salt_hash_of(space.name, who)}.{'0' * 32}.exact.safetensors" for who in (salt, "bo"))
    mine.write_bytes(b"state")
    others.write_bytes(b"state")
    status, report = memory_call(proxy, "erase", {})
    assert (status, mine.exists(), others.exists()) == (200, False, True)
    assert report["activations"] == {"prefixes": 1, "files": 1, "bytes": 5, "found": 0}


TOLD = {
    "x_activation_tokens": "40",
    "x_activation_tier": "disk",
    "x_activation_digest": "d",
    "x_activation_note": "int8",
}


@pytest.fixture
def own(tmp_path):
    """A proxy in front of a scripted server that it takes for its own engine."""
    server = Upstream()

    def parts(made):
        backend = Backend(server.url, shares_cache=True)
        planner = ActivationPlanner(ActivationPolicy(), Clock())
        return {
            "backend": backend,
            "activating": Activating(EngineActivations(backend), planner, made.activation_files),
        }

    proxy = Proxy(tmp_path, server.url, parts=parts)
    yield server, proxy
    proxy.close()
    server.close()


def chats(server):
    return [request for request in server.requests if request.path.endswith("/chat/completions")]


@pytest.mark.parametrize(
    ("headers", "restores"),
    [({}, True), ({"X_Memory_Policy": "kv"}, True), ({"X_Memory_Policy": "text"}, False), ({"X_Memory": "off"}, False)],
)
def test_the_engine_is_told_whose_tokens_these_are_and_whether_to_restore(own, headers, restores):
    server, proxy = own
    forged = {"activation": "forged", "cache_salt": "forged", "shared_cache_salt": "forged"}
    assert proxy.chat(headers=headers, **forged).read()
    sent = chats(server)[-1].json
    assert sent["activation"] is restores
    keys = proxy.parts.store.keys
    assert sent["cache_salt"] == keys.cache_salt(proxy.scope.user)
    assert sent["shared_cache_salt"] == keys.shared_cache_salt(proxy.scope.key_id)
    assert sent["cache_salt"] != sent["shared_cache_salt"]


@pytest.mark.parametrize("memory", ["on", "off"])
def test_what_the_engine_says_of_restoring_is_for_the_receipt_and_not_for_the_client(own, memory):
    server, proxy = own
    choice = {"index": 0, "message": {"role": "assistant", "content": "Hi."}, "finish_reason": "stop"}
    server.script = whole(json.dumps({"choices": [choice]}).encode(), **TOLD)
    reply = proxy.chat(headers={"X_Memory": memory})
    reply.read_head()
    kinds = reply.headers.get("x-memory-kinds")
    assert not [name for name in reply.headers if name.startswith("x-activation")]
    reply.read()
    if memory == "on":
        assert kinds == "", "there is no memory of this user: what was restored was the caller's own"
        assert proxy.receipt(reply)["activation"] == {"tokens": 40, "tier": "disk", "digest": "d", "note": "int8"}
        metrics = proxy.raw(b"", "/metrics", "GET").read().decode()
        assert 'memos_activation_chats_total{tier="disk"} 1' in metrics
        assert "memos_activation_tokens_total 40" in metrics
        assert "memos_activation_hit_ratio 1.0000" in metrics


HI = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi."}, "finish_reason": "stop"}]}


def pinned(proxy):
    assert memory_call(proxy, "cubes", {"text": "The user lives in Lisbon.", "pinned": True})[0] == 201


def metrics_of(proxy):
    return proxy.raw(b"", "/metrics", "GET").read().decode()


def test_what_was_restored_of_a_users_memory_is_a_kind_of_memory(own):
    server, proxy = own
    pinned(proxy)
    server.script = whole(json.dumps(HI).encode(), **TOLD)
    reply = proxy.chat()
    reply.read_head()
    assert reply.headers["x-memory-kinds"] == "plaintext,activation"


@pytest.mark.parametrize("told", [TOLD, {**TOLD, "x_activation_tier": 'disk"} 1\\nforged{a="'}])
def test_what_any_other_server_says_of_restoring_is_not_believed(foreign, own, told):
    """A tier stands in the metrics, and the receipt is the proxy's word."""
    server, proxy = foreign if told is TOLD else own
    pinned(proxy)
    server.script = whole(json.dumps(HI).encode(), **told)
    reply = proxy.chat()
    reply.read_head()
    assert not [name for name in reply.headers if name.startswith("x-activation")]
    assert reply.headers["x-memory-kinds"] == "plaintext"
    reply.read()
    assert proxy.receipt(reply)["activation"] is None
    assert "memos_activation_chats" not in metrics_of(proxy)


def test_only_chats_that_activation_memory_might_have_served_are_misses(own):
    server, proxy = own
    server.script = whole(json.dumps(HI).encode(), x_activation_tokens="0", x_activation_tier="text")
    proxy.chat().read()
    pinned(proxy)
    reply = proxy.chat(headers={"X_Memory_Policy": "text"})
    reply.read()
    assert proxy.receipt(reply)["activation"]["tier"] == "text"
    assert "memos_activation_chats" not in metrics_of(proxy), "no stable block, and not wanted"
    proxy.chat().read()
    metrics = metrics_of(proxy)
    assert 'memos_activation_chats_total{tier="text"} 1' in metrics
    assert "memos_activation_hit_ratio 0.0000" in metrics


@pytest.mark.parametrize(("mode", "kept"), [("auto", True), ("on_request", True), ("off", False)])
def test_switched_off_the_engine_neither_opens_a_store_nor_reserves_memory_for_one(tmp_path, mode, kept):
    flags = {"scheduler.activation": mode, "engine.activation_cold_mb": 9, "data.dir": str(tmp_path)}
    options = engine_options(load(None, flags, {}).settings)
    budgets = options.activation_ram_mb, options.activation_disk_mb, options.activation_cold_mb
    assert (options.activations_dir is not None, all(budgets), any(budgets)) == (kept, kept, kept)

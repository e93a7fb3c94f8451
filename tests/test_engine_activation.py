"""The engine with a store of computed prefixes: what is stored is not computed again, for its owner, and exactly."""

import functools
import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.activation_store.store import ActivationStore
from adapters.building import Build
from adapters.engine import Engine
from adapters.generation import BuildRequest, Sampling, Span
from adapters.prefix import common_prefix
from adapters.prefix_cache import Boundary, Match, State, StateCodec, StoredPrefix, Tier
from memory.errors import EngineDown, Invalid, QueueFull
from tests.scripted_context import (
    Caller,
    ScriptedContext,
    prompt_for,
    started_engines,  # noqa: F401  # the fixture `start`
)


@dataclass(slots=True)
class Node:
    tokens: list[int]
    salt: str
    stored: StoredPrefix
    state: State
    damaged: bool = False


@dataclass
class DictCache:
    """Activation memories in a dictionary, without bounds."""

    codec: StateCodec
    tier: Tier = Tier.RAM
    nodes: dict[str, Node] = field(default_factory=dict)
    uses: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)

    def match(
        self, prompt: Sequence[int], salts: Sequence[str], *, whole: bool, shared: Sequence[str] = ()
    ) -> Match | None:
        best: Match | None = None
        for digest, node in self.nodes.items():
            length = common_prefix(node.tokens, list(prompt))
            if node.salt not in [*salts, *shared] or not length:
                continue
            if length < len(node.tokens) and (whole or node.salt not in salts):
                continue
            if best is None or (length, -len(node.tokens)) > (best.length, -len(best.tokens)):
                best = Match(digest=digest, length=length, tokens=node.tokens, tier=self.tier)
        return best

    def find(self, tokens: Sequence[int], salt: str) -> StoredPrefix | None:
        node = self.nodes.get(self._digest(tokens, salt))
        return node.stored if node and self.tier is not Tier.COLD else None

    def load(self, match: Match) -> list[State]:
        self.loads.append(match.digest)
        parts: list[State] = []
        digest: str | None = match.digest
        while digest is not None:
            node = self.nodes[digest]
            if node.damaged:
                self.drop(digest)
                raise Invalid("The bytes have changed.", code="activation_damaged")
            parts.append(node.state)
            digest = node.stored.parent
        return parts[::-1]

    def used(self, digest: str) -> None:
        assert digest in self.nodes
        self.uses.append(digest)

    def keep(
        self,
        tokens: Sequence[int],
        boundaries: Sequence[Boundary],
        state: State,
        *,
        build_s: float,
        labels: Mapping[str, Sequence[str]],
    ) -> StoredPrefix:
        assert boundaries[-1].length == len(tokens)
        assert self.codec.slices or len(boundaries) == 1
        parent: str | None = None
        start = 0
        for boundary in boundaries:
            digest = self._digest(tokens[: boundary.length], boundary.salt)
            if digest not in self.nodes:
                part = self.codec.rows(state, start, boundary.length) if self.codec.slices else state
                stored = StoredPrefix(
                    digest=digest,
                    parent=parent,
                    salt_hash=boundary.salt,
                    length=boundary.length,
                    start=start,
                    size_bytes=part.nbytes,
                    build_s=build_s,
                    tier=self.tier,
                    uses=0,
                    created_at=0.0,
                    last_used_at=0.0,
                    labels=labels,
                )
                self.nodes[digest] = Node(list(tokens[: boundary.length]), boundary.salt, stored, part)
            parent, start = digest, boundary.length
        return self.nodes[parent or ""].stored

    def drop(self, digest: str) -> None:
        """Remove a node and what hangs on it."""
        for child in [d for d, node in self.nodes.items() if node.stored.parent == digest]:
            self.drop(child)
        del self.nodes[digest]

    def _digest(self, tokens: Sequence[int], salt: str) -> str:
        return hashlib.sha256(repr((salt, list(tokens))).encode()).hexdigest()


class CheckingContext(ScriptedContext):
    """Also compares each sequence with the prompt that it answers."""

    def new_sampler(self, sampling: Sampling, prompt: Sequence[int]) -> Any:
        return sampling, list(prompt)

    def sample(self, span_index: int, sampler: Any) -> int:
        _, prompt = sampler
        assert self.tokens(self.batches[-1][span_index].sequence)[: len(prompt)] == prompt
        return super().sample(span_index, sampler)

    def computed(self) -> int:
        return sum(len(span.tokens) for batch in self.batches for span in batch)


Start = Callable[..., tuple[Engine[ScriptedContext], CheckingContext, DictCache]]


@pytest.fixture(name="begin")
def engine_with_store(start) -> Start:
    def begin(tier: Tier = Tier.RAM, gate: bool = False, **options: Any):
        context = CheckingContext(**{"cells": 2048, **options})
        if gate:
            context.gate = threading.Semaphore(0)
        cache = DictCache(context.codec, tier)
        engine = start(context, prefix_cache=lambda _: cache, parked_bytes=0)
        return engine, context, cache

    return begin


SYSTEM, MEMORY = [5] * 60, [6] * 100
ANNA = [*SYSTEM, *MEMORY]


def boundaries(tokens: list[int], salt: str, shared: int = 0) -> list[Boundary]:
    first = [Boundary(length=shared, salt="all")] if shared else []
    return [*first, Boundary(length=len(tokens), salt=salt)]


def build(engine: Engine[Any], tokens: list[int], salt: str, shared: int = 0, idle: bool = False):
    labels = {"cubes": [salt]}
    request = BuildRequest(tokens=tokens, boundaries=boundaries(tokens, salt, shared), labels=labels, idle=idle)
    return engine.build(request)


def forget_residents(engine: Engine[ScriptedContext]) -> None:
    """Drive out whatever is idle: nothing is parked here."""
    room = engine.load_now().context_tokens
    Caller(engine, prompt_for("x", filler=[9] * (room - 10)), max_tokens=1, cache_salt="nobody").result()
    Caller(engine, prompt_for("x"), max_tokens=1, cache_salt="nobody").result()


def asked(caller: Caller) -> str:
    return "".join(caller.result()[0])


def test_what_is_stored_is_restored_and_not_computed_again(begin):
    engine, context, _ = begin()
    stored = build(engine, ANNA, "anna").result(timeout=10)
    assert (stored.length, stored.labels) == (160, {"cubes": ["anna"]})
    forget_residents(engine)
    context.batches.clear()
    caller = Caller(engine, prompt_for("hello", filler=ANNA), cache_salt="anna")
    pieces, end = caller.result()
    assert "".join(pieces) == "hello"
    assert context.computed() == len("hello") * 2 + 2, "the rest of the prompt and the answer"
    assert end.usage.cached_tokens == caller.started.cached_tokens == 160
    restored = caller.started.restored
    assert (restored.tokens, restored.tier, restored.digest, restored.note) == (160, Tier.RAM, stored.digest, "")


def test_a_build_stays_resident_for_its_owner_and_that_counts_as_a_use(begin):
    engine, context, cache = begin()
    stored = build(engine, ANNA, "anna").result(timeout=10)
    assert context.computed() == 160, "nothing is drawn"
    caller = Caller(engine, prompt_for("hello", filler=ANNA), cache_salt="anna")
    assert asked(caller) == "hello"
    assert (caller.started.restored.tokens, caller.started.restored.tier) == (160, Tier.RESIDENT)
    assert (cache.loads, cache.uses) == ([], [stored.digest])


def test_what_is_parked_counts_as_memory_beside_the_context(start):
    context = CheckingContext(cells=500)
    cache = DictCache(context.codec)
    engine = start(context, prefix_cache=lambda _: cache)
    stored = build(engine, ANNA, "anna").result(timeout=10)
    forget_residents(engine)
    caller = Caller(engine, prompt_for("hello", filler=ANNA), cache_salt="anna")
    assert asked(caller) == "hello"
    assert (caller.started.restored.tokens, caller.started.restored.tier) == (160, Tier.RAM)
    assert (cache.loads, cache.uses) == ([], [stored.digest])


def test_where_what_is_parked_is_refused_what_is_stored_is_restored(start):
    class RefusesParked(CheckingContext):
        def restore(self, sequence: int, data: State) -> int:  # noqa: ARG002
            raise Invalid("The saved state does not fit this context.")

        def restore_parts(self, sequence: int, parts: Sequence[State]) -> int:
            return super().restore(sequence, np.concatenate(parts))

    context = RefusesParked(cells=500)
    cache = DictCache(context.codec)
    engine = start(context, prefix_cache=lambda _: cache)
    stored = build(engine, ANNA, "anna").result(timeout=10)
    prompt = prompt_for("hello", filler=ANNA)
    assert asked(Caller(engine, prompt, cache_salt="anna")) == "hello"
    forget_residents(engine)
    assert engine.load_now().parked_bytes > 4 * len(ANNA), "the whole chat, which would spare more"
    caller = Caller(engine, prompt, cache_salt="anna")
    assert asked(caller) == "hello"
    assert caller.started.cached_tokens == caller.started.restored.tokens == len(ANNA)
    assert cache.loads == [stored.digest]


def test_another_owner_gets_nothing_but_what_is_shared_with_him(begin):
    engine, _, _ = begin()
    build(engine, ANNA, "anna", shared=60).result(timeout=10)
    forget_residents(engine)
    prompt = prompt_for("hello", filler=ANNA)
    for options, tokens in (
        ({"cache_salt": "berta"}, 0),
        ({"cache_salt": ""}, 0),
        ({"cache_salt": "carla", "shared_salt": "all"}, 60),
        ({"cache_salt": "anna"}, 160),
        ({"cache_salt": "anna", "shared_salt": "all"}, 160),
    ):
        forget_residents(engine)
        caller = Caller(engine, prompt, **options)
        assert asked(caller) == "hello"
        assert caller.started.restored.tokens == caller.started.cached_tokens == tokens, options


def test_what_others_share_is_restored_whole_or_not_at_all(begin):
    """Who shares a key with others cannot find out token by token what their system prompt says."""
    engine, _, _ = begin()
    build(engine, ANNA, "anna", shared=60).result(timeout=10)
    forget_residents(engine)
    for equal, tokens in ((59, 0), (60, 60)):
        prompt = prompt_for("hello", filler=[*SYSTEM[:equal], *[8] * 40])
        caller = Caller(engine, prompt, cache_salt=f"carla {equal}", shared_salt="all")
        assert asked(caller) == "hello"
        assert caller.started.restored.tokens == caller.started.cached_tokens == tokens
    caller = Caller(engine, prompt_for("hello", filler=ANNA[:59]), cache_salt="anna")
    assert asked(caller) == "hello"
    assert caller.started.restored.tokens == 59, "one's own may be cut"


@pytest.mark.parametrize("parked_bytes", [0, 1 << 20])
def test_what_is_forgotten_is_neither_resident_nor_parked_nor_kept_later(start, parked_bytes):
    context = CheckingContext(cells=2048)
    engine = start(context, parked_bytes=parked_bytes)
    ada = prompt_for("hello", filler=ANNA)
    ben = prompt_for("hello", filler=ANNA)
    for salt, prompt in (("ada", ada), ("ben", ben)):
        assert asked(Caller(engine, prompt, cache_salt=salt)) == "hello"
    if parked_bytes:
        engine.call(lambda _: [engine._scheduler.table.evict_one() for _ in range(2)]).result(timeout=10)
        assert engine.load_now().used_cells == 0
    context.gate, context.at_gate = threading.Semaphore(0), threading.Semaphore(0)
    running = Caller(engine, prompt_for("runs", filler=[7] * 80), cache_salt="ada")
    assert context.at_gate.acquire(timeout=10)
    forgotten = engine.call(lambda _: engine.forget(lambda salt: salt == "ada"))
    context.gate.release(100_000)
    forgotten.result(timeout=10)
    assert asked(running) == "runs", "an answer under way goes on"
    for salt, prompt, kept in (("ada", ada, False), ("ben", ben, True)):
        caller = Caller(engine, prompt, cache_salt=salt)
        assert asked(caller) == "hello"
        assert (caller.started.cached_tokens > 0) is kept, salt
    caller = Caller(engine, prompt_for("runs", filler=[7] * 80), cache_salt="ada")
    assert asked(caller) == "runs"
    assert caller.started.cached_tokens == 0


def test_who_waits_while_his_owner_is_forgotten_leaves_nothing_either(start):
    context = CheckingContext(cells=512, sequences=1)
    context.gate = threading.Semaphore(0)
    engine = start(context)
    first = Caller(engine, prompt_for("first"), cache_salt="ben")
    assert context.at_gate.acquire(timeout=10)
    waits = Caller(engine, prompt_for("waits", filler=MEMORY), cache_salt="ada")
    forgotten = engine.call(lambda _: engine.forget(lambda salt: salt == "ada"))
    context.gate.release(100_000)
    forgotten.result(timeout=10)
    assert (asked(first), asked(waits)) == ("first", "waits")
    again = Caller(engine, prompt_for("waits", filler=MEMORY), cache_salt="ada")
    assert asked(again) == "waits"
    assert again.started.cached_tokens == 0


def test_a_cancelled_build_of_a_forgotten_owner_stays_nowhere(start):
    context = CheckingContext(cells=2048)
    context.gate = threading.Semaphore(0)
    cache = DictCache(context.codec)
    engine = start(context, prefix_cache=lambda _: cache)
    future = build(engine, ANNA, "anna", idle=True)
    assert context.at_gate.acquire(timeout=10)
    future.cancel()
    forgotten = engine.call(lambda _: engine.forget(lambda salt: salt == "anna"))
    context.gate.release(100_000)
    forgotten.result(timeout=10)
    caller = Caller(engine, prompt_for("hello", filler=ANNA), cache_salt="anna")
    assert asked(caller) == "hello"
    assert (caller.started.cached_tokens, cache.nodes) == (0, {})


class Breaking(CheckingContext):
    """Fails where it is told to, having changed half of what it should."""

    broken: tuple[str, ...] = ()

    def restore_parts(self, sequence: int, parts: Sequence[State]) -> int:
        length = super().restore_parts(sequence, parts)
        if "restore" in self.broken:
            raise RuntimeError("CUDA out of memory")
        return length

    def fork(self, source: int, target: int, length: int) -> None:
        super().fork(source, target, length)
        if "fork" in self.broken:
            raise RuntimeError("CUDA out of memory")

    def save(self, sequence: int) -> np.ndarray:
        if "save" in self.broken:
            raise RuntimeError("CUDA out of memory")
        return super().save(sequence)

    def truncate(self, sequence: int, length: int) -> None:
        if "truncate" in self.broken:
            raise RuntimeError("CUDA error")
        super().truncate(sequence, length)


def test_a_context_that_fails_to_restore_costs_the_tokens_and_no_answer(start):
    context = Breaking(cells=2048)
    cache = DictCache(context.codec)
    engine = start(context, prefix_cache=lambda _: cache, parked_bytes=0)
    build(engine, ANNA, "anna").result(timeout=10)
    forget_residents(engine)
    context.broken = ("restore",)
    for _ in range(4):
        caller = Caller(engine, prompt_for("hello", filler=ANNA), cache_salt="anna")
        assert asked(caller) == "hello"
        assert (caller.started.restored.tokens, caller.started.restored.note) == (0, "failed")
        forget_residents(engine)
    assert engine.alive


def test_who_cannot_be_started_fails_alone(start):
    """Four in a row: that many failed batches would end the engine."""
    context = Breaking(cells=2048)
    engine = start(context)
    other = Caller(engine, prompt_for([65] * 300), cache_salt="berta", max_tokens=300)
    assert asked(Caller(engine, prompt_for("a", filler=ANNA), cache_salt="anna")) == "a"
    context.broken = ("fork",)
    for _ in range(4):
        with pytest.raises(EngineDown, match="Try again"):
            asked(Caller(engine, prompt_for("b", filler=ANNA), cache_salt="anna"))
    context.broken = ()
    assert asked(Caller(engine, prompt_for("c", filler=ANNA), cache_salt="anna")) == "c"
    assert asked(other) == "A" * 300
    assert engine.alive


def test_a_context_that_cannot_let_go_starts_over(start):
    context = Breaking(cells=2048)
    engine = start(context)
    assert asked(Caller(engine, prompt_for("a", filler=ANNA), cache_salt="anna")) == "a"
    context.broken = ("fork", "truncate")
    with pytest.raises(EngineDown, match="Try again"):
        asked(Caller(engine, prompt_for("b", filler=ANNA), cache_salt="anna"))
    context.broken = ()
    caller = Caller(engine, prompt_for("c", filler=ANNA), cache_salt="anna")
    assert asked(caller) == "c"
    assert caller.started.cached_tokens == 0
    assert engine.load_now().used_cells <= 2048


def test_what_cannot_be_saved_goes_unsaved(start):
    context = Breaking(cells=500)
    engine = start(context, parked_bytes=1 << 20)
    assert asked(Caller(engine, prompt_for("a", filler=ANNA), cache_salt="anna")) == "a"
    context.broken = ("save",)
    forget_residents(engine)
    assert engine.load_now().parked_bytes == 0


def test_a_stored_prefix_that_can_never_fit_drives_nobody_out(start):
    """One kept by an engine with a larger context, of which a prompt shares a part."""
    context = CheckingContext(cells=512)
    cache = DictCache(context.codec)
    long = [*ANNA, *[6] * 400]
    cache.keep(long, boundaries(long, "anna"), np.array(long, np.int32).view(np.uint8), build_s=1.0, labels={})
    engine = start(context, prefix_cache=lambda _: cache, parked_bytes=0)
    idle = prompt_for("idle", filler=[3] * 80)
    assert asked(Caller(engine, idle, cache_salt="berta")) == "idle"
    caller = Caller(engine, prompt_for("hello", filler=ANNA), cache_salt="anna", max_tokens=10)
    assert asked(caller) == "hello"
    assert (caller.started.restored.tokens, caller.started.restored.note) == (0, "no_room")
    again = Caller(engine, idle, cache_salt="berta")
    assert asked(again) == "idle"
    assert again.started.cached_tokens == len(idle) - 1


def test_a_prefix_of_two_owners_is_stored_in_two_parts_and_restored_from_both(begin):
    engine, _, cache = begin()
    build(engine, ANNA, "anna", shared=60).result(timeout=10)
    build(engine, [*SYSTEM, *[7] * 50], "berta", shared=60).result(timeout=10)
    assert sorted((node.stored.start, node.stored.length) for node in cache.nodes.values()) == [
        (0, 60),
        (60, 110),
        (60, 160),
    ]
    forget_residents(engine)
    caller = Caller(engine, prompt_for("hi", filler=[*SYSTEM, *[7] * 50]), cache_salt="berta")
    assert asked(caller) == "hi"
    assert caller.started.restored.tokens == 110


def test_the_second_build_of_a_shared_beginning_restores_it(begin):
    engine, context, _ = begin()
    build(engine, ANNA, "anna", shared=60).result(timeout=10)
    forget_residents(engine)
    context.batches.clear()
    build(engine, [*SYSTEM, *[7] * 50], "berta", shared=60).result(timeout=10)
    assert context.computed() == 50


def test_a_request_that_wants_text_restores_nothing(begin):
    engine, _, cache = begin()
    build(engine, ANNA, "anna").result(timeout=10)
    forget_residents(engine)
    caller = Caller(engine, prompt_for("hello", filler=ANNA), cache_salt="anna", use_activation=False)
    assert asked(caller) == "hello"
    assert (caller.started.cached_tokens, caller.started.restored.tokens) == (0, 0)
    assert caller.started.restored.tier is Tier.TEXT
    again = Caller(engine, prompt_for("hello", filler=ANNA), cache_salt="anna", use_activation=False)
    assert asked(again) == "hello"
    assert (again.started.cached_tokens, again.started.restored.tokens) == (len(again.generation.prompt) - 1, 0)
    assert (cache.loads, cache.uses) == ([], []), "what was resident by itself is no activation memory"


def test_a_branch_of_a_stored_prefix_restores_what_is_shared(begin):
    engine, _, _ = begin()
    build(engine, ANNA, "anna").result(timeout=10)
    forget_residents(engine)
    caller = Caller(engine, prompt_for("hello", filler=[*SYSTEM, *[6] * 40, 8, 8]), cache_salt="anna")
    assert asked(caller) == "hello"
    assert caller.started.restored.tokens == caller.started.cached_tokens == 100


def test_few_tokens_more_than_what_is_resident_are_computed(begin):
    engine, _, cache = begin()
    build(engine, ANNA, "anna").result(timeout=10)
    forget_residents(engine)
    asked(Caller(engine, prompt_for("x", filler=[*ANNA[:140], 8]), cache_salt="anna", use_activation=False))
    caller = Caller(engine, prompt_for("hello", filler=ANNA), cache_salt="anna")
    assert asked(caller) == "hello"
    assert cache.loads == []
    assert (caller.started.restored.tokens, caller.started.restored.tier) == (140, Tier.RESIDENT)


def test_damage_costs_the_tokens_and_never_the_answer(begin):
    engine, _, cache = begin()
    stored = build(engine, ANNA, "anna", shared=60).result(timeout=10)
    forget_residents(engine)
    cache.nodes[stored.digest].damaged = True
    caller = Caller(engine, prompt_for("hello", filler=ANNA), cache_salt="anna", shared_salt="all")
    assert asked(caller) == "hello"
    restored = caller.started.restored
    assert (restored.tokens, restored.note, restored.tier) == (60, "damaged", Tier.RAM), "the shared part is whole"
    forget_residents(engine)
    cache.nodes[restored.digest].damaged = True
    caller = Caller(engine, prompt_for("hello", filler=ANNA), cache_salt="anna", shared_salt="all")
    assert asked(caller) == "hello"
    restored = caller.started.restored
    assert (restored.tokens, restored.note, restored.tier, restored.digest) == (0, "damaged", Tier.TEXT, "")
    assert not cache.nodes


@pytest.mark.parametrize("fault", ["raises", "short"])
def test_a_state_that_the_context_refuses_is_computed(begin, fault):
    engine, context, _ = begin()
    build(engine, ANNA, "anna").result(timeout=10)
    forget_residents(engine)
    whole = context.restore_parts

    def refuse(sequence: int, parts: Sequence[State]) -> int:
        if fault == "raises":
            raise Invalid("The saved state does not fit this context.")
        return whole(sequence, [parts[0][:-4]])

    context.restore_parts = refuse
    for _ in range(3):
        caller = Caller(engine, prompt_for("hello", filler=ANNA), cache_salt="anna")
        assert asked(caller) == "hello"
        forget_residents(engine)
        assert (caller.started.restored.tokens, caller.started.restored.note) == (0, "refused")
    assert engine.load_now().used_cells == engine.call(lambda c: c.used()).result(timeout=10)


@pytest.mark.parametrize("method", ["match", "load", "used", "find", "keep"])
def test_a_store_that_fails_fails_builds_at_most(begin, method):
    engine, _, cache = begin()
    build(engine, ANNA, "anna").result(timeout=10)

    def fail(*_: Any, **__: Any) -> Any:
        raise OSError("the disk is gone")

    setattr(cache, method, fail)
    asked(Caller(engine, prompt_for("hello", filler=ANNA), cache_salt="anna"))
    forget_residents(engine)
    caller = Caller(engine, prompt_for("hello", filler=ANNA), cache_salt="anna")
    assert asked(caller) == "hello"
    if method in ("match", "load"):
        assert caller.started.restored.note == "failed"
    if method in ("find", "keep"):
        with pytest.raises(OSError, match="the disk is gone"):
            build(engine, [8] * 60, "anna").result(timeout=10)
    assert engine.alive


def test_what_is_not_exact_says_so_and_is_shared_with_nobody(begin):
    engine, context, cache = begin(tier=Tier.COLD)
    build(engine, ANNA, "anna").result(timeout=10)
    for _ in range(2):
        forget_residents(engine)
        caller = Caller(engine, prompt_for("hello", filler=ANNA), cache_salt="anna")
        assert asked(caller) == "hello"
        assert (caller.started.restored.tier, caller.started.restored.note) == (Tier.COLD, "int8")
        text = Caller(engine, prompt_for("hello", filler=ANNA), cache_salt="anna", use_activation=False)
        assert asked(text) == "hello"
        assert text.started.cached_tokens == 0
    forget_residents(engine)
    context.batches.clear()
    build(engine, [*ANNA, *[7] * 40], "anna").result(timeout=10)
    assert context.computed() == 200, "what is built is exact"
    assert len(cache.loads) == 2


def test_a_burst_restores_once(begin):
    engine, context, cache = begin(gate=True)
    context.gate.release(10_000)
    build(engine, ANNA, "anna").result(timeout=10)
    forget_residents(engine)
    callers = [Caller(engine, prompt_for(f"{n}", filler=ANNA), cache_salt="anna", max_tokens=5) for n in range(6)]
    assert [asked(caller) for caller in callers] == [f"{n}" for n in range(6)]
    assert {caller.started.restored.tokens for caller in callers} == {160}
    assert len(cache.loads) == 1


# -- builds -----------------------------------------------------------------------------------------------------------


def test_an_idle_build_yields_to_a_chat_and_goes_on_where_it_was(begin):
    engine, context, cache = begin(gate=True)
    tokens = [7] * 600
    made = build(engine, tokens, "anna", idle=True)
    context.gate.release(3)
    for _ in range(4):
        assert context.at_gate.acquire(timeout=10)
    chat = Caller(engine, prompt_for("hello"), cache_salt="berta")
    context.gate.release(1)  # the chunk that is under way
    for _ in range(1):
        assert context.at_gate.acquire(timeout=10)
    before = len(context.batches)
    load = engine.load_now()
    assert (load.running, load.waiting, load.building) == (1, 0, 1)
    context.gate.release(6)
    assert asked(chat) == "hello"
    assert all(span.tokens[0] != 7 for batch in context.batches[before:] for span in batch)
    assert not made.done()
    context.gate.release(10_000)
    stored = made.result(timeout=10)
    assert np.array_equal(cache.nodes[stored.digest].state.view(np.int32), tokens)
    assert sum(len(span.tokens) for batch in context.batches for span in batch if span.tokens[0] == 7) == 600
    assert max(len(batch) for batch in context.batches) == 1, "an idle build is alone in its batches"
    assert engine.call(lambda _: engine.load_now()).result(timeout=10).building == 0


def test_a_chat_never_waits_for_more_than_a_chunk_of_an_idle_build(begin):
    """Chunks are as short as beside streams, although nobody streams: somebody may come."""
    engine, context, _ = begin(batch=512)
    build(engine, [7] * 600, "anna", idle=True).result(timeout=10)
    first = context.batches[0][0]
    assert len(first.tokens) == 32, "nothing is known yet"


def test_an_idle_build_whose_progress_is_driven_out_still_ends(begin):
    engine, context, cache = begin(gate=True, cells=700, sequences=2)
    tokens = [7] * 400
    made = build(engine, tokens, "anna", idle=True)
    context.gate.release(3)
    for _ in range(4):
        assert context.at_gate.acquire(timeout=10)
    chat = Caller(engine, prompt_for("hello", filler=[8] * 600), cache_salt="berta", max_tokens=10)
    context.gate.release(10_000)
    assert asked(chat) == "hello"
    stored = made.result(timeout=10)
    assert np.array_equal(cache.nodes[stored.digest].state.view(np.int32), tokens)


def test_idle_builds_wait_their_turn_and_those_of_now_run_beside_chats(begin):
    engine, context, _ = begin(gate=True, batch=64)
    chat = Caller(engine, prompt_for("s" * 60), cache_salt="berta")
    assert context.at_gate.acquire(timeout=10)
    idle = build(engine, [7] * 200, "carla", idle=True)
    now = build(engine, [6] * 200, "anna")
    for _ in range(20):
        context.gate.release()
        assert context.at_gate.acquire(timeout=10)
    beside = [batch for batch in context.batches if len(batch) == 2]
    assert len(beside) >= 4
    assert all({span.tokens[0] for span in batch} <= {6, ord("s"), 0} for batch in context.batches)
    assert now.result(timeout=10).length == 200
    assert not idle.done()
    context.gate.release(10_000)
    assert asked(chat) == "s" * 60
    assert idle.result(timeout=10).length == 200


def test_what_a_chat_has_computed_is_not_built_again(begin):
    engine, context, cache = begin()
    asked(Caller(engine, prompt_for("hello", filler=ANNA), cache_salt="anna"))
    context.batches.clear()
    stored = build(engine, ANNA, "anna", shared=60).result(timeout=10)
    assert context.batches == []
    assert np.array_equal(cache.load(cache.match(ANNA, ["anna"], whole=True))[-1].view(np.int32), MEMORY)
    assert engine.load_now().used_cells == engine.call(lambda c: c.used()).result(timeout=10)
    assert stored.start == 60


def test_what_is_stored_already_is_answered_at_once_also_while_a_chat_runs(begin):
    engine, context, _ = begin(gate=True)
    context.gate.release(10_000)
    stored = build(engine, ANNA, "anna").result(timeout=10)
    forget_residents(engine)
    while context.gate.acquire(blocking=False):
        pass
    chat = Caller(engine, prompt_for("s" * 60), cache_salt="berta")
    context.gate.release(5)
    assert build(engine, ANNA, "anna", idle=True).result(timeout=10) == stored
    context.gate.release(10_000)
    assert asked(chat) == "s" * 60


def test_the_same_idle_build_asked_for_twice_is_computed_once(begin):
    engine, context, _ = begin(gate=True)
    chat = Caller(engine, prompt_for("abc"), cache_salt="berta")
    assert context.at_gate.acquire(timeout=10)
    builds = [build(engine, ANNA, "anna", idle=True) for _ in range(3)]
    context.gate.release(10_000)
    assert len({made.result(timeout=10).digest for made in builds}) == 1
    asked(chat)
    assert sum(len(s.tokens) for batch in context.batches for s in batch if s.tokens[0] in (5, 6)) == 160


def test_two_builds_of_now_that_begin_alike_share_the_beginning(begin):
    engine, context, _ = begin(gate=True)
    chat = Caller(engine, prompt_for("abc"), cache_salt="berta")
    assert context.at_gate.acquire(timeout=10)
    first = build(engine, ANNA, "anna")
    second = build(engine, [*ANNA, *[7] * 40], "anna")
    context.gate.release(10_000)
    assert (first.result(timeout=10).length, second.result(timeout=10).length) == (160, 200)
    asked(chat)
    assert sum(len(s.tokens) for batch in context.batches for s in batch if s.tokens[0] in (5, 6, 7)) == 200


def test_where_states_cannot_be_cut_one_is_saved_at_every_boundary(begin):
    engine, context, cache = begin(whole_only=True)
    stored = build(engine, ANNA, "anna", shared=60).result(timeout=10)
    assert (stored.start, stored.length) == (0, 160)
    assert sorted(node.state.nbytes // 4 for node in cache.nodes.values()) == [60, 160]
    assert context.computed() == 160, "it goes on after each"
    forget_residents(engine)
    for salt, filler, tokens in (
        ("anna", ANNA, 160),
        ("anna", [*SYSTEM, *MEMORY[:40]], 60),
        ("berta", ANNA, 60),
        ("berta", SYSTEM[:50], 0),
    ):
        caller = Caller(engine, prompt_for("hi", filler=filler), cache_salt=salt, shared_salt="all")
        assert asked(caller) == "hi"
        assert caller.started.restored.tokens == tokens
        forget_residents(engine)


def test_where_states_cannot_be_cut_only_what_is_missing_is_computed(begin):
    engine, context, cache = begin(whole_only=True)
    build(engine, ANNA, "anna", shared=60).result(timeout=10)
    forget_residents(engine)
    context.batches.clear()
    build(engine, [*SYSTEM, *[7] * 50], "berta", shared=60).result(timeout=10)
    assert (context.computed(), len(cache.nodes)) == (50, 3)


def test_a_layout_that_cannot_be_cut_in_a_context_that_can_is_saved_at_every_boundary(begin):
    engine, context, cache = begin()
    context.codec.slices = False
    build(engine, ANNA, "anna", shared=60).result(timeout=10)
    assert sorted(node.state.nbytes // 4 for node in cache.nodes.values()) == [60, 160]
    forget_residents(engine)
    caller = Caller(engine, prompt_for("hi", filler=ANNA[:120]), cache_salt="anna", shared_salt="all")
    assert asked(caller) == "hi"
    assert caller.started.restored.tokens == 120


def test_a_boundary_with_too_little_before_it_is_none(begin):
    engine, _, cache = begin()
    build(engine, ANNA, "anna", shared=20).result(timeout=10)
    build(engine, SYSTEM, "anna", shared=60).result(timeout=10)
    assert sorted((node.salt, node.stored.length) for node in cache.nodes.values()) == [("anna", 60), ("anna", 160)]


class Clock:
    """Shows how long decoding has taken, at 10 ms a token."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.mark.parametrize(("shared", "warm"), [(0, False), (60, False), (60, True)])
def test_what_a_build_took_is_measured_over_its_own_tokens(start, shared, warm):
    clock = Clock()

    class Timed(CheckingContext):
        def decode(self, spans: Sequence[Span]) -> None:
            super().decode(spans)
            clock.now_s += 0.01 * sum(len(span.tokens) for span in spans)

    context = Timed(cells=2048)
    cache = DictCache(context.codec)
    engine = start(context, prefix_cache=lambda _: cache, clock=clock, parked_bytes=0)
    stream = Caller(engine, prompt_for("s" * 500))
    if warm:  # what is taken over from a chat would have taken as long
        asked(Caller(engine, prompt_for("x", filler=ANNA[:150]), cache_salt="anna"))
    if shared:
        build(engine, SYSTEM, "all").result(timeout=10)
    assert build(engine, ANNA, "anna", shared=shared).result(timeout=10).build_s == pytest.approx((160 - shared) / 100)
    stream.cancel()


@pytest.mark.parametrize(
    ("tokens", "at", "code"),
    [
        ([5] * 31, 31, "prefix_too_short"),
        ([], 0, "prefix_too_short"),
        ([5] * 500, 500, "context_length_exceeded"),
        ([5] * 100, 90, None),
    ],
)
def test_a_prefix_that_cannot_be_stored_is_refused(begin, tokens, at, code):
    engine, _, _ = begin(cells=500)
    request = BuildRequest(tokens=tokens, boundaries=[Boundary(length=at, salt="anna")] if at else [])
    with pytest.raises(Invalid) as caught:
        engine.build(request).result(timeout=10)
    assert caught.value.code == code


def test_without_a_store_nothing_is_built_and_chats_say_so_too(start):
    engine = start(ScriptedContext())
    with pytest.raises(Invalid) as caught:
        build(engine, ANNA, "anna").result(timeout=10)
    assert caught.value.code == "activation_off"
    caller = Caller(engine, prompt_for("hi", filler=ANNA))
    assert asked(caller) == "hi"
    assert (caller.started.restored.tokens, caller.started.restored.tier) == (0, Tier.TEXT)
    assert engine.prefix_cache is None


@pytest.mark.parametrize("idle", [True, False])
def test_a_cancelled_build_computes_nothing_after_the_batch_under_way(begin, idle):
    engine, context, cache = begin(gate=True)
    made, waiting = (build(engine, [n] * 600, "anna", idle=idle) for n in (7, 8))
    assert context.at_gate.acquire(timeout=10)
    assert made.cancel()
    assert waiting.cancel()
    context.gate.release(10_000)
    assert asked(Caller(engine, prompt_for("hi"))) == "hi"
    assert engine.call(lambda _: engine.load_now()).result(timeout=10).building == 0
    batches = [batch for batch in context.batches if any(span.tokens[0] in (7, 8) for span in batch)]
    assert len(batches) == 1
    assert cache.nodes == {}
    with pytest.raises(CancelledError):
        made.result(timeout=10)


@pytest.mark.parametrize("idle", [True, False])
def test_builds_under_way_and_waiting_fail_when_the_engine_closes(begin, idle):
    engine, context, _ = begin(gate=True, sequences=1)
    builds = [build(engine, [n] * 600, "anna", idle=idle) for n in (7, 8)]
    assert context.at_gate.acquire(timeout=10)
    closing = threading.Thread(target=engine.close)
    closing.start()
    while engine.alive:
        pass
    late = build(engine, ANNA, "anna", idle=idle)
    context.gate.release(10_000)
    closing.join(10)
    for made in (*builds, late):
        with pytest.raises(EngineDown):
            made.result(timeout=10)


def test_a_failed_batch_fails_the_build_in_it_and_not_those_that_wait(begin):
    engine, context, _ = begin(gate=True)
    builds = [build(engine, [n] * 600, "anna", idle=True) for n in (7, 8)]
    assert context.at_gate.acquire(timeout=10)
    context.failures = [RuntimeError("device lost")]
    context.gate.release(10_000)
    with pytest.raises(EngineDown):
        builds[0].result(timeout=10)
    assert builds[1].result(timeout=10).length == 600


def test_the_line_of_idle_builds_is_bounded(start):
    context = CheckingContext()
    context.gate = threading.Semaphore(0)
    cache = DictCache(context.codec)
    engine = start(context, prefix_cache=lambda _: cache, queue_limit=2)
    builds = [build(engine, [n] * 100, "anna", idle=True) for n in (6, 7, 8)]
    with pytest.raises(QueueFull):
        builds[2].result(timeout=10)
    context.gate.release(10_000)
    assert [made.result(timeout=10).length for made in builds[:2]] == [100, 100]
    assert build(engine, [8] * 100, "anna", idle=True).result(timeout=10).length == 100


def test_a_store_that_cannot_be_made_fails_the_load_and_frees_the_context():
    context = ScriptedContext()

    def fail(_: ScriptedContext) -> DictCache:
        raise OSError("no such disk")

    engine = Engine(lambda: context, prefix_cache=fail)
    with pytest.raises(OSError, match="no such disk"):
        engine.start().result(timeout=10)
    assert context.closed


def store_of(context: CheckingContext, folder: Path | None, ram_bytes: int = 1 << 20) -> ActivationStore:
    return ActivationStore(
        folder, fingerprint="test", codec=context.codec, ram_bytes=ram_bytes, disk_bytes=1 << 20, cold_bytes=0
    )


def test_what_is_on_disk_is_restored_by_the_next_engine_unless_it_is_damaged(start, tmp_path):
    tiers = []
    for turn in range(3):
        context = CheckingContext(cells=2048)
        engine = start(context, prefix_cache=lambda context: store_of(context, tmp_path))
        if turn == 0:
            build(engine, ANNA, "anna", shared=60).result(timeout=10)
        if turn == 2:
            for path in tmp_path.rglob("*.safetensors"):
                data = bytearray(path.read_bytes())
                data[-200] ^= 255
                path.write_bytes(data)
        caller = Caller(engine, prompt_for("hello", filler=ANNA), cache_salt="anna")
        assert asked(caller) == "hello"
        tiers.append((caller.started.restored.tier, caller.started.restored.tokens, caller.started.restored.note))
        engine.close()
        engine.prefix_cache.close()
    assert tiers == [(Tier.RESIDENT, 160, ""), (Tier.DISK, 160, ""), (Tier.TEXT, 0, "damaged")]


# -- laws -------------------------------------------------------------------------------------------------------------

SALTS = st.sampled_from("ab")
BLOCKS = st.lists(st.integers(1, 2), min_size=1, max_size=4)  # of 40 tokens
ASKED = st.tuples(st.just("ask"), SALTS, BLOCKS, st.text("abc", max_size=6), st.booleans(), st.booleans())
BUILT = st.tuples(st.just("build"), SALTS, BLOCKS, st.integers(0, 2), st.booleans(), st.booleans())
CHANGED = st.tuples(st.sampled_from(["drop", "damage", "cool"]), st.integers(0, 5))


def computed_tokens(blocks: list[int]) -> list[int]:
    return [block for block in blocks for _ in range(40)]


def change(cache: DictCache | ActivationStore, operation: str, number: int) -> None:
    """What may happen to a store between two batches."""
    if isinstance(cache, ActivationStore):
        kept = [stored.digest for stored in cache.list()]
        cache.drop(digests=kept[number : number + 1])
        return
    digests = sorted(cache.nodes)
    if operation == "cool":
        cache.tier = Tier.RAM if number else Tier.COLD
    elif digests and operation == "drop":
        cache.drop(digests[number % len(digests)])
    elif digests:
        cache.nodes[digests[number % len(digests)]].damaged = True


class World:
    """An engine with a store, and all that was asked of it."""

    def __init__(self, context: CheckingContext, parked_bytes: int, cache: DictCache | ActivationStore) -> None:
        self.cache = cache
        self.engine = Engine(lambda: context, parked_bytes=parked_bytes, prefix_cache=lambda _: self.cache)
        self.engine.start().result(timeout=10)
        self.callers: list[tuple[Caller, str]] = []
        self.builds: list[tuple[Future[StoredPrefix], int]] = []

    def ask(self, salt: str, blocks: list[int], answer: str, activation: bool, cancelled: bool) -> None:
        prompt = prompt_for(answer, filler=computed_tokens(blocks))
        options = {"cache_salt": salt, "shared_salt": "all", "use_activation": activation}
        caller = Caller(self.engine, prompt, max_tokens=8, **options)
        if cancelled:
            caller.cancel()
        else:
            self.callers.append((caller, answer))

    def build(self, salt: str, blocks: list[int], shared: int, idle: bool, cancelled: bool) -> None:
        tokens = computed_tokens(blocks)
        made = build(self.engine, tokens, salt, min(shared * 40, len(tokens)), idle)
        if not (cancelled and made.cancel()):
            self.builds.append((made, len(tokens)))

    def change(self, name: str, number: int) -> None:
        self.engine.call(lambda _: change(self.cache, name, number))

    def check(self) -> None:
        for caller, answer in self.callers:
            assert asked(caller) == answer
            assert caller.started.restored.tokens <= caller.started.cached_tokens
        for made, length in self.builds:
            assert made.result(timeout=10).length == length
        load = self.engine.call(lambda _: self.engine.load_now()).result(timeout=10)
        assert load.used_cells == self.engine.call(lambda c: c.used()).result(timeout=10)
        assert (load.running, load.waiting, load.building) == (0, 0, 0)
        for node in self.cache.nodes.values() if isinstance(self.cache, DictCache) else ():
            assert np.array_equal(node.state.view(np.int32), node.tokens[node.stored.start :]), "it is exact"


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.one_of(ASKED, BUILT, CHANGED), max_size=25),
    st.integers(1, 4),
    st.integers(200, 500),
    st.sampled_from([0, 2000, 1 << 20]),
    st.booleans(),
    st.sampled_from([None, 700, 1 << 20]),
)
def test_law_whatever_is_stored_restored_or_lost_answers_are_those_of_plain_computing(
    operations, sequences, cells, parked_bytes, whole_only, store_bytes
):
    """``store_bytes``: of the product's own store, which gives up what is worth least; None: of a faulty one."""
    context = CheckingContext(cells=cells, sequences=sequences, batch=64, whole_only=whole_only)
    cache = DictCache(context.codec) if store_bytes is None else store_of(context, None, ram_bytes=store_bytes)
    world = World(context, parked_bytes, cache)
    actions = {"ask": world.ask, "build": world.build}
    try:
        for name, *options in operations:
            actions.get(name, functools.partial(world.change, name))(*options)
        world.check()
    finally:
        world.engine.close()
    assert world.engine.failure is None


@given(st.lists(st.integers(0, 100), max_size=5), st.booleans())
def test_law_a_build_stores_at_increasing_boundaries_the_last_being_its_end(lengths, idle):
    request = BuildRequest(
        tokens=[1] * 100,
        boundaries=[Boundary(length=n, salt=str(n)) for n in [*lengths, 100]],
        idle=idle,
    )
    cache = DictCache(ScriptedContext().codec)
    made = Build(request)
    assert made.prepare(ScriptedContext(), cache, 200)
    assert (made.stop, made.salt, made.idle) == (100, "100", idle)
    kept = [b.length for b in made._boundaries]
    assert kept == sorted(set(kept))
    assert all(n in lengths and n >= 32 for n in kept[:-1])

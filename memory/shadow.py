"""A recorded stream of turns in, one line for each of them out: what a memory would have brought in.

The memory begins empty. It is asked about a turn before that turn is written into it, so that no turn sees itself or
what came later, and everything runs through the same pipeline as in service: what it brings in counts as used there,
and stays in sight for the rest of the conversation. Written is what was written then: the recorded answer, and never
again what was recorded as brought in. Law: lines hold numbers and digests, and no word of what was said.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

from memory.pipeline import Pipeline
from memory.ports import Ledger, Vault
from memory.turn import Controls, Mode, Prepared, Scope, TurnRecord
from memory.upkeep import Upkeep
from memory.vault.recorded import RecordedTurn
from memory.vault.words import content_terms, terms

_HISTORY_TURNS = 100  # of a conversation; no client sends more for long, and each is looked at in each later turn
_NOTHING = "\n"  # of a turn's block in the ledger, where what was brought in is to be known by its ids alone
_LEASE_S = 3600.0
_TICK = timedelta(microseconds=1)


class ReplayClock:
    """Stands at the time of the turn that is replayed; no two calls give the same time, and none an earlier one."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def __call__(self) -> datetime:
        self._now += _TICK
        return self._now

    def move_to(self, at: datetime) -> None:
        """Go on to a time; one that has passed changes nothing."""
        self._now = max(self._now, at)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowMemory:
    """A memory of its own, in a vault that nobody else has; all its parts go by the clock."""

    pipeline: Pipeline
    ledger: Ledger
    vault: Vault
    upkeep: Upkeep
    clock: ReplayClock


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What would have been brought into one turn."""

    turn: int  #: place in the stream
    brought: frozenset[int]  #: digests of the memories' texts: the same in all memories
    memories: int
    found: int  #: of these, what was found for this turn; the others are the profile
    tokens: int
    tokens_exact: bool  #: False: an estimate
    support: float | None  #: share of the words that only memory could give to the answer; None: it has none
    cpu_ms: float  #: of this process, from the request to its new messages


@dataclass(frozen=True, slots=True, kw_only=True)
class _Past:
    """A turn that a later one of its conversation repeats."""

    before: "_Past | None"
    messages: tuple[dict[str, Any], ...]
    said: frozenset[str]  #: stems
    shown: frozenset[str]  #: stems of what was brought in beside this turn: it stays there

    def chain(self) -> Iterator["_Past"]:
        """Yield the turns up to this one, newest first."""
        past: _Past | None = self
        for _ in range(_HISTORY_TURNS):
            if past is None:
                return
            yield past
            past = past.before


@dataclass(slots=True)
class _Conversations:
    """What a client would send again with each turn: the chat so far. Of two with the same words, the newer."""

    _pasts: dict[tuple[str, str], _Past] = field(default_factory=dict)

    def before(self, turn: RecordedTurn) -> _Past | None:
        return self._pasts.get(("turn", turn.follows) if turn.request_id else ("conversation", turn.conversation_id))

    def keep(self, turn: RecordedTurn, shown: frozenset[str]) -> None:
        said = [_message(message.role, message.text, message.name) for message in turn.messages]
        said += [_message("assistant", turn.answer)] if turn.answer else []
        key = ("turn", turn.turn_hash) if turn.request_id else ("conversation", turn.conversation_id)
        if key[1]:
            stems = frozenset(stem for message in said for stem in terms(message["content"]))
            self._pasts[key] = _Past(before=self.before(turn), messages=tuple(said), said=stems, shown=shown)


def replayed(
    turns: Sequence[RecordedTurn], memory: ShadowMemory, user: str, *, asked_from: int = 0
) -> Iterator[Line | None]:
    """Yield a line for each turn; None for one before ``asked_from`` or without a question, which is only written.

    Costs what the turns cost in service, without the model.
    Raises: EngineDown: the embedder does not answer.
    """
    scope, conversations = Scope(user=user), _Conversations()
    for number, turn in enumerate(turns):
        memory.clock.move_to(turn.at)
        _keep_up(memory.upkeep)
        past = conversations.before(turn)
        controls = Controls(
            mode=Mode.ON if number >= asked_from else Mode.WRITE_ONLY, conversation_id=turn.conversation_id or None
        )
        messages, started = _asked(turn, past), time.process_time()
        prepared = memory.pipeline.before(messages, scope, controls) if messages else None
        cpu_ms = 1000 * (time.process_time() - started)
        ids = prepared.injection.cube_ids if prepared else ()
        texts = {cube.id: cube.text for cube in memory.vault.get_many(scope, ids)}
        line = None
        if prepared is not None and controls.mode.reads:
            line = _line(number, turn, past, prepared, texts, cpu_ms)
        _write(memory, scope, turn, prepared)
        in_turn = prepared.injection.turn_ids if prepared else ()
        conversations.keep(turn, _stems(texts[cube_id] for cube_id in in_turn))
        yield line


def _keep_up(upkeep: Upkeep) -> None:
    """Let what is due by now leave use, as the sweeper does."""
    while upkeep.sweep():
        pass
    upkeep.keep_quotas()


def _asked(turn: RecordedTurn, past: _Past | None) -> list[dict[str, Any]]:
    """Return the request as the client sent it, as far as the ledger knows; nothing where nobody asked."""
    question = turn.question
    if question is None:
        return []
    before = [] if past is None else [message for each in reversed([*past.chain()]) for message in each.messages]
    return [*before, _message("user", question.text, question.name)]


def _message(role: str, text: str, name: str | None = None) -> dict[str, Any]:
    return {"role": role, "content": text, **({"name": name} if name else {})}


def _line(
    number: int,
    turn: RecordedTurn,
    past: _Past | None,
    prepared: Prepared,
    texts: Mapping[str, str],
    cpu_ms: float,
) -> Line:
    exact = (station.detail.get("tokens_exact", True) for station in prepared.trace)
    return Line(
        turn=number,
        brought=frozenset(map(_digest, texts.values())),
        memories=len(texts),
        found=len(prepared.injection.turn_ids),
        tokens=prepared.injection.tokens,
        tokens_exact=all(exact),
        support=_support(turn, past, _stems(texts.values())),
        cpu_ms=cpu_ms,
    )


def _support(turn: RecordedTurn, past: _Past | None, brought: frozenset[str]) -> float | None:
    """Return which share of the answer's own words stands in what was brought in, now or earlier in its conversation.

    Its own are the stems that neither the question nor the conversation before it says.
    """
    pasts = [] if past is None else [*past.chain()]
    said = frozenset(terms(turn.question.text if turn.question else "")).union(*(each.said for each in pasts))
    own = [stem for stem in content_terms(turn.answered) if stem not in said]
    if not own:
        return None
    known = brought.union(*(each.shown for each in pasts))
    return sum(stem in known for stem in own) / len(own)


def _write(memory: ShadowMemory, scope: Scope, turn: RecordedTurn, prepared: Prepared | None) -> None:
    """Write the turn as it was written then; what this memory brought in counts for use and for later turns."""
    injected = prepared.injection.for_ledger() if prepared else {}
    in_chat = bool(turn.request_id)
    record = TurnRecord(
        scope=scope,
        turn_hash=prepared.turn_hash if prepared and turn.conversation_id else turn.turn_hash,
        conversation_id=turn.conversation_id,
        messages=turn.messages,
        request_id=turn.request_id,
        injected={**injected, "stable": turn.stable, "turn": turn.turn or _NOTHING, "trust": int(turn.trust)},
        occurred_at=turn.at,
        follows=prepared.follows if prepared and in_chat else "",
    )
    if in_chat:
        memory.ledger.close(scope, memory.ledger.open(record, dedupe_window_s=0), turn.answer)
    else:
        memory.ledger.append(record)
    memory.upkeep.used(scope, prepared.injection.cube_ids if prepared else ())
    write = memory.upkeep.after(memory.pipeline.after)
    for exchange in memory.ledger.claim(limit=1, lease_s=_LEASE_S):
        write(exchange)


def _stems(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(stem for text in texts for stem in terms(text))


def _digest(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest(), "big")

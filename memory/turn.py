"""The values that stations hand to each other, in the order in which they appear in a turn.

    Message*  ─reader─▸ MemoryCall ─scheduler─▸ Plan ─operator─▸ Recall(Hit*) ─injector─▸ Injection
    Exchange  ─writer─▸ Draft* ─governance─▸ Admitted* ─vault─▸ MemCube*

Stations share these values and never each other; only ``memory/pipeline.py`` knows the order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from memory.cube import FactKey, Kind, MemCube, Origin, SemanticType, Source, Trust


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Whose memory is read or written. Every read takes one; there is no unscoped read."""

    user: str
    key_id: str = ""  #: the API key that acts, for the audit
    task: str = ""  #: what the request is for; some memories are shared for one task only


class Mode(StrEnum):
    """What the caller lets memory do in this request (header ``X-Memory``)."""

    ON = "on"
    OFF = "off"
    READ_ONLY = "read-only"
    WRITE_ONLY = "write-only"

    @property
    def reads(self) -> bool:
        """True when memories may be brought in."""
        return self in (Mode.ON, Mode.READ_ONLY)

    @property
    def writes(self) -> bool:
        """True when the turn may be remembered."""
        return self in (Mode.ON, Mode.WRITE_ONLY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """The caller's wishes for one request, read from ``X-Memory-*`` headers; None leaves it to the policy."""

    mode: Mode = Mode.ON
    conversation_id: str | None = None
    budget_tokens: int | None = None
    policy: str | None = None
    as_of: datetime | None = None
    without: tuple[str, ...] = ()  #: ids of memories; the request is answered as if these did not exist
    task: str | None = None
    stated: bool = False  #: the request itself says what memory may do
    retry: bool = False  #: the client says that it repeats a request (``x-stainless-retry-count`` > 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One utterance as memory reads it: the text parts only, never images, tool output or base64."""

    role: str
    text: str
    id: str = ""
    name: str | None = None
    created_at: datetime | None = None


class Intent(StrEnum):
    """What the user's words ask of memory."""

    TELL = "tell"
    ASK = "ask"
    FORGET = "forget"
    CORRECT = "correct"
    CHAT = "chat"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeExpression:
    """A time named in the text, resolved to a half-open interval in UTC."""

    text: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryCall:
    """What a request asks of memory (the papers' Memory Call, arXiv 2507.03724, "MemReader")."""

    query: str  #: the last user message, with conversation context folded in where it says little alone
    intent: Intent
    now: datetime
    times: tuple[TimeExpression, ...] = ()
    entities: tuple[str, ...] = ()
    visible: tuple[str, ...] = ()  #: texts of the messages that the model sees anyway, oldest first
    as_of: datetime | None = None  #: time machine: what was known at this time


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to bring in, decided by MemScheduler before anything is searched."""

    policy: str  #: hybrid | semantic | lru | label
    top_k: int
    budget_tokens: int  #: of both blocks together
    stable_budget_tokens: int  #: of the stable block
    kinds: tuple[Kind, ...] = (Kind.PLAINTEXT,)
    min_relevance: float = 0.0  #: hits below this relevance in [0, 1] are not brought in
    min_sufficiency: float = 0.0  #: nothing is brought in for this turn where none is so likely to answer
    recall: bool = True  #: False: this request needs no search (small talk, a pure statement)
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One found memory."""

    cube: MemCube
    score: float  #: the sum that ranks, comparable inside one recall only
    relevance: float = 0.0  #: in [0, 1], of raw similarities: comparable between recalls
    probability: float = 0.0  #: in [0, 1], that it answers
    signals: Mapping[str, float] = field(default_factory=dict)  #: every part of the score, for the receipt
    question: MemCube | None = None  #: what was asked right before, where it is a short answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall:
    """What MemOperator found: hits best first, and whether they can answer at all."""

    hits: tuple[Hit, ...] = ()
    sufficiency: float = 0.0  #: in [0, 1]: the probability that the likeliest hit answers


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One line of a receipt: a memory that was considered, and why it was or was not brought in."""

    cube_id: str
    score: float
    relevance: float
    signals: Mapping[str, float]
    block: str  #: stable | turn | "" when it was left out
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """The two blocks (either may be empty) and what they are made of."""

    stable_text: str = ""
    turn_text: str = ""
    stable_ids: tuple[str, ...] = ()
    turn_ids: tuple[str, ...] = ()
    tokens: int = 0
    kinds: tuple[Kind, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    trust: Trust = Trust.USER  #: the least of what is brought in: an answer rests on it
    shared_ids: tuple[str, ...] = ()  #: those that are somebody else's, for as long as they are shared

    @property
    def cube_ids(self) -> tuple[str, ...]:
        """Ids of all cubes brought in, stable block first."""
        return (*self.stable_ids, *self.turn_ids)

    @classmethod
    def from_ledger(cls, was: Mapping[str, Any]) -> "Injection":
        """Return what ``for_ledger`` kept: the blocks and their ids, without the candidates."""
        ids, turn_ids = tuple(was.get("ids", ())), tuple(was.get("turn_ids", ()))
        return cls(
            stable_text=was.get("stable", ""),
            turn_text=was.get("turn", ""),
            stable_ids=tuple(i for i in ids if i not in turn_ids),
            turn_ids=turn_ids,
            tokens=int(was.get("tokens", 0)),
            kinds=(Kind.PLAINTEXT,) if ids else (),
            trust=Trust(was.get("trust", Trust.USER)),
            shared_ids=tuple(was.get("shared", ())),
        )

    def for_ledger(self) -> dict[str, Any]:
        """Return what the ledger keeps, so that later requests can put the same bytes in the same places."""
        return {
            "stable": self.stable_text,
            "turn": self.turn_text,
            "ids": list(self.cube_ids),
            "turn_ids": list(self.turn_ids),
            "tokens": self.tokens,
            "trust": int(self.trust),
            **({"shared": list(self.shared_ids)} if self.shared_ids else {}),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What ``pipeline.before`` hands to the proxy: the messages to send, and what bookkeeping needs."""

    messages: list[dict[str, Any]]  #: OpenAI messages, the caller's own objects where nothing was added
    conversation_id: str
    turn_hash: str  #: identifies the last user turn inside its conversation; "" when there is no user message
    user_text: str  #: of the last user message, text parts only
    injection: Injection
    changed: bool  #: False: ``messages`` are the caller's, so the request's bytes can be relayed as they came
    trace: tuple["Station", ...] = ()
    call: MemoryCall | None = None
    repeats: bool = False  #: an earlier request was about the same turn: a client's retry, or an agent loop
    follows: str = ""  #: turn hash of the user turn before


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """One line of a trace: a station, its time and what it says."""

    name: str
    ms: float
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A finished turn as the ledger holds it: what the writer reads. It can be read again at any time."""

    turn_id: str
    scope: Scope
    conversation_id: str
    messages: tuple[Message, ...]  #: the turn's own messages, oldest first: usually one user message and the answer
    injected: str = ""  #: the text that the proxy brought in, never to be learnt again
    occurred_at: datetime
    context: tuple[Message, ...] = ()  #: the messages before, for pronouns and the like; may be empty
    imported: bool = False  #: it came whole by the API: every turn of it is kept
    attempt: int = 1  #: how often the row was given out, this time included; a crash counts
    withheld: tuple[tuple[str, str], ...] = ()  #: (subject, attribute) of facts that are not to be read out of it
    trust: Trust = Trust.USER  #: the least of what the answer rests on: tools' output, memories that were brought in


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A memory that the writer proposes; governance decides."""

    text: str
    semantic_type: SemanticType
    origin: Origin
    source: Source
    trust: Trust = Trust.USER  #: governance lowers it to the least of what it is derived from
    valid_from: datetime
    valid_to: datetime | None = None
    stated_at: datetime | None = None  #: of a fact, where it is news that began earlier; None: ``valid_from``
    fact: FactKey | None = None
    tags: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()
    pinned: bool = False
    ttl_s: float | None = None
    decays: bool | None = None  #: None: as the vault's settings say for its semantic type
    priority: int = 0
    kind: Kind = Kind.PLAINTEXT
    derived_from: tuple[int, ...] = ()  #: positions of other drafts of the same writing


@dataclass(frozen=True, slots=True, kw_only=True)
class Forget:
    """A wish to forget that the writer read in a turn."""

    target: str  #: the words after "forget", as they were said
    subject: str = "user"
    attributes: tuple[str, ...] = ()  #: fact attributes that it names, e.g. ("lives",); a prefix "favourite:" is whole
    everything: bool = False  #: all that is known about the user
    cube_ids: tuple[str, ...] = ()  #: memories that it means beside
    value: str = ""  #: only this value of the attributes ("forget that I like jazz"); empty: whatever the value is
    message_id: str = ""  #: only what was said in this message and answered to it ("forget that")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retract:
    """A fact that no longer holds, without a newer value ("I don't work at X any more")."""

    fact: FactKey  #: an empty value means whatever the value is
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """All that the writer reads out of one exchange."""

    drafts: tuple[Draft, ...] = ()
    forgets: tuple[Forget, ...] = ()
    retracts: tuple[Retract, ...] = ()


class Admitted:
    """A draft that governance let through: the only thing that ``Vault.put`` takes.

    Only ``memory/governance.py`` makes one; the constructor asks for its token so that a mistake fails at once.
    """

    __slots__ = ("draft", "redactions", "scope", "sensitivity")

    _TOKEN = object()

    def __init__(
        self, token: object, draft: Draft, scope: Scope, *, sensitivity: Sequence[str] = (), redactions: int = 0
    ) -> None:
        if token is not Admitted._TOKEN:
            raise TypeError("only governance admits drafts")
        self.draft = draft
        self.scope = scope
        self.sensitivity = tuple(sensitivity)
        self.redactions = redactions


class TurnState(StrEnum):
    """Where a row of the turn ledger stands."""

    OPEN = "open"  #: the answer is still being given
    QUEUED = "queued"
    STORED = "stored"
    EMPTY = "empty"  #: read, and nothing was worth keeping
    FAILED = "failed"  #: will be tried again
    DEAD = "dead"  #: tried too often; kept, visible, re-runnable


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRecord:
    """What goes into the turn ledger when a turn is accepted."""

    scope: Scope
    turn_hash: str
    conversation_id: str
    messages: tuple[Message, ...]  #: the turn's own messages; the answer follows when it is known
    request_id: str = ""
    injected: Mapping[str, Any] = field(default_factory=dict)  #: as ``Injection.for_ledger`` gives it
    occurred_at: datetime | None = None  #: None: now
    repeats: bool = False  #: the client repeats it, or an agent loop goes on: the same turn hash is the same turn
    follows: str = ""  #: turn hash of the user turn before it in the same conversation; "" for the first


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """One row of the turn ledger as seen from outside."""

    id: str
    user: str
    conversation_id: str
    turn_hash: str
    state: TurnState
    attempts: int
    created_at: datetime
    error: str = ""
    answer: str | None = None
    injected: Mapping[str, Any] = field(default_factory=dict)  #: as ``Injection.for_ledger`` gives it

"""The MemCube and its parts: pure values, no storage.

A MemCube is the unit of memory of the MemOS papers (arXiv 2507.03724, section "MemCube"): a payload with descriptive,
governance and behavioural metadata. Two time axes are kept apart: when it held in the world (``valid_from``,
``valid_to``) and when it was known here (``recorded_at``, ``superseded_at``). All times are aware and in UTC.

Values are frozen: a change is a new version, made with ``dataclasses.replace``.
"""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum

MAX_TTL_S = 1e11  #: three thousand years; an end beyond it fits no store
EXTRACTED = "extracted"  #: tag of a fact that an LLM read out of a turn


class Kind(StrEnum):
    """Where a memory acts (arXiv 2507.03724, "Types of memory")."""

    PLAINTEXT = "plaintext"
    ACTIVATION = "activation"
    PARAMETRIC = "parametric"


class State(StrEnum):
    """The life of a MemCube; the transitions are a table in ``memory/lifecycle.py``."""

    GENERATED = "generated"
    ACTIVATED = "activated"
    MERGED = "merged"
    ARCHIVED = "archived"
    EXPIRED = "expired"
    FROZEN = "frozen"


class Origin(StrEnum):
    """How the content came to be (the papers' "origin signature")."""

    USER_INPUT = "user_input"
    INFERENCE = "inference_extraction"
    EXTERNAL = "external_retrieval"
    FINETUNING = "parameter_finetuning"


class SemanticType(StrEnum):
    """What the content is for; ``TURN`` is a verbatim utterance."""

    FACT = "fact"
    PREFERENCE = "preference"
    EVENT = "event"
    PROCEDURE = "procedure"
    TASK_PROMPT = "task_prompt"
    DOCUMENT = "document"
    TURN = "turn"


class Trust(IntEnum):
    """Whose word it is. What is derived has the least trust of its sources; less never replaces more."""

    TOOL = 0
    DOCUMENT = 1
    ASSISTANT = 2
    USER = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class FactKey:
    """What a fact is about: the same key with another value is a newer or a further value."""

    subject: str  #: "user", or the name of the person or thing, case-folded
    attribute: str  #: a relation such as "lives", or "favourite:colour"
    value: str  #: as it was said
    single: bool = (
        True  #: one value holds at a time, so a newer one supersedes; False: values add up (likes, allergies)
    )
    profile: bool = False  #: stable enough for the block that stands in front of every conversation


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a cube came from."""

    conversation_id: str = ""
    message_ids: tuple[str, ...] = ()  #: of the utterances it rests on, as the caller named them or as they were given
    turn_id: str | None = None  #: row in the turn ledger; None for cubes written by hand
    role: str = "user"  #: who said it: user, assistant
    name: str | None = None  #: the speaker's name, where the message carried one
    document_id: str = ""  #: the document that it is a piece of
    position: int = 0  #: of the piece in its document


@dataclass(frozen=True, slots=True, kw_only=True)
class MemCube:
    """One memory, one version of it."""

    id: str
    version: int
    owner: str  #: user id
    text: str
    # descriptive
    kind: Kind = Kind.PLAINTEXT
    semantic_type: SemanticType = SemanticType.FACT
    origin: Origin = Origin.USER_INPUT
    source: Source = field(default_factory=Source)
    tags: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()
    fact: FactKey | None = None
    # governance
    state: State = State.ACTIVATED
    scope: str = "private"
    trust: Trust = Trust.USER
    pinned: bool = False
    ttl_s: float | None = None
    decays: bool = False  #: it is archived when it has long been of no use
    priority: int = 0  #: -100 to 100; of two memories that fit equally well the higher one is brought in
    sensitivity: tuple[str, ...] = ()
    # behavioural
    access_count: int = 0  #: how often it was brought in
    useful_count: int = 0  #: how often an answer then made use of it
    last_used_at: datetime | None = None
    supersedes: tuple[str, ...] = ()
    derived_from: tuple[str, ...] = ()
    duplicate_of: str = ""  #: the memory that took this one in, which says the same
    # time, twice
    valid_from: datetime
    valid_to: datetime | None = None
    recorded_at: datetime
    updated_at: datetime
    superseded_at: datetime | None = None

    @property
    def content_hash(self) -> str:
        """SHA-256 (hex) over what the memory says, in canonical JSON: equal content has an equal hash in any vault."""
        content = {
            "text": self.text,
            "kind": self.kind,
            "semantic_type": self.semantic_type,
            "valid_from": self.valid_from.isoformat(),
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()

    @property
    def current(self) -> bool:
        """True while no newer knowledge has replaced it and its time is not over."""
        return self.superseded_at is None and self.state is not State.EXPIRED

    @property
    def in_use(self) -> bool:
        """True while recall looks at it first; what is archived is looked at when nothing in use answers."""
        return self.current and self.state is not State.ARCHIVED

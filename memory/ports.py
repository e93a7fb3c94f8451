"""The contracts that memory asks of the world. Adapters satisfy them by shape; memory never imports an adapter.

All calls are synchronous and thread-safe unless said otherwise: they run in worker threads, the asynchronous edge is
in ``proxy``.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from memory.cube import MemCube, SemanticType, State
from memory.prefix import Activation, BuildOrder, Built, Dropped
from memory.turn import Admitted, Exchange, Forget, LedgerRow, Retract, Scope, TurnRecord, TurnState

Vector = NDArray[np.float32]  # (d,) unit norm
Matrix = NDArray[np.float32]  # (n, d) unit norm rows
Clock = Callable[[], datetime]  # aware, UTC


class Embedder(Protocol):
    """Turns texts into unit vectors."""

    @property
    def model_id(self) -> str:
        """Stands with each stored vector: vectors of another id are never compared."""
        ...

    @property
    def dimension(self) -> int: ...

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Return one unit row per text, in order.

        Raises: EngineDown: the embedder does not answer.
        """
        ...


class TokenCounter(Protocol):
    """Counts tokens as the model will."""

    @property
    def exact(self) -> bool:
        """False when the counts are estimates; the receipt says so."""
        ...

    def count(self, texts: Sequence[str]) -> list[int]: ...


class VectorIndex(Protocol):
    """Exact or approximate nearest neighbours inside one partition (a user): a cache of the vault."""

    def load(self, partition: str, ids: Sequence[str], vectors: Matrix) -> None:
        """Replace the partition's content."""
        ...

    def loaded(self, partition: str) -> bool: ...

    def add(self, partition: str, ids: Sequence[str], vectors: Matrix) -> None:
        """Add or replace; does nothing when the partition is not loaded (it will be loaded from the vault)."""
        ...

    def remove(self, partition: str, ids: Sequence[str]) -> None: ...

    def drop(self, partition: str) -> None: ...

    def search(self, partition: str, query: Vector) -> tuple[list[str], Vector]:
        """Return all ids of the partition and their cosine similarities in [-1, 1], in the same order, unsorted.

        An approximate index may return fewer, the best ones.
        """
        ...


class SecretDetector(Protocol):
    """Finds secrets in text."""

    def find(self, text: str) -> list[str]:
        """Return the exact substrings that are secrets, longest first."""
        ...


class Extractor(Protocol):
    """An LLM that answers in JSON."""

    def extract(self, prompt: str, schema: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to the prompt as a JSON object; the caller checks it against the schema.

        Raises: EngineDown: it does not answer, or not with a JSON object.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of cubes."""

    cubes: list[MemCube]
    has_more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a write changed: the index and the receipts follow it."""

    created: tuple[MemCube, ...] = ()
    confirmed: tuple[MemCube, ...] = ()  #: facts that were known already: their sources grew
    superseded: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


class Vault(Protocol):
    """The truth about memories. Every read takes a Scope; what is written was admitted by governance."""

    def put(
        self,
        admitted: Sequence[Admitted],
        vectors: Matrix | None,
        model_id: str,
        *,
        turn_id: str | None = None,
        extract: bool = False,
    ) -> Written:
        """Store new cubes in one transaction, superseding older values of single-valued facts of the same key.

        ``vectors`` are the embeddings in the same order (None: no embedder). With ``turn_id`` the ledger row becomes
        ``stored`` (or ``empty``) in the same transaction, so a turn is written once or not at all; cubes that an
        earlier attempt or run wrote for that turn are replaced. With ``extract`` the turn is then queued for the
        extractor in the same transaction, and what that found earlier stays for now.

        An equal fact (same key, same value, case-folded) that is still current is not stored twice: the older cube
        stays and its sources grow.
        """
        ...

    def put_extracted(
        self, admitted: Sequence[Admitted], vectors: Matrix | None, model_id: str, *, read: Exchange
    ) -> Written:
        """Replace the extracted facts of a turn and take it out of the extractor's queue, in one transaction.

        ``admitted`` are all drafts of the turn; those that are not extracted are only referred to. Nothing is written
        when the turn is gone, or is no longer what was ``read``: then it is queued again.
        """
        ...

    def get(self, scope: Scope, cube_id: str) -> MemCube:
        """Raises: NotFound: there is none for this user (other users' ids look the same)."""
        ...

    def get_many(self, scope: Scope, cube_ids: Sequence[str]) -> list[MemCube]:
        """Return those that exist, in the order asked."""
        ...

    def history(self, scope: Scope, cube_id: str) -> list[MemCube]:
        """All versions, oldest first."""
        ...

    def page(
        self,
        scope: Scope,
        *,
        limit: int = 20,
        after: str | None = None,
        semantic_types: Sequence[SemanticType] = (),
        states: Sequence[State] = (),
        pinned: bool | None = None,
        include_superseded: bool = False,
    ) -> Page:
        """Newest first."""
        ...

    def profile(self, scope: Scope, *, as_of: datetime | None = None) -> list[MemCube]:
        """Pinned cubes and current profile facts, oldest first."""
        ...

    def lexical(self, scope: Scope, query: str, *, limit: int = 256) -> tuple[list[tuple[str, float]], int]:
        """Return (cube id, BM25 score >= 0) best first over the user's current cubes, and how many cubes there are."""
        ...

    def recent(self, scope: Scope, *, limit: int) -> list[MemCube]:
        """Current cubes by last use, then by record time, newest first (the LRU policy)."""
        ...

    def labelled(self, scope: Scope, labels: Sequence[str], *, limit: int) -> list[MemCube]:
        """Current cubes that carry any of the tags or entities (case-folded), newest first (the label policy)."""
        ...

    def known_at(self, scope: Scope, as_of: datetime) -> list[MemCube]:
        """All cubes as they were known at that time (recorded by then, not yet superseded then)."""
        ...

    def vectors(self, scope: Scope, model_id: str) -> tuple[list[str], Matrix]:
        """Ids and embeddings of the user's current cubes that have one by this model."""
        ...

    def update(
        self, scope: Scope, cube: MemCube, *, expected_version: int | None, vector: Vector | None, model_id: str
    ) -> MemCube:
        """Store a new version of a cube; its text was admitted by governance.

        Raises: Stale: ``expected_version`` is not the newest. NotFound.
        """
        ...

    def delete(self, scope: Scope, cube_ids: Sequence[str]) -> Written:
        """Remove cubes with all their versions, vectors and index entries, and their words in the ledger."""
        ...

    def forget(self, scope: Scope, forget: Forget) -> Written:
        """Remove every matching cube (current or not), the verbatim turns that state it, their words in the ledger."""
        ...

    def retract(self, scope: Scope, retracts: Sequence[Retract]) -> Written:
        """Close the validity of facts that no longer hold; they stay in history."""
        ...

    def used(self, scope: Scope, cube_ids: Sequence[str]) -> None:
        """Count that these were brought in; an id that stands there twice counts twice."""
        ...

    def erase(self, scope: Scope, cube_ids: Sequence[str] | None) -> dict[str, Any]:
        """Remove the cubes (None: all that the user has, ledger and receipts too).

        Returns a report, store by store: how much was removed and that nothing is found any more.
        """
        ...

    def export(self, scope: Scope) -> Iterator[dict[str, Any]]:
        """Everything the user has: one JSON-ready object per cube version and ledger row, a manifest first."""
        ...

    def missing_vectors(self, model_id: str, *, limit: int) -> list[tuple[str, str, str]]:
        """(user, cube id, text) of current cubes that lack an embedding by this model."""
        ...

    def store_vectors(self, model_id: str, cube_ids: Sequence[str], vectors: Matrix) -> None: ...

    def import_rows(self, scope: Scope, rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
        """Take back what ``export`` gave (same ids; what is already there is left alone) and say how many of each."""
        ...


class Ledger(Protocol):
    """The turn ledger: the raw turns, and the queue of what is still to be read out of them."""

    def open(self, record: TurnRecord, *, dedupe_window_s: float) -> str:
        """Record that a turn was accepted and return its id; the same turn_hash inside the window is the same row."""
        ...

    def close(self, scope: Scope, turn_id: str, answer: str | None) -> None:
        """Record the answer (None: it broke off) and queue the row for the writer."""
        ...

    def append(self, record: TurnRecord) -> tuple[str, TurnState]:
        """Queue a whole turn that came by the API; an equal turn_hash of this user is the same row."""
        ...

    def find(self, scope: Scope, turn_hashes: Sequence[str]) -> list[LedgerRow]:
        """Rows with these hashes, newest first."""
        ...

    def claim(self, *, limit: int, lease_s: float) -> list[Exchange]:
        """Lease queued or failed rows that are due, oldest first, at most one user's rows in order."""
        ...

    def fail(self, turn_id: str, error: str, *, retry_in_s: float | None, counts: bool = True) -> None:
        """Record a failed attempt; None dead-letters the row. ``counts`` False: it was not the row's fault."""
        ...

    def release(self) -> None:
        """Give back what this process has leased: its worker broke off and holds none of it."""
        ...

    def pending(self, scope: Scope) -> int:
        """How many rows of this user are queued, leased or due; those that wait for their next try are not."""
        ...

    def recover(self) -> int:
        """At start: rows that a dead process left open or leased go back to the queue. Return how many."""
        ...

    def states(self, scope: Scope, turn_ids: Sequence[str]) -> dict[str, TurnState]: ...

    def counts(self) -> dict[str, int]:
        """Rows by state over all users, for health and metrics."""
        ...


class Extractions(Protocol):
    """The queue of turns that are stored and that the extractor is still to read."""

    def claim(self, *, lease_s: float) -> Exchange | None:
        """Lease one due turn of the next user in line, as its words are now; None when there is none."""
        ...

    def fail(self, turn_id: str, error: str, *, retry_in_s: float | None) -> None:
        """Record a failed attempt; None gives it up as dead: kept, visible, re-runnable."""
        ...

    def give_up(self) -> int:
        """At the end: what this process had leased waits again, as if it had not been tried. Return how many."""
        ...

    def recover(self) -> int:
        """At start: what a dead process had leased waits again. Return how many."""
        ...

    def counts(self) -> dict[str, int]:
        """How many turns of all users wait ("waiting") and are given up ("dead")."""
        ...


class Receipts(Protocol):
    """What happened in a request, kept for a while."""

    def put_all(self, rows: Sequence[tuple[Scope, str, str]]) -> None:
        """Store or replace receipts, JSON objects, each with its request's id, in one transaction."""
        ...

    def get(self, scope: Scope, request_id: str) -> dict[str, Any]:
        """Raises: NotFound."""
        ...


class ActivationEngine(Protocol):
    """An engine that keeps what it computed of prompts' beginnings, by owner. Unlike the others it is asynchronous."""

    async def build(self, order: BuildOrder) -> Built:
        """Compute and keep a beginning; what is kept already costs nothing.

        Raises: Invalid: it is too short or too long. EngineDown, QueueFull. NotFound: it was dropped meanwhile.
        """
        ...

    async def drop(self, owner: str, digests: Sequence[str] | None = None) -> Dropped:
        """Remove all that is kept of an owner, or what is named, and what is being built for it; files too.

        Raises: EngineDown: it cannot be asked.
        """
        ...

    async def list(self, owner: str) -> list[Activation]:
        """Raises: EngineDown: it cannot be asked."""
        ...

    async def preload(self, owner: str) -> None:
        """Hint that prompts of this owner will come. Raises: EngineDown."""
        ...

    async def stats(self) -> Mapping[str, Any]:
        """Return entries and bytes by tier, and what else it counts. Raises: EngineDown."""
        ...


class Derivations(Protocol):
    """What is computed of a user's memories and lies outside the vault: it goes when they go."""

    def changed(self, scope: Scope) -> None:
        """Take notice that memories were added or superseded. Returns at once."""
        ...

    def removed(self, scope: Scope) -> Mapping[str, Any]:
        """Remove all that was computed of this user's memories and say how much it was, once it is gone.

        Never raises: where it cannot be done now, ``found`` says what is left, and it is done later.
        """
        ...

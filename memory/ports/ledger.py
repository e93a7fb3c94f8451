"""What memory asks of the turn ledger and of what follows from it: the queue of the extractor, receipts."""

from collections.abc import Sequence
from typing import Any, Protocol

from memory.turn import Exchange, LedgerRow, Scope, TurnRecord, TurnState


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

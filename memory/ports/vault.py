"""What memory asks of the vault: the truth about memories."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from memory.aliases import Named
from memory.cube import FactKey, MemCube, SemanticType, State
from memory.lifespan import Lifespans
from memory.outline import Entry
from memory.ports.values import Matrix, Vector
from memory.postings import Postings
from memory.spaces import Partition
from memory.turn import Admitted, Exchange, Forget, Retract, Scope


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


@dataclass(frozen=True, slots=True)
class Archived:
    """An archived memory that was found, and its embedding where the vault has one by the present embedder."""

    cube: MemCube
    vector: Vector | None


@dataclass(frozen=True, slots=True)
class Usage:
    """What memories take."""

    cubes: int
    size_bytes: int  #: of texts (a character counts as one), metadata and vectors

    def __bool__(self) -> bool:
        return bool(self.cubes or self.size_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What a sweep changed of one user's memories."""

    expired: tuple[MemCube, ...] = ()
    archived: tuple[MemCube, ...] = ()
    removed: tuple[str, ...] = ()
    doomed: tuple[str, ...] = ()  #: to be deleted with their words in the ledger, which takes a longer transaction


class Update(Protocol):
    """Stores a new version of a cube; ``Vault.update`` is one."""

    def __call__(
        self, scope: Scope, cube: MemCube, /, *, expected_version: int | None, vector: Vector | None, model_id: str
    ) -> MemCube: ...


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

    def readable(self, scope: Scope, cube_ids: Sequence[str]) -> list[MemCube]:
        """As ``get_many``, and as ``SharedCube`` those that others share with the user now."""
        ...

    def family(self, scope: Scope, cube_ids: Sequence[str]) -> list[str]:
        """Ids of the user's memories that say what these say: derived from them, or what they are derived from."""
        ...

    def partitions(self, scope: Scope) -> list[Partition]:
        """What is searched beside the user's own memories."""
        ...

    def partition_vectors(self, scope: Scope, partition: Partition, model_id: str) -> tuple[list[str], Matrix]:
        """Ids and embeddings of what is shared there; nothing where the user does not belong."""
        ...

    def labelled_by_others(self, scope: Scope, labels: Sequence[str], *, limit: int) -> list[MemCube]:
        """As ``labelled``, of what others share."""
        ...

    def outline(self, scope: Scope, cube_ids: Sequence[str] | None = None) -> list[Entry]:
        """What ranking knows of the user's own current memories (of these), in order of arrival."""
        ...

    def postings(self, scope: Scope, query: str) -> Postings:
        """Where the query's terms stand in the user's own current memories."""
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
        """Current cubes, the last used first; to have been told is a cube's first use (the LRU policy)."""
        ...

    def labelled(self, scope: Scope, labels: Sequence[str], *, limit: int) -> list[MemCube]:
        """Current cubes that carry any of the tags or entities (case-folded), newest first (the label policy)."""
        ...

    def named(self, scope: Scope, *, as_of: datetime | None = None, limit: int = 64) -> list[Named]:
        """What the user's people and animals are called, or were called then, of each sort the newest."""
        ...

    def stated(self, scope: Scope, subject: str, attributes: Sequence[str]) -> list[FactKey]:
        """What cubes state of the subject, current or not, and what else they stated in earlier versions.

        An attribute that ends in ":" names all below it.
        """
        ...

    def archived(
        self, scope: Scope, query: str, asked: Sequence[tuple[str, str]], *, model_id: str, limit: int = 16
    ) -> list[Archived]:
        """Archived cubes that share the rarest words with the query or state an asked (subject, attribute)."""
        ...

    def known_likely(self, scope: Scope, as_of: datetime, query: str, near: Sequence[str]) -> list[MemCube]:
        """Of ``known_at`` what may answer the query; ``near``: ids of what is like it at present, best first."""
        ...

    def embedded_texts(self, scope: Scope, cube_ids: Sequence[str], model_id: str) -> dict[str, tuple[str, bytes]]:
        """The newest text and the embedding (little-endian float32) of those that have one, by id."""
        ...

    def known_at(self, scope: Scope, as_of: datetime) -> list[MemCube]:
        """All cubes as they were known at that time (recorded by then, not yet superseded then)."""
        ...

    def vectors(self, scope: Scope, model_id: str) -> tuple[list[str], Matrix]:
        """Ids and embeddings of the user's current cubes that have one by this model, without those of documents."""
        ...

    def document_vectors(self, scope: Scope, model_id: str) -> tuple[list[str], Matrix]:
        """As ``vectors``, of the chunks of the user's documents."""
        ...

    def document_words(self, scope: Scope, query: str, *, limit: int = 64) -> list[tuple[str, float]]:
        """Return (cube id, BM25 score >= 0) best first over the chunks of the user's documents."""
        ...

    def update(
        self, scope: Scope, cube: MemCube, *, expected_version: int | None, vector: Vector | None, model_id: str
    ) -> MemCube:
        """Store a new version of a cube; its text was admitted by governance.

        Raises: Stale: ``expected_version`` is not the newest. NotFound.
        """
        ...

    def stored(self, scope: Scope, cube_ids: Sequence[str]) -> list[str]:
        """Those of the ids that are cubes of the user, whatever their state."""
        ...

    def delete(self, scope: Scope, cube_ids: Sequence[str]) -> Written:
        """Remove cubes with all their versions, vectors and index entries, and their words in the ledger."""
        ...

    def at_once(self) -> AbstractContextManager[None]:
        """Make one transaction of all changes inside: all of them stand, or none."""
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

    def erase(
        self,
        scope: Scope,
        cube_ids: Sequence[str] | None,
        *,
        elsewhere: Callable[[], Mapping[str, Mapping[str, Any]]] | None = None,
    ) -> dict[str, Any]:
        """Remove the cubes (None: all that the user has, ledger and receipts too).

        ``elsewhere`` empties the stores outside the vault, once its rows are gone, and says of each what it ``found``
        left. Returns a report, store by store: how much was removed and that nothing is found any more.
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


class Upkept(Protocol):
    """The vault as time, quotas and use see it."""

    def due(self, *, limit: int) -> dict[str, list[int]]:
        """Places of memories that are due, those due longest, by user; nothing due costs one look into an index."""
        ...

    def sweep(self, scope: Scope, places: Sequence[int], rules: Lifespans) -> Swept:
        """Expire, archive or remove what is due at these places, in one transaction."""
        ...

    def usage(self, scope: Scope) -> Usage:
        """What the user's memories in use take."""
        ...

    def coldest(self, scope: Scope, excess: Usage, rules: Lifespans) -> list[int]:
        """Places of the coldest memories without which the excess is gone, never pinned or frozen ones."""
        ...

    def put_away(self, scope: Scope, places: Sequence[int], *, note: str) -> Swept:
        """Archive what is in use at these places and not frozen, in one transaction."""
        ...

    def users_changed(self, after: int) -> tuple[list[str], int]:
        """Users whose memories changed after this place of the journal, and its present end."""
        ...

    def reactivate(self, scope: Scope, cube_ids: Sequence[str]) -> list[MemCube]:
        """Bring back into use those that are archived and not superseded; others are left alone."""
        ...

    def brought_in(self, scope: Scope, turn_id: str) -> list[str]:
        """Ids of memories that were brought into a turn; none once its usefulness was counted."""
        ...

    def useful(self, scope: Scope, turn_id: str, cube_ids: Sequence[str]) -> bool:
        """Count that the turn's answer made use of these, once for each turn."""
        ...

    def used(self, scope: Scope, cube_ids: Sequence[str]) -> None: ...

    def get_many(self, scope: Scope, cube_ids: Sequence[str]) -> list[MemCube]: ...

    def delete(self, scope: Scope, cube_ids: Sequence[str]) -> Written: ...


@dataclass(frozen=True, slots=True)
class Unorganised:
    """What was written since duplicates were last looked for, oldest first, of any users."""

    cubes: list[MemCube]
    through: int  #: where the next look begins, once these are done with


class Organised(Protocol):
    """The vault as the organiser sees it."""

    def unorganised(self, *, limit: int) -> Unorganised:
        """Return the next cubes that no look for duplicates has reached; none at the end."""
        ...

    def organised(self, through: int) -> None:
        """Let the next look begin behind this place."""
        ...

    def merge(self, scope: Scope, cubes: Sequence[MemCube], *, note: str = "") -> Written:
        """Let one of these memories take in the others, those that are still what was compared; one change."""
        ...

    def get_many(self, scope: Scope, cube_ids: Sequence[str]) -> list[MemCube]: ...

    def lexical(self, scope: Scope, query: str, *, limit: int = 256) -> tuple[list[tuple[str, float]], int]: ...

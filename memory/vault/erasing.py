"""A wish to forget in, nothing left out: cubes with all versions, index entries, embeddings and words in the ledger.

What is removed is overwritten in the file (``secure_delete``), the write-ahead log is emptied, and where copies of it
stayed behind in unused parts of pages the file is rebuilt. An erasure proves it: by a search through all tables and all
bytes of the data folder.
"""

import logging
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from memory.change import Change, Operation
from memory.cube import FactKey, SemanticType
from memory.errors import Unavailable
from memory.ports import Written
from memory.rules.stance import is_of_others
from memory.turn import Forget, Scope
from memory.vault import extractions
from memory.vault.bearers import beings_of, names_another
from memory.vault.byte_search import database_files, found_in
from memory.vault.cubes import remove, remove_all
from memory.vault.forgotten_names import ForgottenNames, forgotten_of
from memory.vault.known import KnownCube, facts_of, stated, with_duplicates, with_ids, with_text
from memory.vault.ledger_texts import blank_turns, scrub_receipts, scrub_turns
from memory.vault.meant import meant_by
from memory.vault.proof import ERASED_TABLES, count_of, found_in_tables, search_files
from memory.vault.reading import VaultBase
from memory.vault.scrub import Forgotten
from memory.vault.spaces import leave_all
from memory.vault.traces import Traces, of_cubes, of_user, referring, shared, unname, unname_for_others

logger = logging.getLogger(__name__)

#: Up to this size a database is rebuilt where anything stayed behind: it takes a second or two.
_REBUILT_BYTES = 64 << 20
_TIDY_WORDS = 32
#: Changes of which nothing is left.
_EMPTY_CHANGES = """
    DELETE FROM changes WHERE user = ? AND NOT EXISTS (SELECT 1 FROM change_cubes WHERE change_seq = changes.seq)
"""


class CubeErasing(VaultBase):
    """All removals of the vault."""

    def stored(self, scope: Scope, cube_ids: Sequence[str]) -> list[str]:
        """Return those of the ids that are cubes of the user, whatever their state."""
        with self._connections.read() as connection:
            return [each.id for each in with_ids(connection, scope.user, cube_ids)]

    def delete(self, scope: Scope, cube_ids: Sequence[str]) -> Written:
        """Remove cubes, the verbatim turns that they were read from, and their words in those turns of the ledger."""
        with self._connections.write(Change.by(scope, Operation.DELETE)) as connection:
            chosen = with_ids(connection, scope.user, cube_ids)
            purged = _purge(connection, scope, chosen, ForgottenNames())
        if purged.ids:
            self._connections.afterwards(partial(self._tidy, purged.traces))
        return Written(removed=purged.ids)

    def stated(self, scope: Scope, subject: str, attributes: Sequence[str]) -> list[FactKey]:
        """Return what cubes state of the subject, current or not, and what else they stated in earlier versions.

        An attribute that ends in ":" names all below it. Costs a look at all facts of the user.
        """
        with self._connections.read() as connection:
            return stated(connection, scope.user, subject, attributes)

    def forget(self, scope: Scope, forget: Forget) -> Written:
        """Remove every matching cube, current or not, the verbatim turns that state it, and its words in the ledger.

        With attributes: the facts of that subject and attribute (one that ends in ":" names all below it); of facts
        that hold many values only those that the target names, where it names any, and where the wish has a value only
        those that hold it. Every verbatim turn that holds a forgotten value as a whole word goes too. Without
        attributes, and where no fact holds the value: the memories that hold all content words of the target; none
        when it has no content word.
        """
        with self._connections.write(Change.by(scope, Operation.FORGET)) as connection:
            if forget.everything:
                purged = _purged_all(connection, scope.user)
                blank_turns(connection, scope.user)
                for table in ("extractions", "receipts", "changes", "snapshots", "documents"):
                    connection.execute(f"DELETE FROM {table} WHERE user = ?", (scope.user,))
            else:
                names = [(forget.subject, attribute) for attribute in forget.attributes]
                extractions.withhold(connection, scope.user, names)
                chosen, anywhere = meant_by(connection, scope.user, forget)
                known = {each.id for each in chosen}
                chosen += [each for each in with_ids(connection, scope.user, forget.cube_ids) if each.id not in known]
                purged = _purge(connection, scope, chosen, anywhere)
        self._connections.afterwards(partial(self._tidy, purged.traces))
        return Written(removed=purged.ids)

    def erase(
        self,
        scope: Scope,
        cube_ids: Sequence[str] | None,
        *,
        elsewhere: Callable[[], Mapping[str, Mapping[str, Any]]] | None = None,
    ) -> dict[str, Any]:
        """Return how much was removed from each store, and what a search in tables and files still found afterwards.

        ``elsewhere`` empties the stores outside the vault, once the vault's rows are gone, and reports each with what
        it ``found`` left. ``verified`` is True when nothing was found anywhere and the write-ahead log is empty.
        """
        everything = cube_ids is None
        with self._connections.write(replace(Change.by(scope, Operation.ERASE), audited=True)) as connection:
            if cube_ids is None:
                report = count_of(connection, scope.user, None)
                purged = _purged_all(connection, scope.user)
                for table, owner in ERASED_TABLES:
                    connection.execute(f"DELETE FROM {table} WHERE {owner} = ?", (scope.user,))
                leave_all(connection, scope.user)
            else:
                chosen = with_duplicates(connection, scope.user, with_ids(connection, scope.user, cube_ids))
                doomed = [*chosen, *_stating(connection, scope.user, chosen, ForgottenNames())]
                report = count_of(connection, scope.user, [each.id for each in doomed])
                purged = _purge(connection, scope, chosen, ForgottenNames())
                report["ledger"] = purged.turns
        others = {} if elsewhere is None else {name: dict(each) for name, each in elsewhere().items()}
        searched, emptied = self._proved(purged.traces)
        with self._connections.snapshot() as connection:
            found = found_in_tables(connection, scope.user, purged.ids, everything=everything)
        found += searched["found"] + sum(each["found"] for each in others.values())
        return {**report, **others, "bytes": searched, "found": found, "verified": emptied and found == 0}

    def _proved(self, traces: Traces) -> tuple[dict[str, int], bool]:
        """Return what the search through all files found, and whether the log is empty."""
        try:
            small = self._connections.path.stat().st_size <= _REBUILT_BYTES  # an erasure before may have been cut short
            emptied = self._connections.rebuild() if small else self._connections.checkpoint()
            searched = self._searched(traces)
            if searched["found"] and not small:
                emptied = self._connections.rebuild()
                searched = self._searched(traces)
        except Unavailable as fault:
            logger.warning("an erasure could not be proved: %s", fault)
            return {"files": 0, "searched_for": 0, "found": 0}, False
        return searched, emptied

    def _searched(self, traces: Traces) -> dict[str, int]:
        with self._connections.snapshot() as connection:
            return search_files(connection, self._connections.path, traces)

    def _tidy(self, traces: Traces) -> None:
        """Empty the log, and rebuild the database where copies of what was removed stayed behind in it.

        Of a large database the copies stay until an erasure: a rebuild would hold everybody up. The removal stands
        already, so what goes wrong here is told to the operator and not to the caller, who could only try in vain.
        """
        try:
            self._tidied(traces)
        except Unavailable as fault:
            logger.warning("copies of removed rows may stay in the database until an erasure: %s", fault)

    def _tidied(self, traces: Traces) -> None:
        path = self._connections.path
        if not self._connections.checkpoint() or path.stat().st_size > _REBUILT_BYTES:
            return
        sought = [word.encode() for word in traces.sought(_TIDY_WORDS) if word in traces.ids]
        if found_in(database_files(path), sought, database=path):
            self._connections.rebuild()


@dataclass(frozen=True, slots=True)
class _Purged:
    """What a removal took."""

    ids: tuple[str, ...]
    traces: Traces
    turns: int = 0  #: rows of the ledger that changed


def _purged_all(connection: sqlite3.Connection, user: str) -> _Purged:
    """Remove all cubes of the user."""
    named = of_user(connection, user)
    mine = [row[0] for row in connection.execute("SELECT id FROM cubes WHERE owner = ?", (user,))]
    shown = shared(connection, mine)
    ids = remove_all(connection, user)
    unname_for_others(connection, user, shown)
    return _Purged(ids, Traces(ids, named))


def _purge(
    connection: sqlite3.Connection, scope: Scope, chosen: Sequence[KnownCube], anywhere: ForgottenNames
) -> _Purged:
    """Remove the chosen cubes, what states them, and their words; return all removed ids and the ledger's changes."""
    chosen = with_duplicates(connection, scope.user, chosen)
    doomed = [*chosen, *_stating(connection, scope.user, chosen, anywhere)]
    ids = tuple(each.id for each in doomed)
    extractions.withhold(connection, scope.user, {(fact.subject, fact.attribute) for fact in facts_of(doomed)})
    naming, to_others = referring(connection, ids), shared(connection, ids)
    remove(connection, [each.stored for each in doomed])
    unname(connection, naming, ids)
    unname_for_others(connection, scope.user, to_others)
    connection.execute(_EMPTY_CHANGES, (scope.user,))
    linked = replace(forgotten_of(facts_of(chosen), texts=_texts(chosen), ids=ids), others=anywhere.others)
    shown = replace(linked, texts=_texts(doomed))
    links = _links(doomed)
    changed = scrub_turns(connection, scope.user, anywhere=anywhere, linked=linked, links=links, shown=shown)
    scrub_receipts(connection, scope.user, anywhere=anywhere, linked=shown)
    return _Purged(ids, Traces(ids, of_cubes(doomed)), changed)


def _stating(
    connection: sqlite3.Connection, user: str, chosen: Sequence[KnownCube], anywhere: ForgottenNames
) -> list[KnownCube]:
    """Return the cubes that state what is forgotten: verbatim turns that hold it, and what rests on the same words.

    What was put together of several memories goes whole with any of them whose words it repeats; the others stay.
    """
    links = _links(chosen)
    values = replace(forgotten_of(facts_of(chosen)), others=anywhere.others)
    beings = beings_of(facts_of(chosen))
    texts = Forgotten(texts=_texts(chosen))
    doomed = {each.id for each in chosen}
    states = (values, anywhere, texts)
    left = with_text(connection, user, lambda text: any(forgotten.states(text) for forgotten in states))
    left = [each for each in left if each.id not in doomed]
    found: list[KnownCube] = []

    def goes(each: KnownCube) -> bool:
        cube = each.stored.cube
        if cube.semantic_type is not SemanticType.TURN and names_another(cube.fact, beings):
            return False
        made_of = bool(doomed & set(cube.derived_from))
        near = made_of or bool(links & _links([each]))
        said = cube.semantic_type is SemanticType.TURN
        own = said and not is_of_others(cube)
        return any(
            (near and values.states(version.text))
            or (made_of and texts.states(version.text))
            or (own and anywhere.states(version.text))
            or (said and anywhere.says_name(version.text))
            for version in each.versions
        )

    while more := [each for each in left if goes(each)]:  # what was made of what goes may go as well
        found += more
        doomed |= {each.id for each in more}
        left = [each for each in left if each.id not in doomed]
    return found


def _texts(cubes: Iterable[KnownCube]) -> tuple[str, ...]:
    return tuple(cube.text for each in cubes for cube in each.versions)


def _links(cubes: Iterable[KnownCube]) -> set[str]:
    """Return the ids of the turns and messages that the cubes rest on."""
    sources = [each.stored.cube.source for each in cubes]
    turns = {source.turn_id for source in sources if source.turn_id}
    return turns | {message_id for source in sources for message_id in source.message_ids}

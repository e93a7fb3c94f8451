"""A wish to forget in, nothing left out: cubes with all versions, index entries, embeddings and words in the ledger.

What is removed is overwritten in the file (``secure_delete``), and the write-ahead log is emptied afterwards.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from memory.change import Change, Operation
from memory.cube import SemanticType
from memory.ports import Written
from memory.turn import Forget, Scope
from memory.vault import extractions
from memory.vault.cubes import remove, remove_all
from memory.vault.known import KnownCube, about, with_ids, with_text
from memory.vault.ledger_texts import blank_turns, scrub_receipts, scrub_turns
from memory.vault.proof import ERASED_TABLES, count_of, found_in_files, found_in_tables
from memory.vault.reading import VaultBase
from memory.vault.scrub import Forgotten, holds
from memory.vault.words import content_terms, words

#: Words of "forget ..." itself, beside the stop words: they name nothing.
_WISH = frozenset(("forget", "delet", "eras", "remov", "memori", "fact", "user", "mention", "told", "tell"))


class CubeErasing(VaultBase):
    """All removals of the vault."""

    def delete(self, scope: Scope, cube_ids: Sequence[str]) -> Written:
        """Remove cubes, the verbatim turns that they were read from, and their words in those turns of the ledger."""
        with self._connections.write(Change.by(scope, Operation.DELETE)) as connection:
            chosen = with_ids(connection, scope.user, cube_ids)
            if not chosen:
                return Written()
            removed, _ = _purge(connection, scope, chosen, Forgotten())
        self._connections.checkpoint()
        return Written(removed=removed)

    def forget(self, scope: Scope, forget: Forget) -> Written:
        """Remove every matching cube, current or not, the verbatim turns that state it, and its words in the ledger.

        With attributes: the facts of that subject and attribute (one that ends in ":" names all below it); of facts
        that hold many values only those that the target names, where it names any. Every verbatim turn that holds a
        forgotten value as a whole word goes too. Without attributes: the memories that hold all content words of the
        target; none when it has no content word.
        """
        with self._connections.write(Change.by(scope, Operation.FORGET)) as connection:
            if forget.everything:
                removed = remove_all(connection, scope.user)
                blank_turns(connection, scope.user)
                for table in ("extractions", "receipts", "changes", "snapshots"):
                    connection.execute(f"DELETE FROM {table} WHERE user = ?", (scope.user,))
            else:
                names = [(forget.subject, attribute) for attribute in forget.attributes]
                extractions.withhold(connection, scope.user, names)
                chosen, anywhere = _chosen(connection, scope.user, forget)
                removed, _ = _purge(connection, scope, chosen, anywhere)
        self._connections.checkpoint()
        return Written(removed=removed)

    def erase(self, scope: Scope, cube_ids: Sequence[str] | None) -> dict[str, Any]:
        """Return how much was removed from each store, and what a search in tables and files still found afterwards.

        ``verified`` is True when nothing was found and the write-ahead log could be emptied.
        """
        with self._connections.write(replace(Change.by(scope, Operation.ERASE), audited=True)) as connection:
            if cube_ids is None:
                report = count_of(connection, scope.user, None)
                ids = remove_all(connection, scope.user)
                for table, owner in ERASED_TABLES:
                    connection.execute(f"DELETE FROM {table} WHERE {owner} = ?", (scope.user,))
            else:
                chosen = with_ids(connection, scope.user, cube_ids)
                doomed = [*chosen, *_stating(connection, scope.user, chosen, Forgotten())]
                report = count_of(connection, scope.user, [each.id for each in doomed])
                ids, report["ledger"] = _purge(connection, scope, chosen, Forgotten())
        emptied = self._connections.checkpoint()
        with self._connections.snapshot() as connection:
            found = found_in_tables(connection, scope.user, ids, everything=cube_ids is None)
        found += found_in_files(self._connections.path, ids)
        return {**report, "found": found, "verified": emptied and found == 0}


def _purge(
    connection: sqlite3.Connection, scope: Scope, chosen: Sequence[KnownCube], anywhere: Forgotten
) -> tuple[tuple[str, ...], int]:
    """Remove the chosen cubes, what states them, and their words; return all removed ids and the ledger's changes."""
    doomed = [*chosen, *_stating(connection, scope.user, chosen, anywhere)]
    facts = [cube.fact for each in doomed for cube in each.versions if cube.fact is not None]
    extractions.withhold(connection, scope.user, {(fact.subject, fact.attribute) for fact in facts})
    remove(connection, [each.stored for each in doomed])
    linked = Forgotten(
        values=_values(chosen),
        texts=tuple(cube.text for each in chosen for cube in each.versions),
        ids=tuple(each.id for each in doomed),
    )
    changed = scrub_turns(connection, scope.user, anywhere=anywhere, linked=linked, links=_links(doomed))
    scrub_receipts(connection, scope.user, anywhere=anywhere, linked=linked)
    return linked.ids, changed


def _chosen(connection: sqlite3.Connection, user: str, forget: Forget) -> tuple[list[KnownCube], Forgotten]:
    """Return the cubes that the wish names, and what must not be found anywhere any more."""
    if not forget.attributes:
        stems = tuple(stem for stem in content_terms(forget.target) if stem not in _WISH)
        if not stems:
            return [], Forgotten()
        return with_text(connection, user, lambda text: holds(text, stems)), Forgotten(stems=stems)
    chosen = about(connection, user, forget.subject, forget.attributes)
    target = set(words(forget.target))
    many = [each for each in chosen if each.fact is not None and not each.fact.single]
    named = [each for each in many if any(set(words(value)) <= target for value in _values([each]))]
    if named:
        chosen = [each for each in chosen if each not in many or each in named]
    return chosen, Forgotten(values=_values(chosen))


def _stating(
    connection: sqlite3.Connection, user: str, chosen: Sequence[KnownCube], anywhere: Forgotten
) -> list[KnownCube]:
    """Return the cubes that state what is forgotten: verbatim turns that hold it, and what rests on the same words."""
    links = _links(chosen)
    values = Forgotten(values=_values(chosen))
    ids = {each.id for each in chosen}
    found: list[KnownCube] = []
    for each in with_text(connection, user, lambda text: values.states(text) or anywhere.states(text)):
        cube = each.stored.cube
        near = bool(links & _links([each])) or bool(ids & set(cube.derived_from))
        near = near and any(values.states(version.text) for version in each.versions)
        said = cube.semantic_type is SemanticType.TURN
        said = said and any(anywhere.states(version.text) for version in each.versions)
        if each.id not in ids and (near or said):
            found.append(each)
    return found


def _values(cubes: Iterable[KnownCube]) -> tuple[str, ...]:
    facts = [cube.fact for each in cubes for cube in each.versions if cube.fact is not None]
    return tuple(dict.fromkeys(fact.value for fact in facts))


def _links(cubes: Iterable[KnownCube]) -> set[str]:
    """Return the ids of the turns and messages that the cubes rest on."""
    sources = [each.stored.cube.source for each in cubes]
    turns = {source.turn_id for source in sources if source.turn_id}
    return turns | {message_id for source in sources for message_id in source.message_ids}

"""A wish to forget in, nothing left out: cubes with all versions, index entries, embeddings and words in the ledger.

What is removed is overwritten in the file (``secure_delete``), and the write-ahead log is emptied afterwards.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from memory.cube import FactKey, MemCube, SemanticType
from memory.ports import Written
from memory.turn import Forget, Scope
from memory.vault import lexical
from memory.vault.cubes import StoredCube, by_ids, remove, stored
from memory.vault.ledger_texts import blank_turns, scrub_receipts, scrub_turns
from memory.vault.proof import ERASED_TABLES, count_of, found_in_files, found_in_tables
from memory.vault.reading import VaultBase
from memory.vault.rows import cube_from_json, folded
from memory.vault.scrub import Forgotten, holds
from memory.vault.words import content_terms, words

#: Words of "forget ..." itself, beside the stop words: they name nothing.
_WISH = frozenset(("forget", "delet", "eras", "remov", "memori", "fact", "user", "mention", "told", "tell"))


@dataclass(frozen=True, slots=True)
class _Known:
    """A stored cube with all the versions that it had, the newest last."""

    stored: StoredCube
    versions: tuple[MemCube, ...]


class CubeErasing(VaultBase):
    """All removals of the vault."""

    def delete(self, scope: Scope, cube_ids: Sequence[str]) -> Written:
        """Remove cubes, the verbatim turns that they were read from, and their words in those turns of the ledger."""
        with self._connections.write() as connection:
            named = by_ids(connection, scope.user, cube_ids)
            if not named:
                return Written()
            known = _known(connection, scope.user)
            chosen = [each for each in known if each.stored.cube.id in {cube.cube.id for cube in named}]
            removed = self._remove(connection, scope, chosen, known, Forgotten())
        self._connections.checkpoint()
        return Written(removed=removed)

    def forget(self, scope: Scope, forget: Forget) -> Written:
        """Remove every matching cube, current or not, the verbatim turns that state it, and its words in the ledger.

        With attributes: the facts of that subject and attribute (one that ends in ":" names all below it); of facts
        that hold many values only those that the target names, where it names any. Every verbatim turn that holds a
        forgotten value as a whole word goes too. Without attributes: the memories that hold all content words of the
        target; none when it has no content word.
        """
        with self._connections.write() as connection:
            known = _known(connection, scope.user)
            if forget.everything:
                remove(connection, [each.stored for each in known])
                lexical.drop(connection, scope.user)
                blank_turns(connection, scope.user)
                connection.execute("DELETE FROM receipts WHERE user = ?", (scope.user,))
                removed = tuple(each.stored.cube.id for each in known)
            else:
                chosen, anywhere = _chosen(known, forget)
                removed = self._remove(connection, scope, chosen, known, anywhere)
        self._connections.checkpoint()
        return Written(removed=removed)

    def erase(self, scope: Scope, cube_ids: Sequence[str] | None) -> dict[str, Any]:
        """Return how much was removed from each store, and what a search in tables and files still found afterwards.

        ``verified`` is True when nothing was found and the write-ahead log could be emptied.
        """
        with self._connections.write() as connection:
            known = _known(connection, scope.user)
            if cube_ids is None:
                ids = tuple(each.stored.cube.id for each in known)
                report = count_of(connection, scope.user, ids)
                remove(connection, [each.stored for each in known])
                lexical.drop(connection, scope.user)
                for table, owner in ERASED_TABLES:
                    connection.execute(f"DELETE FROM {table} WHERE {owner} = ?", (scope.user,))
            else:
                chosen = [each for each in known if each.stored.cube.id in set(cube_ids)]
                doomed = [*chosen, *_stating(known, chosen, Forgotten())]
                ids = tuple(each.stored.cube.id for each in doomed)
                report = count_of(connection, scope.user, ids) | {"receipts": 0}
                _, report["ledger"] = _purge(connection, scope, doomed, Forgotten())
        emptied = self._connections.checkpoint()
        with self._connections.snapshot() as connection:
            found = found_in_tables(connection, scope.user, ids, everything=cube_ids is None)
        found += found_in_files(self._connections.path, ids)
        return {**report, "found": found, "verified": emptied and found == 0}

    def _remove(
        self,
        connection: sqlite3.Connection,
        scope: Scope,
        chosen: Sequence[_Known],
        known: Sequence[_Known],
        anywhere: Forgotten,
    ) -> tuple[str, ...]:
        """Remove the chosen cubes and what states them, and scrub the ledger; return the removed ids."""
        removed, _ = _purge(connection, scope, [*chosen, *_stating(known, chosen, anywhere)], anywhere)
        return removed


def _purge(
    connection: sqlite3.Connection, scope: Scope, doomed: Sequence[_Known], anywhere: Forgotten
) -> tuple[tuple[str, ...], int]:
    """Remove cubes and their words; return the removed ids and how many ledger rows changed."""
    remove(connection, [each.stored for each in doomed])
    linked = Forgotten(
        values=_values(doomed),
        texts=tuple(cube.text for each in doomed for cube in each.versions),
        ids=tuple(each.stored.cube.id for each in doomed),
    )
    links = _links(doomed)
    changed = scrub_turns(connection, scope.user, anywhere=anywhere, linked=linked, links=links)
    scrub_receipts(connection, scope.user, anywhere=anywhere, linked=linked)
    return linked.ids, changed


def _known(connection: sqlite3.Connection, user: str) -> list[_Known]:
    """Return all of the user's cubes with all versions."""
    sql = "SELECT seq, versions.data FROM versions JOIN cubes USING (seq) WHERE owner = ? ORDER BY versions.version"
    older: dict[int, list[MemCube]] = {}
    for row in connection.execute(sql, (user,)):
        older.setdefault(row[0], []).append(cube_from_json(orjson.loads(row[1])))
    heads = stored(connection, "owner = ?", (user,))
    return [_Known(each, (*older.get(each.seq, ()), each.cube)) for each in heads]


def _chosen(known: Sequence[_Known], forget: Forget) -> tuple[list[_Known], Forgotten]:
    """Return the cubes that the wish names, and what must not be found anywhere any more."""
    if not forget.attributes:
        stems = tuple(stem for stem in content_terms(forget.target) if stem not in _WISH)
        if not stems:
            return [], Forgotten()
        return [each for each in known if any(holds(cube.text, stems) for cube in each.versions)], Forgotten(
            stems=stems
        )
    chosen = [each for each in known if any(_is_about(cube.fact, forget) for cube in each.versions)]
    target = set(words(forget.target))
    many = [each for each in chosen if each.stored.cube.fact is not None and not each.stored.cube.fact.single]
    named = [each for each in many if any(set(words(value)) <= target for value in _values([each]))]
    if named:
        chosen = [each for each in chosen if each not in many or each in named]
    values = tuple(
        cube.fact.value for each in chosen for cube in each.versions if cube.fact and _is_about(cube.fact, forget)
    )
    return chosen, Forgotten(values=values)


def _is_about(fact: FactKey | None, forget: Forget) -> bool:
    if fact is None or folded(fact.subject) != folded(forget.subject):
        return False
    attribute = folded(fact.attribute)
    return any(
        attribute.startswith(folded(named)) if named.endswith(":") else attribute == folded(named)
        for named in forget.attributes
    )


def _stating(known: Sequence[_Known], chosen: Sequence[_Known], anywhere: Forgotten) -> list[_Known]:
    """Return the cubes that state what is forgotten: verbatim turns that hold it, and what rests on the same words."""
    links = _links(chosen)
    values = Forgotten(values=_values(chosen))
    ids = {each.stored.cube.id for each in chosen}
    found: list[_Known] = []
    for each in known:
        cube = each.stored.cube
        if cube.id in ids:
            continue
        near = bool(links & _links([each])) or bool(ids & set(cube.derived_from))
        said = cube.semantic_type is SemanticType.TURN
        if any((near and values.states(v.text)) or (said and anywhere.states(v.text)) for v in each.versions):
            found.append(each)
    return found


def _values(cubes: Iterable[_Known]) -> tuple[str, ...]:
    facts = [cube.fact for each in cubes for cube in each.versions if cube.fact is not None]
    return tuple(dict.fromkeys(fact.value for fact in facts))


def _links(cubes: Iterable[_Known]) -> set[str]:
    """Return the ids of the turns and messages that the cubes rest on."""
    sources = [each.stored.cube.source for each in cubes]
    turns = {source.turn_id for source in sources if source.turn_id}
    return turns | {message_id for source in sources for message_id in source.message_ids}

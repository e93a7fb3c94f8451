"""Which memories and what to change of their labels in, all of them changed at once out.

Law: a write by labels is one change, done whole or not at all, and never larger than its bound.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace

from memory.change import Change, Operation
from memory.cube import MemCube, SemanticType, State
from memory.errors import Invalid
from memory.turn import Scope
from memory.vault.cubes import StoredCube, change, stored
from memory.vault.reading import VaultBase
from memory.vault.rows import dumps, folded

MAX_RELABELLED = 1_000

_CARRYING = """
    +owner = ? AND superseded_at IS NULL AND (expires_at IS NULL OR expires_at > ?)
    AND seq IN (SELECT seq FROM labels WHERE owner = ? AND label = ?)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelDiff:
    """What to change of memories; what is None or empty stays."""

    tags: tuple[str, ...] | None = None  #: instead of all tags
    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()  #: in any case of letters
    pinned: bool | None = None
    priority: int | None = None

    def applied(self, cube: MemCube) -> MemCube:
        """Return the memory with the changes made."""
        gone = {folded(tag) for tag in self.remove_tags}
        kept = [tag for tag in (cube.tags if self.tags is None else self.tags) if folded(tag) not in gone]
        return replace(
            cube,
            tags=tuple(dict.fromkeys((*kept, *self.add_tags))),
            pinned=cube.pinned if self.pinned is None else self.pinned,
            priority=cube.priority if self.priority is None else self.priority,
        )


@dataclass(frozen=True, slots=True)
class Relabelled:
    """What a write by labels did."""

    changed: tuple[str, ...] = ()
    unchanged: int = 0  #: they were like that already
    frozen: int = 0  #: they carry the labels and stay as they are
    repinned: bool = False  #: what stands in front of every conversation is another now


class CubeLabelling(VaultBase):
    """Changes many memories by their labels."""

    def relabel(
        self, scope: Scope, tags: Sequence[str], diff: LabelDiff, *, semantic_types: Sequence[SemanticType] = ()
    ) -> Relabelled:
        """Change all current memories that carry all of these tags (in any case of letters), in one change.

        Raises: Invalid: there are more than ``MAX_RELABELLED``, or no tag is given; nothing is changed then.
        """
        wanted = {folded(tag) for tag in tags}
        if not wanted:
            raise Invalid("Name at least one tag that the memories carry.", param="where.tags")
        now = self._clock()
        with self._connections.write(Change.by(scope, Operation.REVISE, note="labels")) as connection:
            chosen = self._carrying(connection, scope, wanted, semantic_types)
            if len(chosen) > MAX_RELABELLED:
                raise Invalid(
                    f"More than {MAX_RELABELLED} memories carry these tags; name further tags.",
                    param="where.tags",
                )
            open_ones = [each for each in chosen if each.cube.state is not State.FROZEN]
            wishes = [(each, diff.applied(each.cube)) for each in open_ones]
            changes = [(each, wish) for each, wish in wishes if wish != each.cube]
            for each, wish in changes:
                change(connection, each, wish, now=now)
        return Relabelled(
            changed=tuple(each.cube.id for each, _ in changes),
            unchanged=len(open_ones) - len(changes),
            frozen=len(chosen) - len(open_ones),
            repinned=any(each.cube.pinned != wish.pinned for each, wish in changes),
        )

    def _carrying(
        self, connection: sqlite3.Connection, scope: Scope, wanted: set[str], semantic_types: Sequence[SemanticType]
    ) -> list[StoredCube]:
        """Return one more than ``MAX_RELABELLED`` at most. Entities stand among the labels too and do not count."""
        where, bound = _CARRYING, [scope.user, self._now(), scope.user, min(wanted)]
        if semantic_types:
            where += " AND semantic_type IN (SELECT value FROM json_each(?))"
            bound.append(dumps([each.value for each in semantic_types]))
        where += " AND (SELECT count(DISTINCT folded(value)) FROM json_each(data, '$.tags')"
        where += " WHERE folded(value) IN (SELECT value FROM json_each(?))) = ?"
        bound += [dumps(sorted(wanted)), len(wanted)]
        return stored(connection, where, bound, limit=MAX_RELABELLED + 1)

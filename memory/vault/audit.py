"""Questions to the audit log in, its lines out (the papers' LogQuery); and what was read in, lines of it out.

A user sees their own lines only, with the ids of memories from the journal while these are there. Everybody else sees
pseudonyms. That the lines are true is for ``memory/vault/chain.py`` to prove.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, Protocol

from memory.audit import LoggedChange, LogLine, LogPage, LogQuery, Read
from memory.change import Change
from memory.turn import Scope
from memory.vault.connections import Connections
from memory.vault.journal import Journal, Touched
from memory.vault.rows import dumps, micros, moment

_LINES = "SELECT seq, at, who, key_id, operation, kinds, cubes FROM audit"
_CHANGES = """
    SELECT audit_seq, changes.seq, changes.id, changes.turn_id, note FROM changes
    WHERE user = ? AND audit_seq IN (SELECT value FROM json_each(?))
"""
_CHANGED = """
    SELECT change_seq, id, version_before, version_after FROM change_cubes JOIN cubes USING (seq)
    WHERE change_seq IN (SELECT value FROM json_each(?)) ORDER BY seq
"""
_READ = "SELECT seq, id, kind, version FROM cubes WHERE id IN (SELECT value FROM json_each(?)) ORDER BY seq"
_ALL_KINDS = "SELECT kind, count(*) FROM cubes WHERE owner = ? GROUP BY kind ORDER BY kind"


class AuditSource(Protocol):
    """A database that holds an audit log."""

    @property
    def journal(self) -> Journal: ...

    def read(self) -> AbstractContextManager[sqlite3.Connection]: ...


class AuditReading:
    """The log, to be asked."""

    def __init__(self, source: AuditSource) -> None:
        self._source = source

    def own(self, scope: Scope, wanted: LogQuery, *, limit: int, after: int | None = None) -> LogPage:
        """Return the user's own lines, newest first, those before line ``after``, with the changes behind them."""
        page = self.lines(wanted, user=scope.user, limit=limit, after=after)
        with self._source.read() as connection:
            changes = _changes(connection, scope.user, [line.seq for line in page.lines])
        return replace(page, lines=[replace(line, change=changes.get(line.seq)) for line in page.lines])

    def lines(self, wanted: LogQuery, *, user: str | None = None, limit: int, after: int | None = None) -> LogPage:
        """Return lines of one user, or with None of all, newest first, by pseudonyms only."""
        who = None if user is None else self._source.journal.who(user)
        where, bound = _where(wanted, who, after)
        sql = f"{_LINES} WHERE {where} ORDER BY seq DESC LIMIT :limit"
        with self._source.read() as connection:
            rows = connection.execute(sql, {**bound, "limit": limit + 1}).fetchall()
        return LogPage(lines=[_line(row) for row in rows[:limit]], has_more=len(rows) > limit)


class AuditLog(AuditReading):
    """The log of an open vault; reading is written to it from outside, changes write themselves."""

    def __init__(self, connections: Connections) -> None:
        super().__init__(connections)
        self._connections = connections

    def record(self, reads: Sequence[Read]) -> None:
        """Append what was read, in one transaction; memories that are gone by now are named without their kind."""
        if not reads:
            return
        journal = self._connections.journal
        with self._connections.write() as connection:
            for read in reads:
                by = replace(Change.by(read.scope, read.operation, note=read.note), audited=True)
                if read.everything:
                    counts = connection.execute(_ALL_KINDS, (read.scope.user,)).fetchall()
                    kinds, total = [row[0] for row in counts], sum(row[1] for row in counts)
                    journal.append(connection, by, kinds=kinds, cubes=total, what=(), at=micros(read.at))
                else:
                    journal.audit(connection, by, _touched(connection, read), at=micros(read.at))


def _touched(connection: sqlite3.Connection, read: Read) -> list[Touched]:
    ids = list(dict.fromkeys(read.cube_ids))
    found = {row["id"]: row for row in connection.execute(_READ, (dumps(ids),))} if ids else {}
    gone = [Touched(0, cube_id, "", 0, 0, "") for cube_id in ids if cube_id not in found]
    there = [
        Touched(row["seq"], cube_id, row["kind"], row["version"], row["version"], "") for cube_id, row in found.items()
    ]
    return there + gone


def _where(wanted: LogQuery, who: str | None, after: int | None) -> tuple[str, dict[str, Any]]:
    """Return the condition and what is bound to its names."""
    terms: dict[str, tuple[str, Any]] = {
        "who": ("who = :who", who),
        "after": ("seq < :after", after),
        "since": ("at >= :since", None if wanted.since is None else micros(wanted.since)),
        "until": ("at < :until", None if wanted.until is None else micros(wanted.until)),
        "kind": ("instr(',' || kinds || ',', ',' || :kind || ',')", wanted.kind),
        "key_id": ("key_id = :key_id", wanted.key_id),
        "operations": (
            "operation IN (SELECT value FROM json_each(:operations))",
            dumps(list(wanted.operations)) if wanted.operations else None,
        ),
    }
    asked = {name: term for name, term in terms.items() if term[1] is not None}
    return " AND ".join(["seq > 0", *(sql for sql, _ in asked.values())]), {n: value for n, (_, value) in asked.items()}


def _changes(connection: sqlite3.Connection, user: str, seqs: Sequence[int]) -> dict[int, LoggedChange]:
    """Return the journal's lines by the audit log's."""
    changes = connection.execute(_CHANGES, (user, dumps(list(seqs)))).fetchall()
    cubes: dict[int, list[tuple[str, int, int]]] = {row["seq"]: [] for row in changes}
    for row in connection.execute(_CHANGED, (dumps(list(cubes)),)):
        cubes[row["change_seq"]].append((row["id"], row["version_before"], row["version_after"]))
    return {
        row["audit_seq"]: LoggedChange(
            id=row["id"], turn_id=row["turn_id"], note=row["note"], cubes=tuple(cubes[row["seq"]])
        )
        for row in changes
    }


def _line(row: sqlite3.Row) -> LogLine:
    return LogLine(
        seq=row["seq"],
        at=moment(row["at"]),
        who=row["who"],
        key_id=row["key_id"],
        operation=row["operation"],
        kinds=tuple(kind for kind in row["kinds"].split(",") if kind),
        cubes=row["cubes"],
    )

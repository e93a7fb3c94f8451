"""All that a user has in, JSON-ready rows out, and back into any vault.

Rows: a manifest first, then each cube as one row per version (oldest first, ``"newest": true`` on the last), then the
turns of the ledger, then the documents that cubes are pieces of. Embeddings are not part of it: they are made again by
the embedder of the vault that takes them.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import orjson

from memory.change import Change, Operation
from memory.cube import MemCube, State, Trust
from memory.errors import Invalid
from memory.lifecycle import Event, after
from memory.turn import Scope, TurnState
from memory.vault import document_rows, partitions, relations, timeline
from memory.vault.cubes import StoredCube, by_ids, insert, keep_version, stored
from memory.vault.exchanges import UNREADABLE
from memory.vault.reading import VaultBase
from memory.vault.rows import count_of, cube_from_json, cube_json, dumps, micros, moment, time_of

FORMAT = 1
_BATCH_ROWS = 200
_COPIED = ("conversation_id", "turn_hash", "request_id", "state", "attempts", "error", "answer")
_WORDS = ("messages", "injected")  #: columns of JSON
_LATEST = 253_402_300_799_999_999  #: microseconds: the end of the year 9999, after which there is no date
_TURN = f"SELECT seq, id, messages, injected, occurred_at, created_at, {', '.join(_COPIED)} FROM turns"
_INSERT_TURN = f"""
    INSERT INTO turns (id, user, key_id, process, due_at, messages, injected, occurred_at, created_at,
                       {", ".join(_COPIED)})
    VALUES (:id, :user, '', '', :created_at, :messages, :injected, :occurred_at, :created_at,
            {", ".join(":" + name for name in _COPIED)})
"""


class CubeTransfer(VaultBase):
    """Export and import."""

    def export(self, scope: Scope) -> Iterator[dict[str, Any]]:
        """Yield everything the user has; read in batches, so writers are not held up."""
        yield {
            "object": "memos.export",
            "format": FORMAT,
            "user": scope.user,
            "exported_at": self._clock().isoformat(),
        }
        last = 0
        while cubes := self._cubes_after(scope, last):
            for each, older in cubes:
                yield from ({"object": "memos.cube", "newest": False, **data} for data in older)
                confirmed = moment(each.confirmed_at).isoformat()
                yield {"object": "memos.cube", "newest": True, "confirmed_at": confirmed, **cube_json(each.cube)}
            last = cubes[-1][0].seq
        last = 0
        while turns := self._turns_after(scope, last):
            yield from (_turn_json(row) for row in turns)
            last = turns[-1]["seq"]
        with self._connections.read() as connection:
            documents = list(document_rows.exported(connection, scope.user))
        yield from documents

    def import_rows(self, scope: Scope, rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
        """Take back what ``export`` gave, into this user's memory, in one transaction.

        What is already there is left alone; an id that another user has is replaced by a fresh one, also where other
        rows refer to it. What others had shared is not taken back with the turns into which it was brought: nothing
        tells whether it still is.

        Raises: Invalid: a row is not of an export; nothing is imported then.
        """
        parsed = _Parsed()
        for number, row in enumerate(rows, start=1):
            try:
                parsed.take(row)
            except (Invalid, KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
                raise Invalid(
                    f"Row {number} is not a row of an export: {error}", param=getattr(error, "param", None)
                ) from error
        with self._connections.write(Change.by(scope, Operation.IMPORT)) as connection:
            names = _Names(connection, scope.user, parsed)
            cubes = [
                self._import_cube(connection, names, versions, parsed.confirmed[cube_id])
                for cube_id, versions in parsed.cubes.items()
            ]
            turns = [self._import_turn(connection, names, turn) for turn in parsed.turns]
            documents = [
                document_rows.taken(connection, scope.user, names.of(row["id"]), row, self._redact)
                for row in parsed.documents
            ]
            taken = by_ids(connection, scope.user, list(map(names.of, parsed.cubes)))
            relations.complete(
                connection,
                [(each.seq, each.cube) for each in taken],
                [each.cube.source.turn_id for each in taken if each.cube.source.turn_id],
            )
        skipped = sum(each.count(False) for each in (cubes, turns, documents))
        return {"cubes": sum(cubes), "turns": sum(turns), "documents": sum(documents), "skipped": skipped}

    def _import_cube(
        self, connection: sqlite3.Connection, names: "_Names", versions: list[MemCube], confirmed: list[int | None]
    ) -> bool:
        """Store a cube with its history; False when it is there already."""
        if versions[-1].id in names.mine:
            return False
        *older, newest = [names.taken_over(version, self._redact) for version in versions]
        placed = insert(connection, newest, confirmed_at=confirmed[-1])
        for version, confirmed_at in zip(older, confirmed, strict=False):
            keep_version(connection, placed.seq, version, confirmed_at=confirmed_at)
        timeline.settle(connection, placed, self._clock())
        return True

    def _import_turn(self, connection: sqlite3.Connection, names: "_Names", turn: Mapping[str, Any]) -> bool:
        """Store a ledger row; False when it is there already."""
        if turn["id"] in names.mine:
            return False
        redact = self._redact
        row = {
            **{name: turn[name] for name in _COPIED},
            "id": names.of(turn["id"]),
            "user": names.user,
            "state": TurnState.QUEUED if turn["state"] == TurnState.OPEN else TurnState(turn["state"]),
            "answer": None if turn["answer"] is None else redact(turn["answer"]),
            "messages": dumps([{**message, "text": redact(message["text"])} for message in turn["messages"]]),
            "injected": dumps(_taken_over(turn["injected"], redact)),
            "occurred_at": micros(time_of(turn, "occurred_at")),
            "created_at": micros(time_of(turn, "created_at")),
        }
        connection.execute(_INSERT_TURN, row)
        return True

    def _cubes_after(self, scope: Scope, seq: int) -> list[tuple[StoredCube, list[dict[str, Any]]]]:
        sql = "SELECT data FROM versions WHERE seq = ? ORDER BY version"
        with self._connections.snapshot() as connection:
            cubes = stored(connection, "owner = ? AND seq > ?", (scope.user, seq), limit=_BATCH_ROWS)
            return [(each, [orjson.loads(row[0]) for row in connection.execute(sql, (each.seq,))]) for each in cubes]

    def _turns_after(self, scope: Scope, seq: int) -> list[sqlite3.Row]:
        with self._connections.read() as connection:
            sql = f"{_TURN} WHERE user = ? AND seq > ? ORDER BY seq LIMIT ?"
            return connection.execute(sql, (scope.user, seq, _BATCH_ROWS)).fetchall()


class _Parsed:
    """The rows of an export, checked."""

    def __init__(self) -> None:
        self.cubes: dict[str, list[MemCube]] = {}
        self.confirmed: dict[str, list[int | None]] = {}  #: by version; None: not said
        self.turns: list[Mapping[str, Any]] = []
        self.documents: list[Mapping[str, Any]] = []
        self._turn_ids: set[str] = set()

    def take(self, row: Mapping[str, Any]) -> None:
        """Raises: Invalid, KeyError, TypeError, ValueError, AttributeError, OverflowError: it is none of an export."""
        match row["object"]:
            case "memos.export":
                if row["format"] != FORMAT:
                    raise Invalid(f"its format is {row['format']!r}; this program reads {FORMAT}.")
            case "memos.cube":
                cube = _in_life(cube_from_json(row))
                versions = self.cubes.setdefault(cube.id, [])
                _check_version(cube, versions[-1].version if versions else 0)
                versions.append(cube)
                said = None if row.get("confirmed_at") is None else micros(time_of(row, "confirmed_at"))
                self.confirmed.setdefault(cube.id, []).append(said)
            case "memos.turn":
                turn = _checked_turn(row)
                if turn["id"] in self._turn_ids:
                    raise Invalid(f"the turn {turn['id']!r} was there before.", param="id")
                self._turn_ids.add(turn["id"])
                self.turns.append(turn)
            case "memos.document":
                self.documents.append(document_rows.checked(row))
            case other:
                raise Invalid(f"it is a {other!r}.")


class _Names:
    """Which ids the imported rows get."""

    def __init__(self, connection: sqlite3.Connection, user: str, parsed: _Parsed) -> None:
        self.user = user
        owners: dict[str, str] = {}
        for table, owner, ids in (
            ("cubes", "owner", list(parsed.cubes)),
            ("turns", "user", [turn["id"] for turn in parsed.turns]),
            ("documents", "user", [row["id"] for row in parsed.documents]),
        ):
            sql = f"SELECT id, {owner} FROM {table} WHERE id IN (SELECT value FROM json_each(?))"
            known = ids + [_renamed(user, each) for each in ids]
            owners |= {row[0]: row[1] for row in connection.execute(sql, (dumps(known),))}
        every = [*parsed.cubes, *(row["id"] for row in (*parsed.turns, *parsed.documents))]
        self._new = {each: _renamed(user, each) for each in every if owners.get(each, user) != user}
        #: ids of rows that this user has already, under the same or the new id
        self.mine = {each for each in every if owners.get(self.of(each)) == user}

    def of(self, old: str) -> str:
        """Return the id that a cube, turn or message (``<turn id>:<position>``) gets."""
        turn, colon, position = old.rpartition(":")
        if colon and turn in self._new:
            return f"{self._new[turn]}:{position}"
        return self._new.get(old, old)

    def taken_over(self, cube: MemCube, redact: Callable[[str], str]) -> MemCube:
        """Return the cube as the importing user's, without secrets."""
        source = replace(
            cube.source,
            message_ids=tuple(map(self.of, cube.source.message_ids)),
            turn_id=None if cube.source.turn_id is None else self.of(cube.source.turn_id),
            document_id=self.of(cube.source.document_id),
        )
        return replace(
            cube,
            id=self.of(cube.id),
            owner=self.user,
            text=redact(cube.text),
            source=source,
            fact=None if cube.fact is None else replace(cube.fact, value=redact(cube.fact.value)),
            supersedes=tuple(map(self.of, cube.supersedes)),
            derived_from=tuple(map(self.of, cube.derived_from)),
            duplicate_of=self.of(cube.duplicate_of),
        )


def _renamed(user: str, old: str) -> str:
    """Return the id that stands for another user's id here: always the same, so importing twice changes nothing."""
    prefix = old.partition("_")[0]
    return f"{prefix}_{hashlib.sha256(f'{user}/{old}'.encode()).hexdigest()[:24]}"


def _in_life(cube: MemCube) -> MemCube:
    """Return the cube as it is stored: what is put into a vault is in use at once, and nothing there waits for it."""
    generated = cube.state is State.GENERATED
    return replace(cube, state=after(cube.state, Event.ACTIVATE)) if generated else cube


def _check_version(cube: MemCube, last: int) -> None:
    """Raises: Invalid: it is not a later version than the last one of the same cube (0: there was none)."""
    if cube.version > last:
        return
    why = f"follows version {last}; each version of a memory comes once, the oldest first"
    raise Invalid(
        f"version {cube.version} of {cube.id!r} {why if last else 'is none: versions count from 1'}.", param="version"
    )


def _taken_over(injected: Mapping[str, Any], redact: Callable[[str], str]) -> dict[str, Any]:
    """Return what was brought into a turn without secrets, and without the block that held what others shared."""
    mine = partitions.without_shared(injected) if injected.get("shared") else injected
    return {key: redact(text) if isinstance(text, str) else text for key, text in mine.items()}


def _turn_json(row: sqlite3.Row) -> dict[str, Any]:
    """Return a turn; of a damaged one what stands there, beside no messages: it is the user's all the same."""
    try:
        turn = _turn(row, {name: orjson.loads(row[name]) for name in _WORDS})
        _checked_turn(turn)
    except UNREADABLE:
        nothing = {"messages": [], "injected": {}, "state": TurnState.DEAD.value}
        return _turn(row, {**nothing, "damaged": {name: row[name] for name in _WORDS}})
    return turn


def _turn(row: sqlite3.Row, content: Mapping[str, Any]) -> dict[str, Any]:
    times = {name: moment(min(max(row[name], 0), _LATEST)).isoformat() for name in ("occurred_at", "created_at")}
    return {
        "object": "memos.turn",
        "id": row["id"],
        **{name: row[name] for name in _COPIED},
        **times,
        **content,
    }


def _checked_turn(row: Mapping[str, Any]) -> Mapping[str, Any]:
    TurnState(row["state"])
    for name in ("id", "conversation_id", "turn_hash", "request_id", "error"):
        if not isinstance(row[name], str):
            raise TypeError(f"{name} is not a text")
    for message in row["messages"]:
        _check_message(message)
    for name in ("occurred_at", "created_at"):
        time_of(row, name)
    count_of(row, "attempts")
    if not isinstance(row["injected"], Mapping):
        raise TypeError("injected is not an object")
    _check_injected(row["injected"])
    if not isinstance(row["answer"], str | None):
        raise TypeError("answer is not a text")
    return row


def _check_injected(injected: Mapping[str, Any]) -> None:
    """Raises: TypeError, ValueError: it is not as ``Injection.for_ledger`` gives it."""
    Trust(injected.get("trust", Trust.USER))
    for name in ("stable", "turn"):
        if not isinstance(injected.get(name, ""), str):
            raise TypeError(f"injected.{name} is not a text")
    for name in ("ids", "turn_ids", "shared"):
        listed = injected.get(name, [])
        if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
            raise TypeError(f"injected.{name} is not a list of texts")


def _check_message(message: Mapping[str, Any]) -> None:
    if not all(isinstance(message[name], str) for name in ("role", "text", "id")):
        raise TypeError("a message has no role, text or id")
    if not isinstance(message["name"], str | None) or not isinstance(message["created_at"], int | None):
        raise TypeError("a message's name or time has another form")
    if message["created_at"] is not None:
        moment(message["created_at"])

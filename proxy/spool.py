"""Turns that a locked vault could not take in, one JSON file each, and back out again in order.

A file is written whole under another name and then renamed, so that none is ever half there. ``*.open.json`` is a turn
whose answer is still being given; a start takes those for broken off.
"""

import json
import logging
import os
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from memory.turn import Message, Scope, TurnRecord
from memory.vault.failpoints import Failpoints

logger = logging.getLogger(__name__)

_OPEN, _WHOLE, _BAD = ".open.json", ".json", ".unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpooledTurn:
    """A turn in the spool."""

    name: str
    record: TurnRecord
    answer: str | None = None
    turn_id: str | None = None  #: the ledger row that is already open for it


class Spool:
    """A folder of turns. Thread-safe by file names; one process uses it."""

    def __init__(
        self, folder: Path, *, redact: Callable[[str], str] | None = None, failpoints: Failpoints | None = None
    ) -> None:
        """``redact`` takes secrets out of what is written: the spool is as much a store as the vault."""
        self._folder = folder
        self._redact = redact or (lambda text: text)
        self._failpoints = failpoints or Failpoints()

    def put(self, record: TurnRecord) -> SpooledTurn:
        """Keep a turn whose answer is still being given."""
        turn = SpooledTurn(name=_new_name(), record=record)
        self._write(turn, _OPEN)
        return turn

    def finish(self, turn: SpooledTurn, answer: str | None) -> None:
        """Add the answer; from now on the turn is given out."""
        self._write(replace(turn, answer=answer), _WHOLE)
        self._path(turn.name, _OPEN).unlink(missing_ok=True)

    def put_closing(self, record: TurnRecord, turn_id: str, answer: str | None) -> None:
        """Keep the answer of a turn that the ledger has already opened."""
        turn = SpooledTurn(name=_new_name(), record=record)
        self._write(replace(turn, turn_id=turn_id, answer=answer), _WHOLE)

    def recover(self) -> int:
        """At start: turns whose answer was being given broke off. Return how many turns wait."""
        for path in self._folder.glob(f"*{_OPEN}"):
            path.rename(self._path(path.name.removesuffix(_OPEN), _WHOLE))
        return len(self._names())

    def waiting(self, user: str | None = None) -> int:
        """How many turns (of this user) wait, finished or not; costs one look into an empty folder."""
        names = self._names(include_open=True)
        if user is None or not names:
            return len(names)
        return sum(turn.record.scope.user == user for name in names if (turn := self._read(name)))

    def turns(self) -> Iterator[SpooledTurn]:
        """Yield the finished turns, oldest first. What cannot be read is put aside and logged."""
        for name in self._names():
            if turn := self._read(name):
                yield turn

    def remove(self, turn: SpooledTurn) -> None:
        """Forget a turn that the ledger has."""
        self._path(turn.name, _WHOLE).unlink(missing_ok=True)

    def put_aside(self, turn: SpooledTurn) -> None:
        """Keep a turn that the ledger cannot take, out of the way, for a person to look at."""
        path = self._path(turn.name, _WHOLE)
        path.rename(path.with_name(path.name + _BAD))

    def erase(self, user: str) -> dict[str, int]:
        """Remove every turn of the user, finished or not, and what may be one; say how many there were and are left."""
        mine = [path for path in self._every() if _may_be_of(path, user)]
        for path in mine:
            path.unlink(missing_ok=True)
        return {"turns": len(mine), "found": sum(_may_be_of(path, user) for path in self._every())}

    def _every(self) -> list[Path]:
        return sorted(self._folder.iterdir()) if self._folder.is_dir() else []

    def _names(self, *, include_open: bool = False) -> list[str]:
        try:
            names = sorted(entry.name for entry in os.scandir(self._folder) if entry.name.endswith(_WHOLE))
        except FileNotFoundError:
            return []
        return [name for name in names if include_open or not name.endswith(_OPEN)]

    def _path(self, name: str, suffix: str) -> Path:
        return self._folder / (name + suffix)

    def _write(self, turn: SpooledTurn, suffix: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = self._path(turn.name, ".part")
        said = tuple(replace(message, text=self._redact(message.text)) for message in turn.record.messages)
        answer = None if turn.answer is None else self._redact(turn.answer)
        record = _packed(replace(turn.record, messages=said))
        content = json.dumps({"record": record, "answer": answer, "turn_id": turn.turn_id})
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        self._failpoints.reach("spool.written")
        part.replace(self._path(turn.name, suffix))
        self._failpoints.reach("spool.named")

    def _read(self, file_name: str) -> SpooledTurn | None:
        path = self._folder / file_name
        try:
            content = json.loads(path.read_bytes())
            record = _unpacked(content["record"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError):
            logger.exception("a spooled turn cannot be read and is put aside: %s", file_name)
            path.rename(path.with_name(file_name + _BAD))
            return None
        name = file_name.removesuffix(_OPEN).removesuffix(_WHOLE)
        return SpooledTurn(name=name, record=record, answer=content["answer"], turn_id=content["turn_id"])


def _may_be_of(path: Path, user: str) -> bool:
    """True when a file, whole or not, is a turn of this user."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return False
    try:
        return bool(json.loads(content)["record"]["scope"]["user"] == user)
    except (ValueError, KeyError, TypeError):
        return json.dumps(user).encode() in content


def _new_name() -> str:
    """Names sort by time."""
    return f"{time.time_ns():020d}-{uuid.uuid4().hex[:12]}"


def _packed(record: TurnRecord) -> dict[str, Any]:
    return asdict(record) | {
        "messages": [asdict(m) | {"created_at": _stamp(m.created_at)} for m in record.messages],
        "injected": dict(record.injected),
        "occurred_at": _stamp(record.occurred_at),
    }


def _unpacked(data: dict[str, Any]) -> TurnRecord:
    messages = tuple(Message(**m | {"created_at": _time(m["created_at"])}) for m in data["messages"])
    changed = {"scope": Scope(**data["scope"]), "messages": messages, "occurred_at": _time(data["occurred_at"])}
    return TurnRecord(**data | changed)


def _stamp(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _time(stamp: str | None) -> datetime | None:
    return None if stamp is None else datetime.fromisoformat(stamp)

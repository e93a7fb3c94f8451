"""``memos audit``: the audit log proved, asked and anchored; and watermarks checked.

All but ``head --renew`` only read: beside a running server or in a folder that stands still, without making anything.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import MofNCompleteColumn, Progress
from rich.table import Column, Table

from memory.audit import LogLine, LogQuery
from memory.change import Change, Operation
from memory.cube import Kind
from memory.errors import Invalid
from memory.vault.audit import AuditReading
from memory.vault.chain import AuditFile, Verification, verify
from memory.vault.keys import watermark_key
from memory.watermark import ANSWERED, EXPORTED, Verdict, Watermarks
from proxy.cli_config import opened_vault, show_table, vault_folder
from proxy.memory_stream import rows_of

_LONG_ROWS = 50_000  # from so many on it takes seconds
_PAGE_LINES = 500
_AGE = re.compile(r"(\d+)([smhdw])\Z")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def verify_chain(chosen: argparse.Namespace) -> int:
    """Prove the chain; the exit status is 1 when it does not hold."""
    kept = None if chosen.head is None else _mac(chosen.head)
    with _progress() as progress:
        found = verify(vault_folder(chosen), kept=kept, progress=progress)
    if chosen.json:
        print(json.dumps(_verification(found)))
    elif found.flaw is not None:
        print(f"The audit log does not hold ({found.flaw.what}, row {found.flaw.row}): {found.flaw.message}.")
    elif found.first_at is None or found.last_at is None:
        print("The audit log holds: it is empty.")
    else:
        span = f"{found.first_at:%Y-%m-%d %H:%M:%S} to {found.last_at:%Y-%m-%d %H:%M:%S} UTC"
        rows = f"{found.rows} row{'' if found.rows == 1 else 's'}"
        print(f"The audit log holds: {rows}, {span}, head {found.head.mac.hex()}.")
    return 0 if found.flaw is None else 1


def _verification(found: Verification) -> dict[str, Any]:
    flaw = found.flaw
    return {
        "holds": flaw is None,
        "rows": found.rows,
        "head": found.head.mac.hex(),
        "first_at": found.first_at.isoformat() if found.first_at else None,
        "last_at": found.last_at.isoformat() if found.last_at else None,
        "flaw": None if flaw is None else {"row": flaw.row, "what": flaw.what, "message": flaw.message},
    }


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """Yield what shows how far it is, where it takes long and somebody watches."""
    console = Console(stderr=True)
    columns = [*Progress.get_default_columns(), MofNCompleteColumn()]
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        bar = bars.add_task("verifying", visible=False)

        def show(done: int, total: int) -> None:
            bars.update(bar, completed=done, total=total, visible=total >= _LONG_ROWS)

        yield show


def head(chosen: argparse.Namespace) -> int:
    """Print the chain's newest link, to be kept elsewhere; or begin a new anchor after the operator's own decision."""
    folder = vault_folder(chosen)
    if chosen.renew:
        return _renew(chosen)
    file = AuditFile(folder)
    try:
        newest = file.newest()
    finally:
        file.close()
    if chosen.json:
        print(json.dumps({"seq": newest.seq, "head": newest.mac.hex()}))
    else:
        print(newest.mac.hex())
    return 0


def _renew(chosen: argparse.Namespace) -> int:
    """Anchor the chain where it ends now; that it was done stands in the chain itself."""
    folder = vault_folder(chosen)
    found = verify(folder)
    if found.flaw is not None and found.flaw.what not in ("not anchored", "cut off"):
        print(f"The rows themselves do not hold ({found.flaw.what}, row {found.flaw.row}): {found.flaw.message}.")
        return 1
    with opened_vault(chosen) as files:
        files.connections.journal.renew(found.head)
        change = Change(user="", operation=Operation.ANCHOR, note=found.flaw.what if found.flaw else "", audited=True)
        with files.connections.write(change):
            pass
    print(f"The chain is anchored again, behind row {found.head.seq}; that it was done stands in the log itself.")
    return 0


def log(chosen: argparse.Namespace) -> int:
    """Show lines of the audit log, newest first; users by their pseudonyms."""
    wanted = LogQuery(
        since=_time(chosen.since, "--since"),
        until=_time(chosen.until, "--until"),
        operations=_operations(chosen.operation),
        kind=_kind(chosen.kind),
        key_id=chosen.key,
    )
    file = AuditFile(vault_folder(chosen))
    try:
        lines = list(_lines(AuditReading(file), wanted, chosen.user, chosen.limit))
    finally:
        file.close()
    if chosen.json:
        for line in lines:
            print(json.dumps(_line(line)))
        return 0
    numbers = [Column(name, justify="right") for name in ("row", "memories")]
    table = Table(numbers[0], Column("at (UTC)", no_wrap=True), "operation", "who", "key", "kinds", numbers[1])
    for line in lines:
        at, kinds = f"{line.at:%Y-%m-%d %H:%M:%S}", " ".join(line.kinds)
        table.add_row(str(line.seq), at, line.operation, line.who, escape(line.key_id), kinds, str(line.cubes))
    if lines:
        show_table(table)
    else:
        print("No line of the audit log is like that.")
    return 0


def _lines(reading: AuditReading, wanted: LogQuery, user: str | None, limit: int) -> Iterator[LogLine]:
    after: int | None = None
    while limit > 0:
        page = reading.lines(wanted, user=user, limit=min(limit, _PAGE_LINES), after=after)
        yield from page.lines
        if not page.has_more:
            return
        limit -= len(page.lines)
        after = page.lines[-1].seq


def _line(line: LogLine) -> dict[str, Any]:
    return {
        "seq": line.seq,
        "at": line.at.isoformat(),
        "operation": line.operation,
        "who": line.who,
        "key_id": line.key_id,
        "kinds": list(line.kinds),
        "cubes": line.cubes,
    }


def watermark(chosen: argparse.Namespace) -> int:
    """Say of each memory in a file of JSON lines where it is from; the exit status is 1 unless all are unchanged."""
    file = AuditFile(vault_folder(chosen))  # for its complaints about a folder that is none
    file.close()
    watermarks = Watermarks(watermark_key(file.path.with_name("pepper")))
    counts = dict.fromkeys(Verdict, 0)
    for number, row in _rows(chosen.file):
        verdict = watermarks.verdict(row)
        counts[verdict] += 1
        if chosen.json:
            print(json.dumps({"line": number, "id": row.get("id"), "version": row.get("version"), "verdict": verdict}))
        elif verdict is not Verdict.UNCHANGED:
            print(f"line {number}: {row.get('id')} is {verdict}")
    if not chosen.json:
        print(", ".join(f"{count} {verdict}" for verdict, count in counts.items()) + ".")
    return 0 if counts[Verdict.UNCHANGED] == sum(counts.values()) else 1


def _rows(name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the memories with their lines; the manifest and the turns of an export are none. Raises: Invalid."""
    try:
        stream = sys.stdin.buffer if name == "-" else Path(name).open("rb")  # noqa: SIM115  closed below
    except OSError as error:
        raise Invalid(f"{name} cannot be read: {error.strerror}.") from error
    with stream:
        for number, row in enumerate(rows_of(stream), start=1):
            if row.get("object", ANSWERED) in (ANSWERED, EXPORTED):
                yield number, row


def _mac(text: str) -> bytes:
    try:
        mac = bytes.fromhex(text)
    except ValueError:
        mac = b""
    if len(mac) != 32:
        raise Invalid("--head takes the 64 hex digits that `memos audit head` prints.")
    return mac


def _time(text: str | None, flag: str) -> datetime | None:
    """Return a time from ISO 8601 (without a zone: UTC), or so long ago ("24h", "7d"). Raises: Invalid."""
    if text is None:
        return None
    age = _AGE.match(text)
    try:
        if age is not None:
            return datetime.now(UTC) - timedelta(**{_UNITS[age[2]]: int(age[1])})
        time = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise Invalid(f"{flag} takes a time as in 2026-05-03T12:00:00Z, or an age such as 24h or 7d.") from None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time


def _operations(names: list[str]) -> list[Operation]:
    try:
        return [Operation(name) for name in names]
    except ValueError as error:
        raise Invalid(f"{error}; there are {', '.join(Operation)}.") from None


def _kind(name: str | None) -> Kind | None:
    try:
        return None if name is None else Kind(name)
    except ValueError as error:
        raise Invalid(f"{error}; there are {', '.join(Kind)}.") from None

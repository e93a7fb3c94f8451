"""``memos ab``: policies compared on a recorded ledger, in shadow, as a table or as JSON."""

import argparse
import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from types import FrameType
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn
from rich.table import Column, Table

from memory.errors import Invalid
from memory.shadow import Line, replayed
from memory.shadow_results import Comparison, compared
from memory.vault.recorded import Recording, recorded
from proxy.cli_config import loaded, show_table, vault_folder
from proxy.shadowing import LIVE, Candidate, candidates, shadow_memory

_DIGITS = 4
_MISSING = "–"
_COLUMNS = ("memories\n(p95)", "found", "tokens\n(p95)", "turns\nwith", "support", "like\nlive", "CPU ms\n(p95)")


def ab(chosen: argparse.Namespace) -> int:
    """Replay one user's recorded turns under each policy, and show what each would have brought in."""
    if chosen.turns is not None and chosen.turns < 1:
        raise Invalid("--turns takes a number from 1 on.")
    folder = vault_folder(chosen)
    found = candidates(chosen.configs, chosen.policy, lambda flags: loaded(chosen, flags).settings)
    recording = recorded(folder, chosen.user)
    asked_from = 0 if chosen.turns is None else max(0, len(recording.turns) - chosen.turns)
    _warn(found, recording)
    with _ends_by_signal():
        lines = _lines(found, recording, asked_from)
    live = lines[LIVE]
    if not live:
        raise Invalid(f"Nobody asked anything in the last {chosen.turns} turns; take more with --turns.")
    results = {name: compared(each, live) for name, each in lines.items()}
    if chosen.json:
        print(json.dumps(_json(results, found, recording, live), ensure_ascii=False, indent=2))
    else:
        _show(results, found, recording, live)
    return 0


def _warn(found: Sequence[Candidate], recording: Recording) -> None:
    """Say on stderr what has no effect, and what could not be read."""
    for each in found:
        if each.without_effect:
            keys = ", ".join(each.without_effect)
            print(f"{each.name}: only scheduler and operator are compared; without effect: {keys}.", file=sys.stderr)
    if recording.unreadable:
        print(f"{recording.unreadable} damaged rows of the ledger are left out.", file=sys.stderr)


def _lines(found: Sequence[Candidate], recording: Recording, asked_from: int) -> dict[str, list[Line]]:
    """Return each policy's lines; one memory after the other, so that only one is open.

    Two policies with the same knobs are one: it is replayed once.
    """
    console = Console(stderr=True)
    columns = [*Progress.get_default_columns()[:-1], MofNCompleteColumn(), TimeRemainingColumn()]
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("", total=len(found) * len(recording.turns))
        lines: dict[str, list[Line]] = {}
        for number, each in enumerate(found):
            progress.update(bar, description=escape(each.name), completed=number * len(recording.turns))
            same = next((before.name for before in found[:number] if each.equals(before)), None)
            lines[each.name] = (
                lines[same] if same else _asked(each, recording, asked_from, partial(progress.advance, bar))
            )
    return lines


def _asked(candidate: Candidate, recording: Recording, asked_from: int, advance: Callable[[], None]) -> list[Line]:
    lines = []
    with shadow_memory(candidate.settings, recording.turns[0].at) as memory:
        for line in replayed(recording.turns, memory, recording.user, asked_from=asked_from):
            advance()
            if line is not None:
                lines.append(line)
    return lines


@contextmanager
def _ends_by_signal() -> Iterator[None]:
    """Let signals end the program in order: a copy of what was said must not stay behind in a temporary folder."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _json(
    results: dict[str, Comparison], found: Sequence[Candidate], recording: Recording, live: Sequence[Line]
) -> dict[str, Any]:
    return {
        "user": recording.user,
        "turns": len(recording.turns),
        "asked": len(live),
        "unreadable": recording.unreadable,
        "tokens_exact": _exact(live),
        "policies": [
            {
                "name": each.name,
                "policy": each.settings.scheduler.policy,
                "ranker": each.settings.operator.ranker,
                **{key: _rounded(value) for key, value in asdict(results[each.name]).items()},
            }
            for each in found
        ],
    }


def _rounded(value: float | None) -> float | None:
    return round(value, _DIGITS) if isinstance(value, float) else value


def _exact(lines: Sequence[Line]) -> bool:
    return all(line.tokens_exact for line in lines)


def _show(
    results: dict[str, Comparison], found: Sequence[Candidate], recording: Recording, live: Sequence[Line]
) -> None:
    about = "" if _exact(live) else "; tokens are estimates"
    columns = [Column(name, justify="right", no_wrap=True) for name in _COLUMNS]
    title = f"{escape(recording.user)}: {len(live)} of {len(recording.turns)} recorded turns asked{about}"
    table = Table(
        Column("policy", overflow="fold"),
        *columns,
        title=title,
        title_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for each in found:
        table.add_row(escape(each.name), *_cells(results[each.name]))
    show_table(table)
    answers = results[LIVE].supported_turns
    print(f"The live policy is {found[0].settings.scheduler.policy}. Support is that of {answers} answers, which were")
    print("written with the live policy's memories: hold the others against each other.")


def _cells(result: Comparison) -> list[str]:
    return [
        f"{_number(result.memories_mean, 1)} ({_number(result.memories_p95, 0)})",
        _number(result.found_mean, 1),
        f"{_number(result.tokens_mean, 0)} ({_number(result.tokens_p95, 0)})",
        _share(result.with_memory),
        _share(result.support),
        _share(result.agreement),
        f"{_number(result.cpu_ms_p50, 1)} ({_number(result.cpu_ms_p95, 1)})",
    ]


def _number(value: float | None, digits: int) -> str:
    return _MISSING if value is None else f"{value:.{digits}f}"


def _share(value: float | None) -> str:
    return _MISSING if value is None else f"{100 * value:.1f}%"

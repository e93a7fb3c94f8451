"""``memos queue`` and ``memos reembed``: what waits in the vault in, less of it out."""

import argparse
import json
from itertools import groupby

from rich.console import Console
from rich.markup import escape
from rich.progress import MofNCompleteColumn, Progress
from rich.table import Table

from config.settings import Settings
from memory.embeddings import embedding_text
from memory.errors import NotFound
from memory.ports import Embedder
from memory.turn import LedgerRow, Scope, TurnState
from memory.vault import VaultFiles
from memory.vault.backlog import Backlog
from proxy.cli_config import loaded, opened_vault, runnable, show_table

_BATCH_TEXTS = 64
_ALL = 1_000_000


def queue_list(chosen: argparse.Namespace) -> int:
    """List the turns that wait to be written or extracted, failed or are dead."""
    with opened_vault(chosen) as files:
        backlog = Backlog(files.connections)
        work = [("write", row) for row in backlog.rows()] + [("extract", row) for row in backlog.extractions()]
    if chosen.json:
        print(json.dumps([{"work": name, **_json(row)} for name, row in work], ensure_ascii=False, indent=2))
        return 0
    table = Table("turn", "work", "state", "attempts", "since", "user", "what happened")
    for name, row in work:
        style = "red" if row.state is TurnState.DEAD else None
        since = f"{row.created_at:%Y-%m-%d %H:%M}"
        table.add_row(
            row.id, name, row.state, str(row.attempts), since, escape(row.user), escape(row.error), style=style
        )
    if work:
        show_table(table)
    else:
        print("Nothing waits.")
    if any(row.state is TurnState.DEAD for _, row in work):
        print(f"Dead turns are kept; `{runnable('queue retry', loaded(chosen).settings.data.dir)}` runs them again.")
    return 0


def _json(row: LedgerRow) -> dict[str, object]:
    names = ("id", "state", "attempts", "user", "conversation_id", "error")
    return {**{name: getattr(row, name) for name in names}, "created_at": row.created_at.isoformat()}


def queue_retry(chosen: argparse.Namespace) -> int:
    """Queue dead turns again; a running server takes them up by itself."""
    with opened_vault(chosen) as files:
        backlog = Backlog(files.connections)
        states = [TurnState.DEAD]
        dead = [*backlog.rows(states, limit=_ALL), *backlog.extractions(states, limit=_ALL)]
        if unknown := sorted(set(chosen.ids) - {row.id for row in dead}):
            raise NotFound(f"No dead turn is called {', '.join(unknown)}; `memos queue list` shows them.")
        picked = {row.id: row.user for row in dead if not chosen.ids or row.id in chosen.ids}
        count = 0
        for user, ids in groupby(sorted(picked, key=picked.__getitem__), key=picked.__getitem__):
            named = list(ids)
            count += files.ledger.retry_dead(Scope(user=user), named)
            count += files.extractions.retry_dead(Scope(user=user), named)
    print(f"{count} turn{'' if count == 1 else 's'} queued again.")
    return 0


def reembed(chosen: argparse.Namespace) -> int:
    """Embed every current memory that lacks a vector of the present embedder; can be broken off and run again."""
    with opened_vault(chosen) as files:
        embedder = _embedder(loaded(chosen).settings)
        if embedder is None:
            print("There is no embedder: embedder.kind is none.")
            return 1
        count = _embed_missing(files, embedder)
    print(f"{count} memor{'y' if count == 1 else 'ies'} embedded by {embedder.model_id}.")
    return 0


def _embed_missing(files: VaultFiles, embedder: Embedder) -> int:
    columns = [*Progress.get_default_columns(), MofNCompleteColumn()]
    done = 0
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("embedding", total=Backlog(files.connections).missing_vectors(embedder.model_id))
        while missing := files.vault.missing_vectors(embedder.model_id, limit=_BATCH_TEXTS):
            vectors = embedder.embed([embedding_text(text) for _, _, text in missing])
            files.vault.store_vectors(embedder.model_id, [cube_id for _, cube_id, _ in missing], vectors)
            done += len(missing)
            progress.update(bar, completed=done)
    return done


def _embedder(settings: Settings) -> Embedder | None:
    from proxy.compose import create_embedder

    return create_embedder(settings)

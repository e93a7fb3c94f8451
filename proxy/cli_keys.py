"""``memos keys``: made, listed and revoked beside a running server, or before its first start."""

import argparse
import json
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from memory.vault.keys import KeyRecord
from proxy.cli_config import opened_vault


def create(chosen: argparse.Namespace) -> int:
    """Make a key and show it."""
    with opened_vault(chosen) as files:
        new = files.keys.create(chosen.name, assert_users=chosen.assert_users, user=chosen.user)
    if chosen.json:
        print(json.dumps({"key": new.key, "id": new.record.id, "user": new.record.user}))
        return 0
    print(new.key)
    console = Console(stderr=True)
    may = ", may name users" if new.record.assert_users else ""
    console.print(f"Key {new.record.id} of user {new.record.user}{may}. It is shown this once; only a hash is kept.")
    return 0


def list_keys(chosen: argparse.Namespace) -> int:
    """List all keys, revoked ones too."""
    with opened_vault(chosen) as files:
        records = files.keys.list()
    if chosen.json:
        print(json.dumps([_row(record) for record in records], ensure_ascii=False, indent=2))
        return 0
    columns = (Column("id", no_wrap=True), "name", Column("user", no_wrap=True), "may", "made", "revoked")
    table = Table(*columns)
    for record in records:
        may = " ".join(scope.removeprefix("memory:") for scope in record.scopes)
        may += " assert-users" * record.assert_users
        revoked = "" if record.revoked_at is None else f"{record.revoked_at:%Y-%m-%d}"
        style = "dim" if record.revoked_at else None
        table.add_row(record.id, record.name, record.user, may, f"{record.created_at:%Y-%m-%d}", revoked, style=style)
    Console().print(table)
    return 0


def _row(record: KeyRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "name": record.name,
        "user": record.user,
        "shown": record.shown,
        "assert_users": record.assert_users,
        "scopes": list(record.scopes),
        "created_at": record.created_at.isoformat(),
        "revoked_at": record.revoked_at.isoformat() if record.revoked_at else None,
    }


def revoke(chosen: argparse.Namespace) -> int:
    """Revoke a key; requests that carry it are refused from now on."""
    with opened_vault(chosen) as files:
        record = files.keys.revoke(chosen.id)
    print(f"Key {record.id} ({record.name}) is revoked.")
    return 0

"""``memos spaces``: what users share with each other, shown to the operator of the server, and ended by them."""

import argparse
import json
from dataclasses import asdict
from typing import Any

from rich.markup import escape
from rich.table import Column, Table

from memory.vault.space_desk import SpaceCount, SpaceDesk
from proxy.cli_config import opened_vault, show_table


def list_spaces(chosen: argparse.Namespace) -> int:
    """List all spaces."""
    with opened_vault(chosen) as files:
        spaces = SpaceDesk(files.connections).spaces()
    if chosen.json:
        print(json.dumps([_row(space) for space in spaces], ensure_ascii=False, indent=2))
        return 0
    if not spaces:
        print("There are no spaces.")
        return 0
    table = Table(Column("id", no_wrap=True), "kind", "name", "members", "shared memories", "made")
    for space in spaces:
        counts = (str(space.members), str(space.shared), f"{space.created_at:%Y-%m-%d}")
        table.add_row(space.id, space.kind.value, escape(space.name), *counts)
    show_table(table)
    return 0


def members(chosen: argparse.Namespace) -> int:
    """List who belongs to a space."""
    with opened_vault(chosen) as files:
        found = SpaceDesk(files.connections).members(chosen.id)
    if chosen.json:
        print(json.dumps([asdict(each) for each in found], ensure_ascii=False, indent=2))
        return 0
    table = Table("user", "role", "joined")
    for each in found:
        table.add_row(escape(each.user), each.role.value, "yes" if each.joined else "invited")
    show_table(table)
    return 0


def delete(chosen: argparse.Namespace) -> int:
    """End a space; a running server stops sharing it with the next request."""
    with opened_vault(chosen) as files:
        ended = SpaceDesk(files.connections).end(chosen.id)
    print(f"Space {ended.id} ({ended.name}) is gone; {ended.shared} memories are shared there no more.")
    return 0


def _row(space: SpaceCount) -> dict[str, Any]:
    return {**asdict(space), "created_at": space.created_at.isoformat()}

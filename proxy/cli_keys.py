"""``memos keys``: made, listed and revoked beside a running server; made before its first start too."""

import argparse
import json
import re
from collections.abc import Iterable
from functools import partial
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from memory.errors import NotFound
from memory.vault.keys import DEFAULT_SCOPES, KeyRecord
from proxy.cli_config import has_vault, loaded, opened_vault, show_table
from proxy.identity import KEY_PREFIX

_KEY = re.compile(rf"{KEY_PREFIX}([0-9a-f]{{8}})-")
_SUGGESTED = 3  # users whose names are near
_SHORT = 3  # letters: two of them are another name


def create(chosen: argparse.Namespace) -> int:
    """Make a key and show it."""
    folder = loaded(chosen).settings.data.dir
    is_new = not has_vault(folder)
    with opened_vault(chosen, may_make=True) as files:
        users = files.keys.users() if chosen.user else set()
        scopes = (*DEFAULT_SCOPES, "admin") if chosen.admin else DEFAULT_SCOPES
        new = files.keys.create(chosen.name, assert_users=chosen.assert_users, scopes=scopes, user=chosen.user)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if is_new:
        made = f"Made a new data folder, {folder.resolve()}: the key is good for a proxy that uses this one."
        console.print(made, markup=False)
    if chosen.user and chosen.user not in users:
        console.print(_new_user(chosen.user, users), markup=False)
    if chosen.json:
        print(json.dumps({"key": new.key, "id": new.record.id, "user": new.record.user}))
        return 0
    print(new.key)
    may = ", may name users" if new.record.assert_users else ""
    told = f"Key {new.record.id} of user {new.record.user}{may}. It is shown this once; only a hash is kept."
    console.print(told, markup=False)
    return 0


def _new_user(user: str, users: Iterable[str]) -> str:
    """Return what to say of a user that has neither memories nor a key: it may be another one, misspelt."""
    near = sorted(filter(partial(_is_near, user), users))[:_SUGGESTED]
    asked = f" Did you mean {' or '.join(near)}? Then revoke this key and make another one." if near else ""
    return f"{user} is a new user, without memories.{asked}"


def _is_near(one: str, other: str) -> bool:
    """True when two letters at most were mistyped, one in a name of three or less; capitals do not count."""
    one, other = one.casefold(), other.casefold()
    most = 1 if min(len(one), len(other)) <= _SHORT else 2
    if abs(len(one) - len(other)) > most or len(set(one) ^ set(other)) > 2 * most:  # most are told apart by this
        return False
    row = list(range(len(other) + 1))  # Levenshtein's distance, row by row
    for n, letter in enumerate(one, start=1):
        before, row = row, [n]
        for m, opposite in enumerate(other, start=1):
            row.append(min(before[m] + 1, row[-1] + 1, before[m - 1] + (letter != opposite)))
    return row[-1] <= most


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
        table.add_row(
            record.id,
            escape(record.name),
            escape(record.user),
            may,
            f"{record.created_at:%Y-%m-%d}",
            revoked,
            style=style,
        )
    show_table(table)
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
        record = files.keys.revoke(_id_of(chosen.id))
    print(f"Key {record.id} ({record.name}) is revoked.")
    return 0


def _id_of(text: str) -> str:
    """Return the id inside a whole key, which is what people have at hand; the secret part is never shown.

    Raises: NotFound: it is no whole key either.
    """
    if KEY_PREFIX not in text:
        return text
    whole = _KEY.search(text)
    if whole is None:
        raise NotFound("That is not a whole key; `memos keys list` shows the ids.")
    return whole[1]

"""Command-line arguments in, settings or an open vault out; and the commands that only show something."""

import argparse
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from config.layers import ConfigError
from config.settings import Loaded, load

if TYPE_CHECKING:
    from memory.vault import VaultFiles

DISTRIBUTION = "memos-proxy"
_BUSY_TIMEOUT_MS = 10_000  # a person waits more gladly than they run the command again


def loaded(chosen: argparse.Namespace, flags: Mapping[str, Any] | None = None) -> Loaded:
    """Return the settings under a command's ``--config``, ``--data``, ``--set`` and further flags by dotted key.

    Raises: ConfigError.
    """
    return load(chosen.config, {**_overrides(chosen), **(flags or {})})


def _overrides(chosen: argparse.Namespace) -> dict[str, Any]:
    flags: dict[str, Any] = {} if chosen.data is None else {"data.dir": chosen.data}
    for pair in chosen.set:
        key, equals, value = pair.partition("=")
        if not equals:
            raise ConfigError([f"--set {pair}: write it as KEY=VALUE"])
        flags[key.strip()] = value
    return flags


@contextmanager
def opened_vault(chosen: argparse.Namespace) -> "Iterator[VaultFiles]":
    """Open the vault of a command's data folder, beside a running server or before its first start."""
    from memory.vault import open_vault

    folder = loaded(chosen).settings.data.dir
    files = open_vault(folder, clock=lambda: datetime.now(UTC), busy_timeout_ms=_BUSY_TIMEOUT_MS)
    try:
        yield files
    finally:
        files.close()


def check_config(chosen: argparse.Namespace) -> int:
    """Print every setting, its value and where that came from."""
    known = loaded(chosen)
    rows = {key: {"value": value, "source": known.sources[key]} for key, value in known.settings.flat().items()}
    if chosen.json:
        print(json.dumps(rows, ensure_ascii=False, indent=2))
        return 0
    table = Table("setting", "value", "source", title="What holds", title_justify="left")
    for key, row in rows.items():
        style = "dim" if row["source"] == "default" else "bold"
        table.add_row(key, _shown(row["value"]), row["source"], style=style)
    Console().print(table)
    return 0


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def installed_version() -> str:
    """Return the version that is installed, or what to say when it is run without being installed."""
    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return "not installed (run `pip install -e .` in the project folder)"


def version(_chosen: argparse.Namespace) -> int:
    """Print the version."""
    print(f"{DISTRIBUTION} {installed_version()}")
    return 0

"""Command-line arguments in, settings or an open vault out; and the commands that only show something."""

import argparse
import json
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from config.layers import ConfigError
from config.pipelines import shipped_and
from config.settings import Loaded, load
from memory.errors import NotFound

if TYPE_CHECKING:
    from memory.vault import VaultFiles

DISTRIBUTION = "memos-proxy"
BUSY_TIMEOUT_MS = 10_000  # a person waits more gladly than they run the command again
_DEFAULT_DATA = Path("data")
_WIDE_CHARS = 10_000  # of what is no terminal: nothing is cut off for the next program


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


def has_vault(data_dir: Path) -> bool:
    """Return True when the folder is a data folder."""
    return (data_dir / "memos.db").is_file()


def vault_folder(chosen: argparse.Namespace) -> Path:
    """Return the data folder that a command works in.

    Raises: NotFound: it is none. ConfigError.
    """
    folder = loaded(chosen).settings.data.dir
    if not has_vault(folder):
        raise NotFound(f"There is no vault in {folder.resolve()}. Name the folder that the proxy uses with --data DIR.")
    return folder


@contextmanager
def opened_vault(chosen: argparse.Namespace, *, may_make: bool = False) -> "Iterator[VaultFiles]":
    """Open the vault of a command's data folder, beside a running server or, with ``may_make``, before its first start.

    Raises: NotFound: there is none.
    """
    from memory.vault import open_vault

    folder = loaded(chosen).settings.data.dir if may_make else vault_folder(chosen)
    files = open_vault(folder, clock=lambda: datetime.now(UTC), busy_timeout_ms=BUSY_TIMEOUT_MS)
    try:
        yield files
    finally:
        files.close()


def runnable(words: str, data_dir: Path) -> str:
    """Return a command as it runs from here: the program as it was started, and the data folder if it is not ./data."""
    where = "" if data_dir == _DEFAULT_DATA else f" --data {shlex.quote(str(data_dir))}"
    return f"{_program()} {words}{where}"


def _program() -> str:
    started = Path(sys.argv[0])
    if started.name == "__main__.py":
        return f"{_near(Path(sys.executable))} -m {started.parent.name}"
    found = shutil.which(started.name)
    return started.name if found is not None and Path(found).resolve() == started.resolve() else _near(started)


def _near(path: Path) -> str:
    """Return the path as one would type it here."""
    path, here = path.absolute(), Path.cwd()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))


def show_table(table: Table) -> None:
    """Print a table, as wide as it is where no terminal limits it."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDE_CHARS)
    console.print(table)


def check_config(chosen: argparse.Namespace) -> int:
    """Print every setting, its value and where that came from."""
    known = loaded(chosen)
    shipped_and(known.settings.pipelines.dir)
    rows = {key: {"value": value, "source": known.sources[key]} for key, value in known.settings.flat().items()}
    if chosen.json:
        print(json.dumps(rows, ensure_ascii=False, indent=2))
        return 0
    columns = (Column(name, overflow="fold") for name in ("setting", "value", "source"))
    table = Table(*columns, title="What holds", title_justify="left")
    for key, row in rows.items():
        style = "dim" if row["source"] == "default" else "bold"
        table.add_row(key, escape(_shown(row["value"])), escape(row["source"]), style=style)
    show_table(table)
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

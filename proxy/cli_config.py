"""Command-line arguments in, settings out; and the commands that only show something."""

import argparse
import json
from collections.abc import Mapping
from importlib import metadata
from typing import Any

from rich.console import Console
from rich.table import Table

from config.layers import ConfigError
from config.settings import Loaded, load

DISTRIBUTION = "memos-proxy"


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

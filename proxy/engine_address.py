"""A data folder in, the address of the engine that runs on it out: for commands beside a running server.

The file is a hint: whoever reads it must be ready to find nobody there.
"""

import contextlib
import os
from pathlib import Path

_FILE = "engine.address"
_UNIX = "unix:"


def announce(data_dir: Path, address: str) -> None:
    """Write where the engine listens, for this user's own commands."""
    path = data_dir / _FILE
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(address)


def withdraw(data_dir: Path) -> None:
    """Take the address back."""
    with contextlib.suppress(OSError):
        (data_dir / _FILE).unlink(missing_ok=True)


def running_socket(data_dir: Path) -> Path | None:
    """Return the engine's socket, if one was announced and is still there."""
    try:
        address = (data_dir / _FILE).read_text()
    except (OSError, UnicodeDecodeError):
        return None
    path = Path(address.removeprefix(_UNIX))
    return path if address.startswith(_UNIX) and path.is_socket() else None

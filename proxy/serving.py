"""A data folder in, the right to serve it out: one server a folder.

A server keeps each user's index in memory; what a second one wrote would not be found by meaning until a restart.
Commands such as `memos keys` may run beside it. The operating system lets go of the lock when the process ends, however
it ends.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from memory.errors import Unavailable
from memory.vault.folders import make_folder


@contextmanager
def only_server(data_dir: Path) -> Iterator[None]:
    """Hold the data folder while the block runs.

    Raises: Unavailable: another server runs on it, or it cannot be made.
    """
    make_folder(data_dir)
    lock = os.open(data_dir / "server.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise Unavailable(
            f"Another server runs on {data_dir.resolve()}. Stop it, or choose another folder with --data."
        ) from None
    try:
        yield
    finally:
        os.close(lock)

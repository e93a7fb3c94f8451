"""A folder in, a place below it that no other process uses out: numbered from 0, the first that is free.

A place is held by a lock that the system lets go of when the process ends, however it ends; so what lies there is
found again by the next process.
"""

import fcntl
import os
import shutil
from pathlib import Path

_MOST = 1000


class Place:
    """A folder of this process alone, until it leaves."""

    def __init__(self, folder: Path) -> None:
        """Raises: OSError: there is none left, or the folder cannot be written."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        for number in range(_MOST):
            self.path = folder / str(number)
            self._lock = os.open(folder / f"{number}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(self._lock)
            else:
                self.path.mkdir(exist_ok=True, mode=0o700)
                return
        raise OSError(f"more than {_MOST} processes use {folder}")

    def every(self) -> list[Path]:
        """Return the places of all processes, former ones too."""
        return sorted(path for path in self._folder.iterdir() if path.is_dir())

    def leave(self) -> None:
        """Let others have it, with what lies there."""
        os.close(self._lock)


def remove_free(folder: Path) -> None:
    """Remove the places below a folder that no process uses, with all that lies there."""
    for lock in sorted(folder.glob("*.lock")) if folder.is_dir() else ():
        held = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        else:
            shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
        finally:
            os.close(held)

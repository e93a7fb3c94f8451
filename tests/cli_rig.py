"""Commands of ``memos`` in the test's own process: starting one for each would take minutes."""

import contextlib
import io
from dataclasses import dataclass
from pathlib import Path

from proxy.cli import main


@dataclass
class Done:
    """What a command printed, and its exit status."""

    returncode: int
    stdout: str
    stderr: str


def memos(*arguments: str, data: Path) -> Done:
    """Run a command on a data folder."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main([*arguments, "--data", str(data)])
    return Done(status, out.getvalue(), err.getvalue())

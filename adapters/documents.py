"""Files in, Markdown out, by a converter in a process of its own with limits on time, memory and length.

The process reads the file from a pipe and is killed when its time is over; it fetches nothing and writes nothing.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from adapters.installing import install_command
from memory.errors import EngineMissing, Invalid, Unavailable
from memory.ports import Converted

_PROGRAM = Path(__file__).with_name("document_converter.py")
_NEEDED = ("pypdf", "markdownify")
_AT_ONCE = 2  # conversions; each may take a core and the memory of its limit


class DocumentConverter:
    """A ``Converter`` for application/pdf and text/html."""

    def __init__(
        self,
        *,
        max_pages: int,
        max_chars: int,
        timeout_s: float,
        memory_mb: int = 1024,
        needed: Sequence[str] = _NEEDED,
    ) -> None:
        self._limits = (str(max_pages), str(max_chars), str(max(1, round(timeout_s))), str(memory_mb))
        self._timeout_s = timeout_s
        self._needed = needed
        self._places = threading.BoundedSemaphore(_AT_ONCE)

    def convert(self, content: bytes, media_type: str) -> Converted:
        """Return the file's words. Takes a third of a second and 10 milliseconds a page, in a worker thread.

        Raises: Invalid: it is damaged, encrypted, too long or takes too long. EngineMissing. Unavailable: others wait.
        """
        missing = [package for package in self._needed if find_spec(package) is None]
        if missing:
            raise EngineMissing(
                f"Converting PDF and HTML needs packages that are not installed ({', '.join(missing)}): "
                f"{install_command('documents')}. Plain text and Markdown need nothing."
            )
        if not self._places.acquire(timeout=self._timeout_s):
            raise Unavailable("Other documents are being converted; try again.", retry_after_s=self._timeout_s)
        try:
            return self._converted(content, media_type)
        finally:
            self._places.release()

    def _converted(self, content: bytes, media_type: str) -> Converted:
        command = [sys.executable, "-I", str(_PROGRAM), media_type, *self._limits]
        try:
            done = subprocess.run(command, input=content, capture_output=True, timeout=self._timeout_s, check=True)  # noqa: S603
            answer = json.loads(done.stdout)
        except subprocess.TimeoutExpired:
            raise _refused(f"it took longer than {self._timeout_s:g} s") from None
        except (subprocess.CalledProcessError, ValueError):  # killed at a limit, or by what it read
            raise _refused("it takes too much time or memory, or is damaged") from None
        except OSError as error:
            raise Unavailable(f"The converter cannot be started: {error}") from error
        if "error" in answer:
            raise _refused(answer["error"])
        return Converted(text=answer["text"], title=answer["title"])


def _refused(reason: str) -> Invalid:
    return Invalid(f"The document cannot be converted: {reason}.", param="content", code="document_not_converted")

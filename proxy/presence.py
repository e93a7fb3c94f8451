"""A client's side of the connection in, the end of the work for it out.

A client that leaves must cost nothing more: the task that serves it is cancelled at once, whatever it waits for.
"""

import asyncio
from typing import Any

from starlette.types import Receive


class Presence:
    """Whether the client is still there; when it leaves, the task that serves it is cancelled."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._served: asyncio.Task[Any] | None = None
        self._watcher: asyncio.Task[None] | None = None
        self.over = False  #: the last byte is out: leaving is no news any more
        self._left = False

    def watch(self) -> None:
        """Begin to watch, once the body was read."""
        self._served = asyncio.current_task()
        self._watcher = asyncio.create_task(self._wait())

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if not self.over and self._served is not None:
            self._left = True
            self._served.cancel()

    def excuse(self) -> bool:
        """True when the task was cancelled because the client left, and by nobody else."""
        if self._left and self._served is not None:
            return self._served.uncancel() == 0
        return False

    def stop(self) -> None:
        """Watch no longer."""
        self.over = True
        if self._watcher is not None:
            self._watcher.cancel()

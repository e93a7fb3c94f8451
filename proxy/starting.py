"""An ASGI app in, the same app out, which keeps the reason why it did not start.

A framework tells the server in front only a traceback, as text. What this project raises on purpose is one line for
people; only a mistake in the program is worth its traceback.
"""

import logging

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from memory.errors import MemoryFault

logger = logging.getLogger(__name__)


class Starting:
    """The app; ``failure`` is why its lifespan ended, when that was a fault of this project's own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.failure: MemoryFault | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the lifespan."""
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return

        async def told(message: Message) -> None:
            await send({**message, "message": ""} if message["type"].endswith(".failed") else message)

        try:
            await self._app(scope, receive, told)
        except MemoryFault as fault:
            self.failure = fault
            raise
        except Exception:
            logger.exception("the proxy could not start, or could not stop in peace")
            raise

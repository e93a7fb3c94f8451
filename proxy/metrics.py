"""``GET /metrics``: the counters in Prometheus' text format, for this machine and for whoever has a key."""

import asyncio
import ipaddress

from fastapi import APIRouter, Request, Response

from proxy.auth import Authenticator
from proxy.telemetry import Counters

_MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """The counters as a route."""

    def __init__(self, counters: Counters, authenticator: Authenticator) -> None:
        self._counters = counters
        self._authenticator = authenticator

    def router(self) -> APIRouter:
        """Return the route."""
        router = APIRouter(tags=["health"])
        router.add_api_route("/metrics", self.metrics, methods=["GET"], response_class=Response)
        return router

    async def metrics(self, request: Request) -> Response:
        """Count requests by route and status, and what memory did in chats. From another machine it needs a key."""
        if not _is_near(request.client.host if request.client is not None else ""):
            await asyncio.to_thread(self._authenticator.caller, request.headers.raw)
        return Response(self._counters.prometheus(), media_type=_MEDIA_TYPE)


def _is_near(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

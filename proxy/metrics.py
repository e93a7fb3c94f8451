"""``GET /metrics``: the counters in Prometheus' text format, for this machine and for whoever has a key."""

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi import APIRouter, Request, Response

from memory.errors import MemoryFault
from memory.upkeep import Tally
from proxy.auth import Authenticator
from proxy.telemetry import Counters

_PATIENCE_S = 2.0
Kept = Callable[[], Awaitable[Mapping[str, Any]]]
_MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """The counters as a route."""

    def __init__(
        self, counters: Counters, authenticator: Authenticator, tally: Tally, kept: Kept | None = None
    ) -> None:
        """``kept`` tells what the local model keeps computed, where there is one."""
        self._tally = tally
        self._counters = counters
        self._authenticator = authenticator
        self._kept = kept

    def router(self) -> APIRouter:
        """Return the route."""
        router = APIRouter(tags=["health"])
        router.add_api_route("/metrics", self.metrics, methods=["GET"], response_class=Response)
        return router

    async def metrics(self, request: Request) -> Response:
        """Count requests by route and status, and what memory did in chats. From another machine it needs a key."""
        if not _is_near(request.client.host if request.client is not None else ""):
            await asyncio.to_thread(self._authenticator.caller, request.headers.raw)
        own = self._counters.prometheus() + _upkeep(self._tally)
        return Response(own + await self._of_engine(), media_type=_MEDIA_TYPE)

    async def _of_engine(self) -> str:
        """What the engine keeps now; nothing while it does not answer."""
        if self._kept is None:
            return ""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                return _gauges(await self._kept())
        except (MemoryFault, TimeoutError):
            return ""


def _upkeep(tally: Tally) -> str:
    """What time, quotas and use did to memories since the start."""
    events = ("expired", "archived", "removed", "reactivated", "useful")
    lines = [f'memos_memories_total{{event="{event}"}} {getattr(tally, event)}' for event in events]
    lines += ["# TYPE memos_sweep_seconds_total counter", f"memos_sweep_seconds_total {tally.sweep_s:.3f}"]
    lines += ["# TYPE memos_users_over_quota gauge", f"memos_users_over_quota {tally.over_quota}"]
    return "".join(f"{line}\n" for line in ("# TYPE memos_memories_total counter", *lines))


def _gauges(stats: Mapping[str, Any]) -> str:
    """Entries and bytes by tier, and what was counted beside; a tier is a dict, a count a number."""
    tiers = {name: value for name, value in sorted(stats.get("tiers", {}).items()) if isinstance(value, dict)}
    lines: list[str] = []
    for field, name in (("entries", "memos_activation_entries"), ("size_bytes", "memos_activation_bytes")):
        if tiers:
            lines.append(f"# TYPE {name} gauge")
            lines += [f'{name}{{tier="{tier}"}} {value.get(field, 0)}' for tier, value in tiers.items()]
    for field in ("damaged", "evicted"):
        if isinstance(stats.get(field), int):
            name = f"memos_activation_{field}_total"
            lines += [f"# TYPE {name} counter", f"{name} {stats[field]}"]
    return "".join(f"{line}\n" for line in lines)


def _is_near(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

"""``memos serve``: settings in, a running proxy out, and on the screen what a person needs to use it."""

import argparse
import logging
import os
import socket
from collections.abc import Awaitable, Callable

import uvicorn
from rich.console import Console

from config.settings import Loaded, Settings
from memory.errors import Invalid, Unavailable
from memory.vault.failpoints import Failpoints
from proxy.cli_config import installed_version, loaded
from proxy.cli_engine import advised, check_model, engine_flags, model_flags, refuse_vain
from proxy.cli_welcome import Welcome
from proxy.compose import compose
from proxy.serving import only_server
from proxy.starting import Starting
from proxy.telemetry import set_up_logging

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  shown, not bound
_BACKLOG = 2048
_LATER = ("litellm",)


class _Server(uvicorn.Server):
    """Says when it is listening: by then the model is ready, and its sockets take requests."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started and not self.should_exit:
            await self._announce()


def serve(chosen: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT; running answers may then finish for ``server.drain_timeout_s``."""
    known = _settings(chosen)
    settings = known.settings
    set_up_logging(settings.server.log_level, as_json=settings.server.log_json)
    with only_server(settings.data.dir):
        return _served(settings, Failpoints.parse(chosen.failpoint) if chosen.failpoint else None)


def _served(settings: Settings, failpoints: Failpoints | None) -> int:
    listener = _listener(settings)
    console = Console(highlight=False, soft_wrap=True)
    start = f"MemOS Proxy {installed_version()} is starting; its data are in {settings.data.dir.resolve()}"
    console.print(start, markup=False)
    from proxy.app import create_app

    parts = compose(settings, failpoints=failpoints)
    app = Starting(create_app(parts))
    logging.getLogger("uvicorn.error").addFilter(lambda _: app.failure is None)  # told below, in one line
    server = _Server(
        uvicorn.Config(
            app,
            log_config=None,
            log_level="warning",  # what it would say is announced
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=settings.server.drain_timeout_s,
            backlog=_BACKLOG,
        ),
        Welcome(console, settings, _url(settings, listener), parts.backend).show,
    )
    try:
        server.run(sockets=[listener])
    except SystemExit:  # uvicorn's way to say that the app did not start
        if app.failure is None:
            return 1
        raise advised(app.failure) from None
    return 0 if server.started else 1


def _settings(chosen: argparse.Namespace) -> Loaded:
    flags: dict[str, object] = {
        "server.host": chosen.host,
        "server.port": chosen.port,
        "server.log_level": chosen.log_level,
        "backend.kind": chosen.backend,
        "backend.base_url": chosen.upstream,
        **model_flags(chosen),
        **engine_flags(chosen),
    }
    if chosen.upstream is not None:
        flags["backend.kind"] = "upstream"
    known = loaded(chosen, {key: value for key, value in flags.items() if value is not None})
    if known.settings.backend.kind in _LATER:
        raise _later(f"The backend {known.settings.backend.kind}")
    refuse_vain(chosen, known.settings)
    check_model(known.settings)
    return known


def _later(what: str) -> Invalid:
    return Invalid(
        f"{what} waits for a later version; use --model FILE.gguf, or --upstream URL of a server that runs it."
    )


def _listener(settings: Settings) -> socket.socket:
    """Bind first: what cannot listen should not load a model."""
    server = settings.server
    family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
    try:
        return socket.create_server((server.host, server.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        number = error.errno or 0
        reason = os.strerror(number) if number > 0 else error.strerror  # its own text names the address again
        raise Unavailable(
            f"Cannot listen on {server.host}:{server.port}: {reason}. Choose another with --port."
        ) from None


def _url(settings: Settings, listener: socket.socket) -> str:
    host = _EVERYWHERE.get(settings.server.host, settings.server.host)
    port = listener.getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

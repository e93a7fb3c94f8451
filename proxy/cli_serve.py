"""``memos serve``: settings in, a running proxy out, and on the screen what a person needs to use it."""

import argparse
import socket
import sys
from collections.abc import Callable

import uvicorn
from rich.console import Console

from config.layers import ConfigError
from config.settings import Loaded, Settings
from memory.errors import Invalid, Unavailable
from memory.vault import VaultFiles, open_vault
from proxy.cli_config import installed_version, loaded
from proxy.compose import compose, utc_now
from proxy.serving import only_server
from proxy.telemetry import set_up_logging

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  shown, not bound
_FIRST_KEY = "first"
_BACKLOG = 2048

_EXAMPLE = """
  curl {url}/v1/chat/completions -H "Authorization: Bearer {key}" -H "Content-Type: application/json" \\
    -d '{{"model": "{model}", "messages": [{{"role": "user", "content": "My name is Ada and I live in Lisbon."}}]}}'

  from openai import OpenAI
  client = OpenAI(base_url="{url}/v1", api_key="{key}")
  question = [{{"role": "user", "content": "Where do I live?"}}]
  print(client.chat.completions.create(model="{model}", messages=question).choices[0].message.content)
"""


class _Server(uvicorn.Server):
    """Says when it is listening."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started and not self.should_exit:
            self._announce()


def serve(chosen: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT; running answers may then finish for ``server.drain_timeout_s``."""
    known = _settings(chosen)
    settings = known.settings
    set_up_logging(settings.server.log_level, as_json=settings.server.log_json)
    with only_server(settings.data.dir):
        return _served(settings)


def _served(settings: Settings) -> int:
    listener = _listener(settings)
    first_key = _bootstrap_key(settings)
    console = Console(highlight=False, soft_wrap=True)
    url = _url(settings, listener)
    console.print(f"MemOS Proxy {installed_version()} is starting; its data are in {settings.data.dir.resolve()}")
    from proxy.app import create_app

    server = _Server(
        uvicorn.Config(
            create_app(compose(settings)),
            log_config=None,
            log_level="warning",  # what it would say is announced
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=settings.server.drain_timeout_s,
            backlog=_BACKLOG,
        ),
        lambda: _announce(console, settings, url, first_key),
    )
    server.run(sockets=[listener])
    return 0 if server.started else 1


def _settings(chosen: argparse.Namespace) -> Loaded:
    if chosen.hf is not None:
        raise Invalid(
            "--hf waits for a later version; use --model FILE.gguf, or --upstream URL of a server that runs it."
        )
    flags: dict[str, object] = {
        "server.host": chosen.host,
        "server.port": chosen.port,
        "server.log_level": chosen.log_level,
        "backend.kind": chosen.backend,
        "backend.base_url": chosen.upstream,
        "backend.model_path": chosen.model,
    }
    if chosen.upstream is not None:
        flags["backend.kind"] = "upstream"
    if chosen.model is not None:
        flags["backend.kind"] = "llama_cpp"
    known = loaded(chosen, {key: value for key, value in flags.items() if value is not None})
    path = known.settings.backend.model_path
    if known.settings.backend.kind == "llama_cpp" and path is not None and not path.is_file():
        raise ConfigError([f"backend.model_path: there is no file at {path}"])
    return known


def _listener(settings: Settings) -> socket.socket:
    """Bind first: what cannot listen should not load a model."""
    server = settings.server
    family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
    try:
        return socket.create_server((server.host, server.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise Unavailable(
            f"Cannot listen on {server.host}:{server.port}: {error.strerror}. Choose another with --port."
        ) from None


def _url(settings: Settings, listener: socket.socket) -> str:
    host = _EVERYWHERE.get(settings.server.host, settings.server.host)
    port = listener.getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _bootstrap_key(settings: Settings) -> str | None:
    """Return a new key when there is none at all; it is not stored in a form that could be shown again."""
    if not settings.identity.bootstrap_key or settings.identity.pass_through:
        return None
    files: VaultFiles = open_vault(settings.data.dir, clock=utc_now)
    try:
        return None if files.keys.list() else files.keys.create(_FIRST_KEY).key
    finally:
        files.close()


def _announce(console: Console, settings: Settings, url: str, first_key: str | None) -> None:
    console.print(f"Listening on [bold]{url}/v1[/]; answers come from {_model(settings)}.")
    if settings.server.host not in _LOOPBACK:
        console.print("[yellow]It can be reached from other machines: put TLS in front of it.[/]")
    if first_key is not None:
        console.print("\nYour first key. It is shown this once; `memos keys create NAME` makes more.\n")
        console.print(f"  {first_key}", markup=False)
        model = settings.backend.model_id or ("memos-tiny" if settings.backend.kind == "embedded" else "MODEL")
        console.print(_EXAMPLE.format(url=url, key=first_key, model=model), markup=False)
    sys.stdout.flush()


def _model(settings: Settings) -> str:
    backend = settings.backend
    if backend.kind == "embedded":
        return (
            "the embedded demonstration model: it repeats what memory brings it and knows nothing else\n"
            "(real models: --upstream URL or --model FILE.gguf)"
        )
    if backend.kind == "upstream":
        return str(backend.base_url)
    if backend.kind == "llama_cpp":
        return f"{backend.model_path}, run here by llama.cpp"
    return f"the {backend.kind} backend"

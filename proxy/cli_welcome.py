"""A proxy that listens in, what a person needs to use it out: its address, the first key, examples that run as printed.

The first key is made here and not before: one that is made for a start that then fails is seen by nobody, and it would
be the first all the same.
"""

import asyncio
import json
import shlex
import sys
from dataclasses import dataclass

from rich.console import Console

from adapters.backend import Backend
from config.settings import Settings
from memory.errors import EngineDown, MemoryFault
from memory.vault import VaultFiles, open_vault
from proxy.cli_config import BUSY_TIMEOUT_MS, runnable
from proxy.compose import utc_now
from proxy.models import listed_models

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_FIRST_KEY = "first"
_LIST_TIMEOUT_S = 3.0
_ANY_MODEL = "MODEL"
_SAID, _ASKED = "My name is Ada and I live in Lisbon.", "Where do I live?"

_EXAMPLE = """
Say something, in a shell:

curl {url}/v1/chat/completions \\
  -H "Authorization: Bearer {key}" -H "Content-Type: application/json" \\
  -d {body}

and ask for it in a new conversation, in Python (pip install openai):

from openai import OpenAI

client = OpenAI(base_url="{url}/v1", api_key="{key}")
question = [{{"role": "user", "content": "{asked}"}}]
print(client.chat.completions.create(model={model}, messages=question).choices[0].message.content)
"""


@dataclass(frozen=True, slots=True)
class _Served:
    """What the model server says of itself."""

    model: str | None = None
    warning: str = ""


class Welcome:
    """What is shown once the server listens and its model answers."""

    def __init__(self, console: Console, settings: Settings, url: str, backend: Backend) -> None:
        self._console = console
        self._settings = settings
        self._url = url
        self._backend = backend

    async def show(self) -> None:
        """Print it; on the first start make a key."""
        self._print(f"Listening on {self._url}/v1; answers come from {_model(self._settings)}.")
        if self._settings.server.host not in _LOOPBACK:
            self._warn("It can be reached from other machines: put TLS in front of it.")
        key = await asyncio.to_thread(self._first_key)
        if key is not None:
            more = runnable("keys create NAME", self._settings.data.dir)
            self._print(f"\nYour first key. It is shown this once; `{more}` makes more.\n\n  {key}")
        if key is not None or self._settings.backend.kind == "upstream":
            served = await self._asked()
            if served.warning:
                self._warn(f"\n{served.warning}")
            if key is not None:
                self._print(_example(self._url, key, served.model))
        sys.stdout.flush()

    def _first_key(self) -> str | None:
        """Return a new key when there is none at all; it is not stored in a form that could be shown again."""
        identity = self._settings.identity
        if not identity.bootstrap_key or identity.pass_through:
            return None
        try:
            files: VaultFiles = open_vault(self._settings.data.dir, clock=utc_now, busy_timeout_ms=BUSY_TIMEOUT_MS)
            try:
                return None if files.keys.list() else files.keys.create(_FIRST_KEY).key
            finally:
                files.close()
        except MemoryFault as fault:  # the server runs: what is missing is made by hand
            more = runnable("keys create NAME", self._settings.data.dir)
            self._warn(f"The first key could not be made ({fault}); make one with `{more}`.")
            return None

    async def _asked(self) -> _Served:
        """Ask the model server for its models; only an upstream's silence is worth a warning, it may come later."""
        base_url = self._settings.backend.base_url
        try:
            async with asyncio.timeout(_LIST_TIMEOUT_S):
                status, models = await listed_models(self._backend)
        except TimeoutError:
            return _Served(warning=f"{base_url} does not answer now; chats fail until it does.")
        except EngineDown as fault:
            return _Served(warning=f"{base_url} cannot be used now: {fault} Chats fail until it can.")
        if status == 200:
            return _Served(model=models[0] if models else None)
        return _Served(warning=_refused(f"{base_url}/models", status))

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False)

    def _warn(self, text: str) -> None:
        self._console.print(text, markup=False, style="yellow")


def _refused(url: str, status: int) -> str:
    if status in (401, 403):
        return f"{url} wants a key ({status}): set MEMOS_UPSTREAM_API_KEY, unless callers bring their own."
    if status == 404:
        return f"{url} is not found (404): the base URL of most servers ends in /v1."
    return f"{url} answers with status {status}."


def _example(url: str, key: str, model: str | None) -> str:
    name = model or _ANY_MODEL
    body = shlex.quote(json.dumps({"model": name, "messages": [{"role": "user", "content": _SAID}]}))
    text = _EXAMPLE.format(url=url, key=key, body=body, asked=_ASKED, model=json.dumps(name, ensure_ascii=False))
    return text if model else f"{text}\nPut the name of a model that your server has in the place of {_ANY_MODEL}.\n"


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
    if backend.kind == "hf":
        return f"{backend.model_path}, run here by transformers"
    return f"the {backend.kind} backend"

"""A running product: `memos serve` as a process of its own, on a real port, with clients and keys."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import openai
import pytest

from adapters.minilm import MiniLM

hypothesis.settings.register_profile("no deadline", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("no deadline")
MEMOS = Path(sys.executable).parent / "memos"


@dataclass
class Product:
    """One data folder and the server that runs on it."""

    data: Path
    flags: tuple[str, ...] = ()
    process: subprocess.Popen | None = None
    port: int = 0

    def start(self, *flags: str, wait_s: float = 60) -> "Product":
        self.flags = flags or self.flags
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        log = self.log.open("ab")
        command = [str(MEMOS), "serve", "--port", str(self.port), "--data", str(self.data), *self.flags]
        self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        log.close()
        end = time.monotonic() + wait_s
        while time.monotonic() < end and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.url}/health/ready", timeout=2) as response:
                    if response.status == 200:
                        return self
            except OSError:
                time.sleep(0.1)
        raise AssertionError(f"not ready:\n{self.log.read_text()[-4000:]}")

    @property
    def log(self) -> Path:
        """What the server says; beside the data folder, for an erasure searches all that lies in it."""
        return self.data.with_name(f"{self.data.name}.log")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self, sig: int = signal.SIGTERM) -> None:
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, sig)
            self.process.wait(30)

    def kill(self) -> None:
        self.stop(signal.SIGKILL)

    def memos(self, *arguments: str):
        """Run a command on this data folder beside the server; return its JSON, if it printed some."""
        command = [str(MEMOS), *arguments, "--data", str(self.data)]
        out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return json.loads(out) if out.startswith("{") else out

    def key(self, name: str, *flags: str) -> str:
        return self.memos("keys", "create", name, "--json", *flags)["key"]

    def client(self, key: str) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0, timeout=60)

    def async_client(self, key: str) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0, timeout=120)

    def ask(self, key: str, *texts: str, **more: str) -> str:
        """One new conversation; keyword x_memory="off" becomes the header X-Memory: off."""
        return self.ask_raw(key, *texts, **more).parse().choices[0].message.content

    def ask_raw(self, key: str, *texts: str, model: str = "", **headers: str):
        with self.client(key) as client:
            return client.chat.completions.with_raw_response.create(
                model=model or client.models.list().data[0].id,
                messages=[{"role": "user", "content": text} for text in texts],
                temperature=0,
                extra_headers={name.replace("_", "-"): value for name, value in headers.items()},
            )

    def api(self, key: str, method: str, path: str, body=None, **headers: str):
        """Return (status, JSON)."""
        request = urllib.request.Request(
            f"{self.url}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"authorization": f"Bearer {key}", "content-type": "application/json", **headers},
        )
        try:
            with urllib.request.urlopen(request, timeout=120) as response:
                return response.status, json.loads(response.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")

    def cubes(self, key: str) -> list[dict]:
        """Every current cube of the user."""
        found, after = [], ""
        while True:
            status, page = self.api(key, "GET", f"/v1/memory/cubes?limit=100{after}")
            assert status == 200, page
            found += page["data"]
            if not page["has_more"]:
                return found
            after = f"&after={page['data'][-1]['id']}"

    def texts(self, key: str, query: str, **more) -> list[str]:
        status, found = self.api(key, "POST", "/v1/memory/search", {"query": query, "top_k": 10, **more})
        assert status == 200, found
        return [cube["text"] for cube in found["data"]]


@pytest.fixture
def product(tmp_path):
    """A data folder; the test starts the server itself, with its own flags. It is stopped afterwards."""
    made = Product(tmp_path)
    yield made
    made.stop(signal.SIGKILL)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """A server with the embedded model, shared by the tests of a module: every test makes keys of its own."""
    made = Product(tmp_path_factory.mktemp("data")).start()
    yield made
    made.stop(signal.SIGKILL)


@pytest.fixture(scope="module")
def running_with(tmp_path_factory):
    """Return what starts a server with flags, shared by the tests of a module."""
    made = []

    def start(*flags: str) -> Product:
        made.append(Product(tmp_path_factory.mktemp("data")).start(*flags))
        return made[-1]

    yield start
    for each in made:
        each.stop(signal.SIGKILL)


@pytest.fixture(scope="session")
def minilm_cache(tmp_path_factory):
    """The folder of the embedder's files, shared by all processes of a run: they take seconds to make."""
    return tmp_path_factory.getbasetemp().parent / "minilm-cache"


@pytest.fixture(scope="module")
def minilm(minilm_cache):
    """The embedder that ships."""
    return MiniLM(minilm_cache)

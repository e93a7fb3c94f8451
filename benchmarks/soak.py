"""Thousands of chats through the whole product, and what it holds afterwards: memory, files, threads, sequences, cells.

    python benchmarks/soak.py [--requests 10000] [--memory on] [--backend embedded] [--parallel 8] [--every 500]

`memos serve` runs with its own engine in a new data folder. Of ten chats five are streamed, one of them is hung up on
after its first chunk, and one is refused. After each block everything is given time to rest and is counted: what is
still there then has leaked, or is kept on purpose (memories, computed prefixes up to the context's size). Linux only.
"""

import argparse
import asyncio
import http.client
import itertools
import json
import socket
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import aiohttp
from bench_console import progress_bar
from bench_processes import make_key, served_on
from rich.console import Console
from rich.progress import Progress, TimeRemainingColumn
from rich.table import Table

CITIES = "Lisbon Porto Bergen Ghent Turin Leeds Graz Nantes Tartu Split Brno Basel Galway".split()
TEXTS = ("I live in {city}.", "Where do I live?", "My favourite colour is teal.", "What is my favourite colour?", "Hi!")
MIB = 1 << 20


@dataclass(frozen=True)
class Sample:
    """What both processes hold while nothing runs; engine fields are 0 for a backend without one."""

    requests: int
    proxy_rss_mib: float
    proxy_fds: int
    proxy_threads: int
    memories: int = 0
    engine_rss_mib: float = 0.0
    engine_fds: int = 0
    engine_threads: int = 0
    running: int = 0
    waiting: int = 0
    used_cells: int = 0
    context_tokens: int = 0


@dataclass(frozen=True)
class Engine:
    """The engine's process below a server's."""

    pid: int
    socket_path: str

    def rest(self, limit_s: float) -> None:
        """Wait until nothing runs and nobody waits; ends the program when it takes too long."""
        health = self.rested(limit_s)
        if health["running"] + health["waiting"]:
            raise SystemExit("The engine did not come to rest.")

    def rested(self, limit_s: float) -> dict:
        """Return its health once nothing runs and nobody waits, or when the time is over."""
        end = time.monotonic() + limit_s
        while (health := self.health())["running"] + health["waiting"] and time.monotonic() < end:
            time.sleep(0.02)
        return health

    def health(self) -> dict:
        connection = http.client.HTTPConnection("engine", timeout=10)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(10)
        connection.sock.connect(self.socket_path)
        try:
            connection.request("GET", "/health")
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()


def engine_of(server_pid: int) -> Engine | None:
    """Return the engine that a server has started, None when there is none."""
    for child in Path(f"/proc/{server_pid}/task").glob("*/children"):
        for pid in child.read_text().split():
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if b"proxy.engine" in words:
                options = json.loads(words[words.index(b"proxy.engine") + 1])
                return Engine(int(pid), options["socket_path"])
    return None


def sample(server_pid: int, requests: int, limit_s: float = 30.0) -> Sample:
    """Wait until the engine rests, then count."""
    engine = engine_of(server_pid)
    held = dict(zip(("proxy_rss_mib", "proxy_fds", "proxy_threads"), _held(server_pid), strict=True))
    held["memories"] = _memories(server_pid)
    if engine is None:
        return Sample(requests, **held)
    health = engine.rested(limit_s)
    held |= dict(zip(("engine_rss_mib", "engine_fds", "engine_threads"), _held(engine.pid), strict=True))
    return Sample(requests, **held, **{name: health[name] for name in ENGINE_COUNTS})


ENGINE_COUNTS = ("running", "waiting", "used_cells", "context_tokens")


def _held(pid: int) -> tuple[float, int, int]:
    """Return resident memory in MiB, open file descriptors and threads."""
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    fds = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return round(int(status["VmRSS"].split()[0]) / 1024, 1), fds, int(status["Threads"])


def _memories(server_pid: int) -> int:
    """Return how many memories have a vector, which the index of a user in use holds in memory."""
    words = Path(f"/proc/{server_pid}/cmdline").read_text().split("\0")
    with closing(sqlite3.connect(Path(words[words.index("--data") + 1]) / "memos.db", timeout=30)) as database:
        return database.execute("SELECT count(*) FROM embeddings").fetchone()[0]


class Chats:
    """Sends numbered chats; each number always sends the same."""

    def __init__(self, url: str, keys: Sequence[str], *, model: str, memory: str, max_tokens: int) -> None:
        self._url = f"{url}/v1/chat/completions"
        self._keys = keys
        self._body = {"model": model, "max_tokens": max_tokens, "temperature": 0}
        self._memory = memory
        self.failed: list[str] = []

    async def run(self, session: aiohttp.ClientSession, numbers: Iterator[int]) -> None:
        """Send one after the other until there are no more numbers."""
        for number in numbers:
            try:
                await self._send(session, number)
            except (aiohttp.ClientError, TimeoutError) as error:
                self.failed.append(f"{number}: {type(error).__name__} {error}")

    async def _send(self, session: aiohttp.ClientSession, number: int) -> None:
        kind = number % 10
        text = TEXTS[number // 10 % len(TEXTS)].format(city=CITIES[number % len(CITIES)])
        body = {**self._body, "messages": [{"role": "user", "content": text}], "stream": kind < 5}
        if kind == 9:
            body["messages"] = []
        if kind == 4:
            body |= {"max_tokens": 400, "temperature": 2}  # goes on until it is hung up on
        headers = {"authorization": f"Bearer {self._keys[number % len(self._keys)]}", "x-memory": self._memory}
        async with session.post(self._url, json=body, headers=headers) as response:
            if kind == 4:
                await response.content.readany()
                response.close()
                return
            answer = await response.read()
        if response.status != (400 if kind == 9 else 200):
            self.failed.append(f"{number}: {response.status} {answer[:200].decode(errors='replace')}")


async def soak(chats: Chats, server_pid: int, blocks: Sequence[int], parallel: int, bar: Progress) -> list[Sample]:
    """Send blocks of chats, so many at a time; return a sample from before the first and from after each."""
    task = bar.add_task("chats", total=sum(blocks))
    samples = [await asyncio.to_thread(sample, server_pid, 0)]
    numbers = itertools.count()
    timeout, connector = aiohttp.ClientTimeout(total=120), aiohttp.TCPConnector(limit=parallel)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
        for block in blocks:
            picked = _ticking(itertools.islice(numbers, block), bar, task)
            await asyncio.gather(*(chats.run(session, picked) for _ in range(parallel)))
            samples.append(await asyncio.to_thread(sample, server_pid, samples[-1].requests + block))
            bar.console.print(_line(samples[-1]), soft_wrap=True, highlight=False)
    return samples


def _ticking(numbers: Iterator[int], bar: Progress, task: int) -> Iterator[int]:
    for number in numbers:
        yield number
        bar.advance(task)


def _line(found: Sample) -> str:
    return (
        f"{found.requests:>7} chats | proxy {found.proxy_rss_mib:7.1f} MiB {found.proxy_fds:3} fds "
        f"{found.proxy_threads:2} threads {found.memories:6} memories | "
        f"engine {found.engine_rss_mib:7.1f} MiB {found.engine_fds:3} fds "
        f"{found.engine_threads:2} threads | {found.running} running {found.waiting} waiting {found.used_cells} cells"
    )


def table(samples: Sequence[Sample]) -> Table:
    """Return the first samples beside the last, and what became more in between."""
    warm, last = samples[1], samples[-1]
    shown = Table("", "at the start", f"after {warm.requests}", f"after {last.requests}", "since then")
    for field in fields(Sample)[1:]:
        first, before, after = (getattr(found, field.name) for found in (samples[0], warm, last))
        shown.add_row(field.name.replace("_", " "), f"{first:g}", f"{before:g}", f"{after:g}", f"{after - before:+g}")
    return shown


def main() -> None:
    args = _arguments()
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory() as folder, progress_bar(TimeRemainingColumn(), console=console) as bar:
        data, log = Path(folder), Path(folder, "serve.log")
        with served_on(data, "--backend", args.backend, *args.more, log=log) as (server, port):
            chats = Chats(
                f"http://127.0.0.1:{port}",
                [make_key(data, f"user-{number}") for number in range(args.users)],
                model={"embedded": "memos-tiny"}.get(args.backend, args.backend),
                memory=args.memory,
                max_tokens=args.max_tokens,
            )
            whole, rest = divmod(args.requests, args.every)
            blocks = [args.every] * whole + [rest] * bool(rest)
            samples = asyncio.run(soak(chats, server.pid, blocks, args.parallel, bar))
        troubles = [line for line in log.read_text().splitlines() if " ERROR " in line]
    Console().print(table(samples))
    if args.json:
        args.json.write_text(json.dumps([asdict(found) for found in samples], indent=1))
    for problem in [*chats.failed[:5], *troubles[:5]]:
        console.print(problem, markup=False)
    sys.exit(bool(chats.failed or troubles))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--every", type=int, default=500, help="chats between two counts")
    parser.add_argument("--parallel", type=int, default=8)
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--max-tokens", type=int, default=4)
    parser.add_argument("--memory", choices=["on", "off"], default="on")
    parser.add_argument("--backend", choices=["embedded", "echo"], default="embedded")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample there")
    parser.add_argument("more", nargs="*", help="after --, further flags of `memos serve`")
    return parser.parse_args()


if __name__ == "__main__":
    main()

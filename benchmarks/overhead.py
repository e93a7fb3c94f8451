"""What the proxy adds to a request: latency and CPU against a direct call, with memory off and on, as a Markdown table.

    python benchmarks/overhead.py [--cubes 1000,10000] [--rounds 5] [--requests 150]

`memos serve --upstream` runs in front of mock_upstream.c, all on loopback; one blocking client, one request at a time,
rounds of all variants in turn, medians of the rounds. CPU is the server's process clock (user and system, all threads),
so that other load on the machine moves the latencies but hardly the CPU. The yardstick for memory is the CPU of
embedding the same kind of question in a process of its own.
"""

import argparse
import itertools
import json
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter_ns

from bench_console import machine
from bench_processes import HERE, Client, bare_relay, call, cpu_ms, make_key, mock_upstream, served_on, settle

SUBJECTS = "sister brother neighbour dentist landlord teacher cousin boss gardener cat dog boat bicycle guitar".split()
PLACES = "Lisbon Porto Bergen Ghent Turin Kraków Leeds Graz Nantes Tartu Split Malmö Cádiz Brno Basel Galway".split()
THINGS = ["a red kayak", "an old piano", "the blue door", "a jar of honey", "two concert tickets", "a winter coat"]
CHUNKS = 200
EMBED = """
import json, sys, time
from pathlib import Path
from adapters.minilm import MiniLM
model, texts = MiniLM(Path(sys.argv[1])), json.load(sys.stdin)
for text in texts[:20]: model.embed([text])
costs = []
for text in texts:
    start = time.process_time_ns(); model.embed([text]); costs.append(time.process_time_ns() - start)
print(sum(costs) / len(costs) / 1e6)
"""


def sentence(n: int) -> str:
    """The n-th remembered sentence; all differ."""
    pick = random.Random(n)
    return f"My {pick.choice(SUBJECTS)} in {pick.choice(PLACES)} bought {pick.choice(THINGS)} for {20 + n} euros."


def question(n: int) -> str:
    """The n-th question; all differ, so that no cache of recalls or embeddings answers them."""
    pick = random.Random(-n - 1)
    return f"What did my {pick.choice(SUBJECTS)} in {pick.choice(PLACES)} do with {pick.choice(THINGS)}, number {n}?"


def chat(n: int, *, size: int = 0, **fields: object) -> bytes:
    system = "You are a helpful assistant." + " Be brief." * (size // 10)
    messages = [{"role": "system", "content": system}, {"role": "user", "content": question(n)}]
    return json.dumps({"model": "mock", "messages": messages, **fields}).encode()


def seed(port: int, key: str, cubes: int) -> None:
    """Give a user so many memories through the API, a sentence a turn; a call is answered when all can be found."""
    for start in range(0, cubes, 250):
        numbers = range(start, min(start + 250, cubes))
        messages = [{"role": "user", "content": sentence(n)} for n in numbers]
        body = {"conversation_id": f"seed-{start}", "messages": messages, "wait": True}
        status, answer = call(port, key, "POST", "/v1/memory/turns", body)
        if status >= 300:
            raise SystemExit(f"Seeding failed: {status} {answer}")
        print(f"\r  seeding {cubes} memories: {numbers[-1] + 1}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


@dataclass
class Variant:
    """One way to send requests; a round appends to the lists."""

    name: str
    server: subprocess.Popen[str]
    client: Client
    requests: int
    fields: dict[str, object] = field(default_factory=dict)
    size: int = 0
    counts_cpu: bool = True
    latencies_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    request_ids: list[str] = field(default_factory=list)

    def round(self, numbers: Iterator[int]) -> None:
        bodies = [chat(next(numbers), size=self.size, **self.fields) for _ in range(self.requests)]
        settle(self.server.pid)
        self.client.reconnect()
        before = cpu_ms(self.server.pid)
        took = []
        for body in bodies:
            start = perf_counter_ns()
            head, _ = self.client.post(body)
            took.append((perf_counter_ns() - start) / 1e6)
            self._note(head)
        settle(self.server.pid)
        self.cpu_ms.append((cpu_ms(self.server.pid) - before) / self.requests)
        self.latencies_ms.append(statistics.median(took))

    def _note(self, head: bytes) -> None:
        for name in (b"x-memory-request-id:", b"x-request-id:"):
            if name in head:
                self.request_ids.append(head.partition(name)[2].split(None, 1)[0].decode())
                return

    @property
    def latency(self) -> float:
        return statistics.median(self.latencies_ms)

    @property
    def cpu(self) -> float:
        return statistics.median(self.cpu_ms)


def embedding_cpu_ms(cache: Path, count: int = 200) -> float:
    """CPU of embedding one question, in a process of its own."""
    questions = json.dumps([question(n) for n in range(1_000_000, 1_000_000 + count)])
    command = [sys.executable, "-c", EMBED, str(cache)]
    done = subprocess.run(command, input=questions, capture_output=True, text=True, check=True, cwd=HERE.parent)
    return float(done.stdout)


def station_times(port: int, key: str, variant: Variant) -> dict[str, float]:
    """Median milliseconds of each station, from the receipts of the last requests."""
    times: dict[str, list[float]] = {}
    for request_id in variant.request_ids[-50:]:
        status, receipt = call(port, key, "GET", f"/v1/memory/requests/{request_id}")
        if status == 200:
            for station in receipt["stations"]:
                times.setdefault(station["name"], []).append(station["ms"])
    return {name: statistics.median(values) for name, values in times.items()}


Server = tuple[subprocess.Popen[str], int]  # and its port


def variants(server: Server, relay: Server, upstream: int, keys: dict[int, str], requests: int) -> list[Variant]:
    """Every way that is measured, in the order of the table."""
    process, port = server
    off, read_only = "X-Memory: off\r\n", "X-Memory: read-only\r\n"
    key, most = keys[min(keys)], max(keys)
    at_once = {"stream": True, "mock_chunks": CHUNKS}
    paced = {**at_once, "mock_interval_us": 2000}
    found = [Variant("direct", process, Client(upstream), requests)]
    for name, who, client in (("bare relay", relay[0], (relay[1],)), ("memory off", process, (port, key, off))):
        found += [
            Variant(name, who, Client(*client), requests),
            Variant(f"{name}, 100 KB of prompt", who, Client(*client), requests // 3, size=100_000),
            Variant(f"{name}, stream at once", who, Client(*client), 20, at_once),
            Variant(f"{name}, stream paced", who, Client(*client), 5, paced),
        ]
    for cubes, owner in sorted(keys.items()):
        name = f"read-only, {cubes:,} memories"
        found.append(Variant(name, process, Client(port, owner, read_only), requests // 3))
    name = f"on (recall and write), {most:,} memories"
    found.append(Variant(name, process, Client(port, keys[most]), requests // 3))
    return found


def table(found: dict[str, Variant], embedding_ms: float, stations: dict[str, float]) -> str:
    """The Markdown that is printed and kept."""
    direct = found["direct"]
    lines = [
        f"{machine()}; medians of {len(direct.cpu_ms)} rounds; a direct call takes {direct.latency:.2f} ms.",
        "",
        "| request | added latency, ms | CPU, ms | CPU / embedding the question |",
        "|---|---|---|---|",
    ]
    for variant in list(found.values())[1:]:
        if "stream" not in variant.fields:
            ratio = f"{variant.cpu / embedding_ms:.2f}" if "memories" in variant.name else ""
            lines.append(f"| {variant.name} | {variant.latency - direct.latency:.2f} | {variant.cpu:.2f} | {ratio} |")
    lines.append(f"| embedding the question alone | | {embedding_ms:.2f} | 1 |")
    lines += ["", f"| stream of {CHUNKS} chunks | CPU per chunk, ms |", "|---|---|"]
    for name, variant in found.items():
        if "stream" in variant.fields:
            whole = found[name.partition(",")[0]]
            lines.append(f"| {name} | {(variant.cpu - whole.cpu) / CHUNKS:.4f} |")
    if stations:
        lines += ["", "| where the time of a recall goes | ms |", "|---|---|"]
        lines += [f"| {name} | {value:.2f} |" for name, value in stations.items()]
    return "\n".join(lines) + "\n"


def measure(data: Path, sizes: list[int], rounds: int, requests: int) -> str:
    keys = {cubes: make_key(data, f"bench-{cubes}") for cubes in [0, *sizes]}
    with (
        mock_upstream() as upstream,
        served_on(data, "--upstream", f"http://127.0.0.1:{upstream}/v1", log=data / "serve.log") as (server, port),
        bare_relay(data, upstream) as relay,
    ):
        for cubes, key in keys.items():
            seed(port, key, cubes)
        every = variants((server, port), relay, upstream, keys, requests)
        numbers = itertools.count()
        embedding = [embedding_cpu_ms(data)]
        for number in range(rounds + 1):
            for variant in every:
                variant.round(numbers)
                if number == 0:  # warms connections, caches and indexes
                    variant.cpu_ms.clear()
                    variant.latencies_ms.clear()
            print(f"\r  round {number} of {rounds}", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        embedding.append(embedding_cpu_ms(data))
        stations = station_times(port, keys[max(keys)], every[-2])
    return table({variant.name: variant for variant in every}, statistics.median(embedding), stations)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cubes", default="1000,10000", help="memories of the users that are measured")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=150, help="requests of a round")
    parser.add_argument("--output", type=Path, default=HERE / "results" / "overhead.md")
    args = parser.parse_args()
    sizes = [int(cubes) for cubes in args.cubes.split(",")]
    with tempfile.TemporaryDirectory() as data:
        result = measure(Path(data), sizes, args.rounds, args.requests)
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(result)
    print(result)


if __name__ == "__main__":
    main()

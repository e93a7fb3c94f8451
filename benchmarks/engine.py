"""What many users at once cost and get: the engine, a lock around one sequence, and llama.cpp's own server.

    python benchmarks/engine.py [--models embedded,random] [--kinds f16,q8_0,q4_0] [--users 1,2,4,8,32] [--rounds 3,1]

All servers get the same file, the same questions and the same number of threads, in turns of one run each; medians of
the rounds. "one at a time" is this engine with a single sequence: a lock. llama.cpp's server is run when a Python that
has `xllamacpp` (its server in a package) is named with --xllamacpp; its build is for AVX2 and no newer instructions.
"""

import argparse
import itertools
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path

from bench_console import machine, markdown
from bench_processes import HERE, cpu_ms, free_port, running, wait_until_ready
from engine_load import Figures, body, percentile, run
from engine_models import FILE_TYPES, model_file
from rich.console import Console
from rich.table import Table

CONTEXT_TOKENS, MOST_USERS = 16384, 32
OURS, LOCK, THEIRS = "this engine", "one at a time", "llama.cpp's server"
XLLAMACPP = """
import sys, threading, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.port = sys.argv[1], int(sys.argv[2])
params.n_ctx, params.n_parallel = int(sys.argv[3]), int(sys.argv[4])
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = int(sys.argv[5])
params.n_batch = params.n_ubatch = 512
params.kv_unified, params.use_jinja, params.n_gpu_layers = True, True, 0
server = xllamacpp.Server(params)
threading.Event().wait()
"""


@dataclass
class Server:
    """A server under measurement."""

    name: str
    process: subprocess.Popen[str]
    port: int
    seen: dict[tuple[int, bool], list[tuple[Figures, float]]] = field(default_factory=dict)  #: CPU ms a token

    def measure(self, users: int, requests: Iterator[bytes], *, stream: bool) -> None:
        before = cpu_ms(self.process.pid)
        figures = run(self.port, users, requests, stream=stream)
        cpu = (cpu_ms(self.process.pid) - before) / figures.tokens
        self.seen.setdefault((users, stream), []).append((figures, cpu))


@contextmanager
def served(name: str, command: Callable[[int], list[str]], log_path: Path) -> Iterator[Server]:
    """A server that is ready, and its end."""
    port = free_port()
    with (
        log_path.open("w") as log,
        running(command(port), stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=HERE.parent) as process,
    ):
        wait_until_ready(process, port, "/health", log_path)
        yield Server(name, process, port)


def engine(model: Path, threads: int, sequences: int) -> Callable[[int], list[str]]:
    def command(port: int) -> list[str]:
        options = {
            "model_path": str(model),
            "model_id": "bench",
            "port": port,
            "context_tokens": CONTEXT_TOKENS,
            "max_sequences": sequences,
            "threads": threads,
        }
        return [sys.executable, "-m", "proxy.engine", json.dumps(options)]

    return command


def llama_server(python: str, model: Path, threads: int) -> Callable[[int], list[str]]:
    return lambda port: [
        *(python, "-c", XLLAMACPP, str(model), str(port)),
        *(str(number) for number in (CONTEXT_TOKENS, MOST_USERS, threads)),
    ]


@dataclass(frozen=True)
class Plan:
    """What is measured of each model."""

    users: list[int]
    rounds: int
    tokens: int
    requests: int
    threads: int
    xllamacpp: str


def measure(model: Path, plan: Plan, folder: Path) -> list[Server]:
    """Run all servers side by side, one of them busy at a time."""
    commands = {
        OURS: engine(model, plan.threads, MOST_USERS),
        LOCK: engine(model, plan.threads, 1),
    }
    if plan.xllamacpp:
        commands[THEIRS] = llama_server(plan.xllamacpp, model, plan.threads)
    numbers = itertools.count()
    with ExitStack() as stack:
        servers = [
            stack.enter_context(served(name, command, folder / "server.log")) for name, command in commands.items()
        ]
        for server in servers:  # warms
            run(server.port, 4, (body(-n - 1, 8, stream=True) for n in range(8)), stream=True)
        for round_number in range(plan.rounds):
            for users, stream in itertools.product(plan.users, (True, False)):
                first, count = next(numbers) * 1000, max(plan.requests, users)
                for server in servers:
                    bodies = (body(first + n, plan.tokens, stream) for n in range(count))
                    server.measure(users, bodies, stream=stream)
            print(f"\r  {model.stem}: round {round_number + 1} of {plan.rounds}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return servers


def rows(name: str, servers: list[Server], users: list[int]) -> Iterator[list[str]]:
    """The table's rows: the median of the rounds; times over all their requests."""

    def speed(server: Server, count: int, stream: bool) -> float:
        return statistics.median(figures.tokens_per_s for figures, _ in server.seen[count, stream])

    def times(server: Server, count: int, which: str) -> str:
        values = [value * 1000 for figures, _ in server.seen[count, True] for value in getattr(figures, which)]
        return " / ".join("-" if math.isnan(p := percentile(values, share)) else f"{p:.1f}" for share in (0.5, 0.99))

    for count in users:
        for server in servers:
            lock = next(other for other in servers if other.name == LOCK)
            yield [
                name,
                str(count),
                server.name,
                f"{speed(server, count, True):.0f}",
                f"{speed(server, count, True) / speed(lock, count, True):.2f}",
                f"{speed(server, count, False):.0f}",
                f"{speed(server, count, False) / speed(lock, count, False):.2f}",
                times(server, count, "first_s"),
                times(server, count, "between_s"),
                f"{statistics.median(cpu for _, cpu in server.seen[count, True]):.2f}",
            ]


HEADINGS = [
    "model",
    "users",
    "server",
    "tokens/s, streamed",
    "to one at a time",
    "tokens/s, whole",
    "to one at a time",
    "first text, ms (p50 / p99)",
    "between texts, ms (p50 / p99)",
    "CPU, ms a token",
]


def report(lines: list[list[str]], plan: Plan) -> str:
    """The Markdown that is kept."""
    theirs = "" if plan.xllamacpp else " llama.cpp's own server was not there to be measured."
    head = (
        f"{machine(f'{plan.threads} computing')};"
        f" {plan.requests} requests a round (at least one a user), {plan.tokens} tokens each; medians of up to"
        f" {plan.rounds} rounds.{theirs}"
    )
    return f"{head}\n\n{markdown(HEADINGS, lines)}\n"


def show(lines: list[list[str]]) -> None:
    table = Table(*HEADINGS)
    for _, group in itertools.groupby(lines, key=lambda line: line[:2]):
        for line in group:
            table.add_row(*line)
        table.add_section()
    Console(width=max(140, Console().width)).print(table)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default="embedded,random")
    parser.add_argument("--kinds", default="f16,q8_0,q4_0", help=f"of {', '.join(FILE_TYPES)}")
    parser.add_argument("--users", default="1,2,4,8,32", help=f"at most {MOST_USERS}")
    parser.add_argument("--rounds", default="3,1", help="one number a model: the larger one takes ten times as long")
    parser.add_argument("--tokens", type=int, default=64, help="of each answer")
    parser.add_argument("--requests", type=int, default=16, help="of a round")
    parser.add_argument("--threads", type=int, default=max(1, (os.cpu_count() or 2) - 1))
    parser.add_argument("--xllamacpp", default=sys.executable if find_spec("xllamacpp") else "", help="a Python")
    parser.add_argument("--output", type=Path, default=HERE / "results" / "engine.md")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    users = [int(count) for count in args.users.split(",")]
    names = args.models.split(",")
    rounds = [int(count) for count in args.rounds.split(",")]
    rounds += rounds[-1:] * (len(names) - len(rounds))
    plan = Plan(users, max(rounds), args.tokens, args.requests, args.threads, args.xllamacpp)
    if not plan.xllamacpp:
        print("llama.cpp's own server is left out: pip install xllamacpp, or name a Python with --xllamacpp.")
    lines: list[list[str]] = []
    with tempfile.TemporaryDirectory() as folder:
        for (name, count), kind in itertools.product(zip(names, rounds, strict=False), args.kinds.split(",")):
            servers = measure(model_file(Path(folder), name, kind), replace(plan, rounds=count), Path(folder))
            lines += rows(f"{name} {kind}", servers, users)
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(report(lines, plan))
    show(lines)


if __name__ == "__main__":
    main()

"""The mock upstream, the proxy and one client, run for a benchmark: processes that end with their block; CPU clocks.

Loopback only. Linux only: a process's CPU clock is read by its id.
"""

import http.client
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent


class Client:
    """One keep-alive HTTP/1.1 connection with a blocking socket: about 30 µs of its own a request."""

    def __init__(self, port: int, key: str = "", headers: str = "") -> None:
        self._port = port
        self._socket = self._connect()
        self._head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        )
        self._head += (f"Authorization: Bearer {key}\r\n" if key else "") + headers

    def reconnect(self) -> None:
        """Take a new connection: servers close those that rest between two rounds."""
        self._socket.close()
        self._socket = self._connect()

    def post(self, body: bytes) -> tuple[bytes, bytes]:
        """Return head and body of the answer; raises on any status but 200."""
        self._socket.sendall(f"{self._head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        got = bytearray()
        while (end := got.find(b"\r\n\r\n")) < 0:
            got += self._receive()
        head, answer = bytes(got[:end]).lower(), got[end + 4 :]
        if not head.startswith(b"http/1.1 200"):
            raise SystemExit(f"The server said: {head.decode()}\n{bytes(answer).decode()}")
        if b"transfer-encoding: chunked" in head:
            while not answer.endswith(b"0\r\n\r\n"):
                answer += self._receive()
        else:
            length = int(head.partition(b"content-length:")[2].split(None, 1)[0])
            while len(answer) < length:
                answer += self._receive()
        return head, bytes(answer)

    def _connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self._port), timeout=60)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _receive(self) -> bytes:
        data = self._socket.recv(262_144)
        if not data:
            raise SystemExit("The server closed the connection.")
        return data


def cpu_ms(pid: int) -> float:
    """CPU that the process has used, exact to the nanosecond: the clock of clock_getcpuclockid(3)."""
    return time.clock_gettime_ns((~pid << 3) | 2) / 1e6


def settle(pid: int, limit_s: float = 120) -> None:
    """Wait until the process rests: what it does after a response belongs to that response."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        before = cpu_ms(pid)
        time.sleep(0.5)
        if cpu_ms(pid) - before < 5:
            return


@contextmanager
def running(command: list[str], **options: object) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command, text=True, **options)  # type: ignore[call-overload]
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def mock_upstream(seconds: int = 1800) -> Iterator[int]:
    with tempfile.TemporaryDirectory() as folder:
        binary = f"{folder}/mock_upstream"
        subprocess.run(["cc", "-O2", "-o", binary, str(HERE / "mock_upstream.c")], check=True)
        with running([binary, str(seconds)], stdout=subprocess.PIPE) as process:
            yield int(process.stdout.readline().split()[1])


def memos(*words: str) -> list[str]:
    return [sys.executable, "-m", "proxy", *words]


@contextmanager
def served_on(
    data: Path, *flags: str, log: Path, limit_s: float = 60, **options: object
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """`memos serve` on a data folder, ready, and its port; ``log``: where it goes on to write what it says."""
    port = free_port()
    command = memos("serve", "--port", str(port), "--data", str(data), "--log-level", "warning", *flags)
    with log.open("a") as out, running(command, stdout=out, stderr=out, **options) as process:
        wait_until_ready(process, port, "/health/ready", log, limit_s)
        yield process, port


@contextmanager
def bare_relay(data: Path, upstream: int) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The least that a relay of the same libraries can cost."""
    port = free_port()
    command = [sys.executable, str(HERE / "bare_relay.py"), str(port), f"http://127.0.0.1:{upstream}/v1"]
    with (data / "relay.log").open("w") as log, running(command, stdout=log, stderr=log) as process:
        wait_until_ready(process, port, "", data / "relay.log")
        yield process, port


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def wait_until_ready(process: subprocess.Popen[str], port: int, path: str, log: Path, limit_s: float = 60) -> None:
    """Return when the port accepts and the path, if there is one, answers 200."""
    deadline = time.monotonic() + limit_s
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port)):
                pass
            if not path or call(port, "", "GET", path)[0] == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise SystemExit(f"The server did not get ready:\n{log.read_text()}")


def call(port: int, key: str, method: str, path: str, body: object = None) -> tuple[int, dict]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    connection.request(method, path, json.dumps(body) if body is not None else None, headers)
    response = connection.getresponse()
    text = response.read()
    connection.close()
    return response.status, json.loads(text) if text else {}


def make_key(data: Path, name: str, *flags: str) -> str:
    command = memos("keys", "create", name, "--data", str(data), "--json", *flags)
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["key"]

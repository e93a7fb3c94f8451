"""Options in, an engine process that stays up out.

The law: a crash is survived by a restart with back-off, readiness is told as it is, and the child never outlives this
process: it ends when its stdin closes.
"""

import asyncio
import contextlib
import dataclasses
import logging
import shutil
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path

from proxy.engine_fault import ended, is_fault, start_fault
from proxy.engine_options import EngineOptions

logger = logging.getLogger(__name__)
_SOCKET_NAME = "engine.sock"
_MOST_PATH_BYTES = 100  # sun_path holds 108 on Linux, 104 on macOS
_TAIL_CHARS = 4000
_FIRST_DELAY_S = 0.2
_LONGEST_DELAY_S = 5.0
_STEADY_S = 30.0  # up for so long, a crash is a new one


class EngineProcess:
    """A child process that serves one model on a Unix socket in a folder that only this user can open."""

    def __init__(self, options: EngineOptions, run_dir: Path | None = None, *, start_timeout_s: float = 600.0) -> None:
        """``run_dir`` is where the socket's folder is made; None: the system's folder for temporary files."""
        self._folder = _private_folder(run_dir)
        self.socket_path = self._folder / _SOCKET_NAME
        self._options = dataclasses.replace(options, socket_path=self.socket_path, exit_on_stdin_eof=True)
        self._start_timeout_s = start_timeout_s
        self._ready = asyncio.Event()
        self._process: Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._tail = ""
        self._status: int | None = None  # how the last child ended
        self.crashes = 0

    @property
    def address(self) -> str:
        """Where the engine listens, as ``unix:`` and the path; the same after every restart."""
        return f"unix:{self.socket_path}"

    @property
    def ready(self) -> bool:
        """True while the model answers."""
        return self._ready.is_set()

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def start(self) -> None:
        """Start the child and wait until it is ready.

        Raises: EngineDown with its reason when it dies first or takes longer than ``start_timeout_s``.
        """
        self._task = asyncio.create_task(self._keep_up(), name="engine-supervisor")
        waiter = asyncio.create_task(self._ready.wait())
        try:
            await asyncio.wait({self._task, waiter}, timeout=self._start_timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiter.cancel()
        if self.ready:
            return
        fault = start_fault(self._tail, self._status)
        await self.stop(grace_s=1.0)
        raise fault

    async def wait_ready(self, timeout_s: float) -> bool:
        """Return True as soon as the model answers, False after the time-out."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._ready.wait()
        except TimeoutError:
            return False

    async def stop(self, grace_s: float = 10.0) -> None:
        """End the child: by signal, after ``grace_s`` by force; then remove its socket."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._ready.clear()
        process, self._process = self._process, None
        if process is not None:
            await _end(process, grace_s)
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    async def _keep_up(self) -> None:
        """Run the child again and again; ends only when the first one dies before it was ready."""
        delay_s = _FIRST_DELAY_S
        while True:
            started = asyncio.get_running_loop().time()
            was_ready = await self._run_once()
            if not was_ready and not self.crashes:
                return
            self.crashes += 1
            if was_ready and asyncio.get_running_loop().time() - started > _STEADY_S:
                delay_s = _FIRST_DELAY_S
            logger.error(
                "the engine ended (crash %d), next try in %.1f s: %s %s",
                self.crashes,
                delay_s,
                ended(self._status),
                " | ".join(self._tail.strip().splitlines()),  # the log's lines are records
            )
            await asyncio.sleep(delay_s)
            delay_s = min(_LONGEST_DELAY_S, delay_s * 2)

    async def _run_once(self) -> bool:
        """Run one child to its end and return whether it was ever ready."""
        self._tail, self._status = "", None
        await asyncio.to_thread(self.socket_path.unlink, missing_ok=True)
        process = self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "proxy.engine",
            self._options.to_json(),
            stdin=PIPE,
            stdout=DEVNULL,
            stderr=PIPE,
            start_new_session=True,  # Ctrl-C goes to this process, which ends the child in its own time
        )
        reader = asyncio.create_task(self._read_stderr(process))
        prober = asyncio.create_task(self._probe())
        was_ready = False
        try:
            self._status = await process.wait()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await asyncio.shield(reader)
        finally:
            was_ready = self._ready.is_set()
            self._ready.clear()
            for task in (reader, prober):
                task.cancel()
            await asyncio.gather(reader, prober, return_exceptions=True)
        return was_ready

    async def _probe(self) -> None:
        delay_s = 0.05
        while not await _is_healthy(self.socket_path):
            await asyncio.sleep(delay_s)
            delay_s = min(0.5, delay_s * 1.2)
        self._ready.set()

    async def _read_stderr(self, process: Process) -> None:
        if process.stderr is None:
            return
        rest = ""
        while data := await process.stderr.read(4096):
            text = data.decode(errors="replace")
            self._tail = (self._tail + text)[-_TAIL_CHARS:]
            *lines, rest = (rest + text).split("\n")
            for line in lines:
                if not is_fault(line):  # it is raised
                    logger.info("engine: %s", line)


def _private_folder(run_dir: Path | None) -> Path:
    """Return a new folder of mode 0700 whose socket path is short enough for the kernel."""
    if run_dir is None:
        return Path(tempfile.mkdtemp(prefix="memos-engine-"))
    run_dir.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="engine-", dir=run_dir))
    if len(bytes(folder / _SOCKET_NAME)) > _MOST_PATH_BYTES:
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="memos-engine-"))
    return folder


async def _is_healthy(socket_path: Path) -> bool:
    try:
        async with asyncio.timeout(2.0):
            reader, writer = await asyncio.open_unix_connection(str(socket_path))
            try:
                writer.write(b"GET /health HTTP/1.0\r\nhost: engine\r\n\r\n")
                await writer.drain()
                status = await reader.readline()
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError):
        return False
    return b" 200 " in status


async def _end(process: Process, grace_s: float) -> None:
    if process.stdin is not None:
        process.stdin.close()
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
    try:
        async with asyncio.timeout(grace_s):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()

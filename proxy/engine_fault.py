"""How an engine's process ended in, why in words out: the child writes a line, the parent reads it.

The law: a fault that this project raised arrives as it was; a signal says what it mostly means.
"""

import json
import signal
from typing import Final

from memory.errors import EngineDown, MemoryFault

ENGINE_MISSING: Final = "engine_missing"
_MARK: Final = "engine fault: "
_SHOWN_LINES = 3
_MEANINGS: Final = {
    signal.SIGILL: "llama.cpp was built for another CPU than this machine's (illegal instruction).",
    signal.SIGKILL: "It was killed, most likely because the memory ran out: try a smaller --ctx-size or model.",
}


def fault_line(error: MemoryFault) -> str:
    """Return the line by which a child tells its parent why it ends."""
    return f"{_MARK}{json.dumps({'message': str(error), 'code': error.code})}\n"


def is_fault(line: str) -> bool:
    """True for such a line."""
    return line.startswith(_MARK)


def start_fault(stderr: str, status: int | None) -> EngineDown:
    """Return why a child did not start: by its line, its signal or the end of what it wrote; never a whole traceback.

    Its code is ``engine_missing`` where llama.cpp cannot be used on this machine.
    """
    lines = [line for line in stderr.splitlines() if line.strip()]
    told = next((line for line in reversed(lines) if is_fault(line)), None)
    if told is not None:
        fault = json.loads(told.removeprefix(_MARK))
        return _not_started(fault["message"], fault["code"])
    if status == -signal.SIGILL:
        return _not_started(_MEANINGS[signal.SIGILL], ENGINE_MISSING)
    shown = 1 if any(line.startswith("Traceback") for line in lines) else _SHOWN_LINES
    reason = " ".join(lines[-shown:]) or "It wrote nothing to stderr."
    return _not_started(f"{ended(status)} {reason}", None)


def _not_started(reason: str, code: str | None) -> EngineDown:
    what = "The local model cannot run" if code == ENGINE_MISSING else "The engine did not start"
    return EngineDown(f"{what}: {reason}", code=code or "engine_not_started")


def ended(status: int | None) -> str:
    """Return how a process ended, as a sentence; ``status`` is negative for a signal."""
    if status is None:
        return "It did not get ready in time."
    if status >= 0:
        return f"It ended with status {status}."
    try:
        number = signal.Signals(-status)
    except ValueError:
        return f"It crashed (signal {-status})."
    return _MEANINGS.get(number, f"It crashed ({number.name}).")

"""How a local engine is run: plain values that travel to its process as JSON."""

import dataclasses
import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

LOCAL = ("embedded", "llama_cpp", "hf")  #: backends that are run here
_CGROUP_CPU = Path("/sys/fs/cgroup/cpu.max")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """One model, where it listens and what it may use."""

    model_path: Path  #: a GGUF file; for ``hf`` a folder
    model_id: str
    kind: str = "llama_cpp"  #: one of LOCAL
    socket_path: Path | None = None  #: listens here; else on host and port
    host: str = "127.0.0.1"
    port: int = 0
    context_tokens: int | None = None  #: KV cells, shared by all requests and the prefixes kept; None: what makes sense
    max_context_tokens: int | None = None  #: of one request; None: what the model was trained for
    max_sequences: int = 32
    batch_tokens: int = 512
    threads: int | None = None  #: None: usable cores minus one
    gpu_layers: int = 0  #: -1: all
    kv_type: str = "f16"
    dtype: str = "auto"  #: hf: what is computed in
    device: str = "auto"  #: hf: cpu or cuda; auto: a GPU where there is one
    check_memory: bool = True  #: refuse what does not fit; False: let the system judge
    flash_attention: bool = True
    parked_mb: int = 256  #: of computed prefixes beside the context
    activations_dir: Path | None = None  #: where activation memories outlive the process; None: in memory only
    activation_ram_mb: int = 512  #: of them in memory
    activation_disk_mb: int = 4096  #: of them in files
    activation_cold_mb: int = 0  #: of them in files of 8 bits, which are not exact
    queue_limit: int = 64
    stall_ms: int = 250  #: streams wait about so long, at most, for a chunk of another request's prompt
    default_temperature: float | None = None  #: None: what the GGUF recommends, else 0.8 as llama.cpp does
    default_max_tokens: int = 1024
    keep_alive_comment_s: float = 10.0
    max_body_mb: int = 32
    drain_timeout_s: int = 10
    description: str = ""
    owned_by: str = "local"
    exit_on_stdin_eof: bool = False  #: the parent holds the other end and is gone when it closes

    def to_json(self) -> str:
        """Return the options as one line."""
        return json.dumps(dataclasses.asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return what ``to_json`` wrote. Raises: TypeError for an unknown field, ValueError for bad JSON."""
        values: dict[str, Any] = json.loads(text)
        for name in ("model_path", "socket_path", "activations_dir"):
            if values.get(name) is not None:
                values[name] = Path(values[name])
        return cls(**values)

    def thread_count(self) -> int:
        """Return how many threads compute: spinning threads on a full machine are slower than fewer."""
        return self.threads or max(1, usable_cores() - 1)

    def flash(self) -> Literal["on", "off"]:
        """Return the setting in the context's words."""
        return "on" if self.flash_attention else "off"


def usable_cores(cgroup_cpu: Path = _CGROUP_CPU) -> int:
    """Return the cores that this process may use: its affinity, and a container's CPU quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = cgroup_cpu.read_text().split()[:2]
        return max(1, min(cores, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):
        return cores

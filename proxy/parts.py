"""What an app is made of: built by ``proxy/compose.py``, shared by its routes."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from adapters.backend import Backend
from config.settings import Settings
from memory.ports import Clock, Ledger, Receipts, Vault
from proxy.notes import Notes
from proxy.telemetry import Counters

if TYPE_CHECKING:
    from memory.pipeline import Pipeline
    from proxy.activating import Activating
    from proxy.activation_files import ActivationFiles
    from proxy.auth import Authenticator
    from proxy.background import Background
    from proxy.extracting import Extracting
    from proxy.supervisor import EngineProcess


class Store(Protocol):
    """An opened data folder."""

    @property
    def vault(self) -> Vault: ...

    @property
    def ledger(self) -> Ledger: ...

    @property
    def receipts(self) -> Receipts: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything below the routes."""

    settings: Settings
    store: Store
    pipeline: "Pipeline"
    background: "Background"
    notes: Notes
    backend: Backend
    authenticator: "Authenticator"
    clock: Clock
    activation_files: "ActivationFiles"
    activating: "Activating | None" = None  #: where a local model keeps what it computed
    extracting: "Extracting | None" = None  #: where an LLM reads further facts
    engine: "EngineProcess | None" = None  #: the local model's process, when there is one
    counters: Counters = field(default_factory=Counters)

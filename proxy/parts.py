"""What an app is made of: built by ``proxy/compose.py``, shared by its routes."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from adapters.backend import Backend
from config.settings import Settings
from memory.audit import AuditTrail
from memory.ports import Clock, Ledger, Receipts, Vault
from memory.provenance import Origins
from memory.watermark import Watermarks
from proxy.notes import Notes
from proxy.telemetry import Counters

if TYPE_CHECKING:
    from memory.pipeline import Pipeline
    from memory.pipelines import Pipelines
    from memory.sharing import Sharing
    from memory.timemachine import TimeMachine
    from memory.updates import Updates
    from memory.upkeep import Upkeep
    from memory.vault.graph import CubeGraph
    from proxy.activating import Activating
    from proxy.activation_files import ActivationFiles
    from proxy.auth import Authenticator
    from proxy.background import Background
    from proxy.extracting import Extracting
    from proxy.organising import Organising
    from proxy.shelving import Shelving
    from proxy.supervisor import EngineProcess
    from proxy.sweeper import Sweeper


class Store(Protocol):
    """An opened data folder."""

    @property
    def vault(self) -> Vault: ...

    @property
    def ledger(self) -> Ledger: ...

    @property
    def receipts(self) -> Receipts: ...

    @property
    def audit(self) -> AuditTrail: ...

    @property
    def provenance(self) -> Origins: ...

    @property
    def watermarks(self) -> Watermarks: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything below the routes."""

    settings: Settings
    store: Store
    pipeline: "Pipeline"
    pipelines: "Pipelines"
    time_machine: "TimeMachine"
    sharing: "Sharing"
    background: "Background"
    upkeep: "Upkeep"
    sweeper: "Sweeper"
    shelving: "Shelving"
    updates: "Updates"
    graph: "CubeGraph"
    notes: Notes
    backend: Backend
    authenticator: "Authenticator"
    clock: Clock
    activation_files: "ActivationFiles"
    activating: "Activating | None" = None  #: where a local model keeps what it computed
    extracting: "Extracting | None" = None  #: where an LLM reads further facts
    organising: "Organising | None" = None  #: where duplicates are merged
    engine: "EngineProcess | None" = None  #: the local model's process, when there is one
    counters: Counters = field(default_factory=Counters)

"""The contracts that memory asks of the world. Adapters satisfy them by shape; memory never imports an adapter.

All calls are synchronous and thread-safe unless said otherwise: they run in worker threads, the asynchronous edge is
in ``proxy``.
"""

from memory.ports.documents import Converted, Converter, DocumentStore
from memory.ports.engines import (
    ActivationEngine,
    Derivations,
    Embedder,
    Extractor,
    Finding,
    Ranker,
    Reranker,
    SecretDetector,
    SensitiveDetector,
    TokenCounter,
    VectorIndex,
)
from memory.ports.ledger import Extractions, Ledger, Receipts
from memory.ports.values import Clock, Features, Matrix, Vector
from memory.ports.vault import Archived, Organised, Page, Swept, Unorganised, Update, Upkept, Usage, Vault, Written

__all__ = [
    "ActivationEngine",
    "Archived",
    "Clock",
    "Converted",
    "Converter",
    "Derivations",
    "DocumentStore",
    "Embedder",
    "Extractions",
    "Extractor",
    "Features",
    "Finding",
    "Ledger",
    "Matrix",
    "Organised",
    "Page",
    "Ranker",
    "Receipts",
    "Reranker",
    "SecretDetector",
    "SensitiveDetector",
    "Swept",
    "TokenCounter",
    "Unorganised",
    "Update",
    "Upkept",
    "Usage",
    "Vault",
    "Vector",
    "VectorIndex",
    "Written",
]

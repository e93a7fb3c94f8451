"""What memory asks of engines: embedding, counting, indexing, detecting, extracting, keeping what was computed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from memory.ports.values import Features, Matrix, Vector
from memory.prefix import Activation, BuildOrder, Built, Dropped
from memory.turn import Scope


class Embedder(Protocol):
    """Turns texts into unit vectors."""

    @property
    def model_id(self) -> str:
        """Stands with each stored vector: vectors of another id are never compared."""
        ...

    @property
    def dimension(self) -> int: ...

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Return one unit row per text, in order.

        Raises: EngineDown: the embedder does not answer.
        """
        ...


class TokenCounter(Protocol):
    """Counts tokens as the model will."""

    @property
    def exact(self) -> bool:
        """False when the counts are estimates; the receipt says so."""
        ...

    def count(self, texts: Sequence[str]) -> list[int]: ...


class VectorIndex(Protocol):
    """Exact or approximate nearest neighbours inside one partition (a user, a space): a cache of the vault.

    What is removed or dropped is gone from its files too, to the byte.
    """

    def load(self, partition: str, ids: Sequence[str], vectors: Matrix) -> None:
        """Replace the partition's content."""
        ...

    def loaded(self, partition: str) -> bool: ...

    def add(self, partition: str, ids: Sequence[str], vectors: Matrix) -> None:
        """Add or replace; does nothing when the partition is not loaded (it will be loaded from the vault)."""
        ...

    def remove(self, partition: str, ids: Sequence[str]) -> None: ...

    def drop(self, partition: str) -> None: ...

    def search(self, partition: str, query: Vector) -> tuple[list[str], Vector]:
        """Return all ids of the partition and their cosine similarities in [-1, 1], in the same order, unsorted.

        An approximate index may return fewer, the best ones.
        """
        ...

    def vectors(self, partition: str, ids: Sequence[str]) -> dict[str, Vector]:
        """Return the vectors of those of these ids that the partition holds."""
        ...

    def kept(self) -> list[str]:
        """Return the partitions that lie in files, loaded or not; none of an index that is only in memory."""
        ...


class Ranker(Protocol):
    """A learned order of what was said: small, and trained beforehand on other people's conversations."""

    @property
    def of_talks(self) -> bool:
        """True when it learnt from talks between named people, false when from chats with an assistant."""
        ...

    def score(self, features: Features) -> Vector:
        """Return one number a row, higher for what answers rather; only their order means anything."""
        ...


class Reranker(Protocol):
    """A model that reads a question and a text together: a cross-encoder."""

    def score(self, question: str, texts: Sequence[str]) -> Vector:
        """Return one number a text, higher for what answers rather; only their order and spread mean anything.

        Raises: EngineDown: it does not answer.
        """
        ...


class SecretDetector(Protocol):
    """Finds secrets in text."""

    def find(self, text: str) -> list[str]:
        """Return the exact substrings that are secrets, longest first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something sensitive in a text."""

    text: str  #: as it stands there
    tag: str  #: what it is: card, bank_account, national_id, email, phone ...


class SensitiveDetector(Protocol):
    """Finds personal data in text."""

    @property
    def tags(self) -> frozenset[str]:
        """All tags that its findings may have."""
        ...

    def find(self, text: str) -> list[Finding]:
        """Return what it finds, in any order. Linear in the text's length."""
        ...


class Extractor(Protocol):
    """An LLM that answers in JSON."""

    def extract(self, prompt: str, schema: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to the prompt as a JSON object; the caller checks it against the schema.

        Raises: EngineDown: it does not answer, or not with a JSON object.
        """
        ...


class ActivationEngine(Protocol):
    """An engine that keeps what it computed of prompts' beginnings, by owner. Unlike the others it is asynchronous."""

    async def build(self, order: BuildOrder) -> Built:
        """Compute and keep a beginning; what is kept already costs nothing.

        Raises: Invalid: it is too short or too long. EngineDown, QueueFull. NotFound: it was dropped meanwhile.
        """
        ...

    async def drop(self, owner: str, digests: Sequence[str] | None = None) -> Dropped:
        """Remove all that is kept of an owner, or what is named, and what is being built for it; files too.

        Raises: EngineDown: it cannot be asked.
        """
        ...

    async def list(self, owner: str) -> list[Activation]:
        """Raises: EngineDown: it cannot be asked."""
        ...

    async def preload(self, owner: str) -> None:
        """Hint that prompts of this owner will come. Raises: EngineDown."""
        ...

    async def stats(self) -> Mapping[str, Any]:
        """Return entries and bytes by tier, and what else it counts. Raises: EngineDown."""
        ...


class Derivations(Protocol):
    """What is computed of a user's memories and lies outside the vault: it goes when they go."""

    def changed(self, scope: Scope) -> None:
        """Take notice that memories were added or superseded. Returns at once."""
        ...

    def removed(self, scope: Scope) -> Mapping[str, Any]:
        """Remove all that was computed of this user's memories and say how much it was, once it is gone.

        Never raises: where it cannot be done now, ``found`` says what is left, and it is done later.
        """
        ...

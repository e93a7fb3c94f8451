"""A name from the configuration in, the adapter that it stands for out.

Adapters are imported when they are chosen and not before: what is not used need not be installed.
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from adapters.backend import Backend
from adapters.installing import install_command
from memory.errors import EngineMissing, Invalid
from memory.ports import (
    Converter,
    Embedder,
    Extractor,
    Reranker,
    SecretDetector,
    SensitiveDetector,
    TokenCounter,
    VectorIndex,
)

T = TypeVar("T")


class Registry(Generic[T]):
    """Creators by name."""

    def __init__(self, what: str) -> None:
        """``what`` these are, for messages: "backend"."""
        self._what = what
        self._creators: dict[str, tuple[Callable[..., T], str | None]] = {}

    def register(self, name: str, creator: Callable[..., T], *, extra: str | None = None) -> None:
        """Add a creator; ``extra`` is the optional dependency group that brings what it imports.

        Raises: ValueError: the name is taken.
        """
        if name in self._creators:
            raise ValueError(f"the {self._what} {name!r} is registered twice")
        self._creators[name] = (creator, extra)

    @property
    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(self._creators)

    def create(self, name: str, **options: Any) -> T:
        """Return a new one.

        Raises: Invalid: no such name. EngineMissing: a package that it needs is not installed.
        """
        if name not in self._creators:
            raise Invalid(f"There is no {self._what} {name!r}; there are: {', '.join(self.names)}.", param=self._what)
        creator, extra = self._creators[name]
        try:
            return creator(**options)
        except ModuleNotFoundError as error:
            if extra is None:
                raise
            raise EngineMissing(
                f"The {self._what} {name!r} needs the package {error.name!r}: {install_command(extra)}"
            ) from error


def backends() -> Registry[Backend]:
    """Return the backends that are reached in this process; local engines are one of them, over a socket."""

    def upstream(**options: Any) -> Backend:
        from adapters.upstream import Upstream

        return Upstream(**options)

    def echo(**options: Any) -> Backend:
        from adapters.echo import Echo

        return Echo(**options)

    registry: Registry[Backend] = Registry("backend")
    registry.register("upstream", upstream)
    registry.register("echo", echo)
    return registry


def embedders() -> Registry[Embedder]:
    """Return the embedders."""

    def minilm(**options: Any) -> Embedder:
        from adapters.minilm import MiniLM

        return MiniLM(**options)

    def openai(**options: Any) -> Embedder:
        from adapters.embeddings_api import EmbeddingsApi

        return EmbeddingsApi(**options)

    registry: Registry[Embedder] = Registry("embedder")
    registry.register("minilm", minilm)
    registry.register("openai", openai)
    return registry


def indexes() -> Registry[VectorIndex]:
    """Return the indexes that documents and shared spaces may have instead of the exact one."""

    def chroma(**options: Any) -> VectorIndex:
        from adapters.chroma import Chroma

        return Chroma(**options)

    registry: Registry[VectorIndex] = Registry("index")
    registry.register("chroma", chroma, extra="chroma")
    return registry


def reranker(**options: Any) -> Reranker:
    """Return the cross-encoder behind an endpoint."""
    from adapters.rerank_api import RerankApi

    return RerankApi(**options)


def converter(**options: Any) -> Converter:
    """Return what makes Markdown of PDF and HTML."""
    from adapters.documents import DocumentConverter

    return DocumentConverter(**options)


def extractor(**options: Any) -> Extractor:
    """Return the LLM that reads facts out of turns."""
    from adapters.extractor import HttpExtractor

    return HttpExtractor(**options)


def secret_detector() -> SecretDetector:
    """Return what finds secrets."""
    from adapters.detect_secrets import DetectSecrets

    return DetectSecrets()


def personal_data_detectors() -> list[SensitiveDetector]:
    """Return what finds personal data by its shape and checksums."""
    from adapters.phonenumbers import PhoneNumbers
    from adapters.stdnum import StdNum

    return [StdNum(), PhoneNumbers()]


def token_counter() -> TokenCounter:
    """Return the counter for models that cannot be asked."""
    from adapters.tiktoken import Tiktoken

    return Tiktoken()


def engine_tokens(socket_path: Callable[[], str]) -> TokenCounter:
    """Return the counter that asks the local engine."""
    from adapters.engine_tokens import EngineTokens

    return EngineTokens(socket_path)

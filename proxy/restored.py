"""The headers of our engine's answer in, what an activation memory spared this chat out."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Self

from adapters.prefix_cache import Tier

TEXT = Tier.TEXT.value  # of what was read
PENDING = "pending"  # the answer began before the tier was known
PREFIX = "x-activation-"  # of the headers by which our engine says it
_TIERS = frozenset((*Tier, PENDING))
#: they are for this proxy, never for its clients
ACTIVATION_HEADERS = frozenset(f"{PREFIX}{name}".encode() for name in ("tokens", "tier", "digest", "note"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What was not computed for a chat because an activation memory held it."""

    tokens: int = 0
    tier: str = TEXT  #: resident | ram | disk | cold | text | pending
    digest: str = ""
    note: str = ""  #: why less was restored than there might have been, or that it is not exact

    @classmethod
    def of(cls, headers: Iterable[tuple[bytes, bytes]]) -> Self | None:
        """Return what our own engine says; None where it says nothing, or names a tier that there is not."""
        told = {
            name.lower().decode("latin-1").removeprefix(PREFIX): value.decode("latin-1")
            for name, value in headers
            if name.lower() in ACTIVATION_HEADERS
        }
        if told.get("tier") not in _TIERS:
            return None
        tokens = told.get("tokens", "")
        return cls(
            tokens=int(tokens) if tokens.isascii() and tokens.isdigit() else 0,
            tier=told["tier"],
            digest=told.get("digest", ""),
            note=told.get("note", ""),
        )

    def fields(self) -> dict[str, Any]:
        """Return it for a receipt."""
        return asdict(self)

"""What stands before every conversation of a user, and what an engine keeps of it: values.

The beginning of a prompt is the caller's setting with the user's stable block in it. An engine that computed it once
can keep the state of the model behind it: an activation memory (MemOS, arXiv 2507.03724, "Activation Memory").
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import orjson

NO_SETTING = "none"
_SYSTEM_ROLES = ("system", "developer")
_KEY_CHARS = 16


@dataclass(frozen=True, slots=True)
class Setting:
    """What a caller puts around the stable block: its own system message, its tools, its wishes to the template."""

    key: str = NO_SETTING  #: of all the rest
    system: Mapping[str, Any] | None = None
    more: Mapping[str, Any] = field(default_factory=dict)  #: fields of the request that a chat template reads

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Self:
        """Return the setting of a chat request."""
        messages = body.get("messages") or ()
        first = messages[0] if messages else {}
        system = first if first.get("role") in _SYSTEM_ROLES else None
        more = {name: body[name] for name in ("tools", "chat_template_kwargs") if body.get(name)}
        if body.get("tool_choice") == "none":
            more.pop("tools", None)  # they are not shown to the model
        if system is None and not more:
            return cls()
        return cls(_key([system, more]), system, more)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A user's stable block: the text that stands at the end of the system message."""

    text: str = ""
    cube_ids: tuple[str, ...] = ()
    tokens: int = 0

    @property
    def key(self) -> str:
        """Equal for equal texts; "" for no text."""
        return block_key(self.text)


def block_key(text: str) -> str:
    """Return the key of a stable block's text; "" for no text. Nothing of the text can be read from it."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:_KEY_CHARS] if text else ""


def _key(value: Any) -> str:
    try:
        content = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # integers beyond 64 bits, halves of surrogate pairs
        content = json.dumps(value, sort_keys=True).encode()
    return hashlib.sha256(content).hexdigest()[:_KEY_CHARS]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOrder:
    """A beginning that an engine is to compute and keep."""

    owner: str  #: a salt that only this user's requests carry
    messages: Sequence[Mapping[str, Any]]
    shared_owner: str = ""  #: a salt of all who may share ``shared_messages``; "": nobody
    shared_messages: Sequence[Mapping[str, Any]] = ()
    more: Mapping[str, Any] = field(default_factory=dict)  #: as ``Setting.more``
    labels: Mapping[str, Sequence[str]] = field(default_factory=dict)
    idle: bool = True  #: only while the engine has nothing else to do
    wait: bool = True  #: return when it would outlive a crash


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What came of an order."""

    digest: str  #: "" while it is still being computed
    tokens: int = 0
    size_bytes: int = 0
    build_ms: float = 0.0
    new: bool = True  #: False: it was there already
    durable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation:
    """One activation memory as an engine lists it."""

    digest: str
    tokens: int
    size_bytes: int
    tier: str  #: resident | ram | disk | cold
    uses: int = 0
    build_ms: float = 0.0
    created_at: float = 0.0  #: Unix time
    last_used_at: float = 0.0
    salt_hash: str = ""
    labels: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """What a removal removed."""

    prefixes: int = 0
    files: int = 0
    size_bytes: int = 0

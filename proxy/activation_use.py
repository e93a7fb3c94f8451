"""What is told about chats to who makes activation memories, and what is asked about them: values and a Protocol."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from memory.prefix import Block, Setting
from memory.turn import Scope


class Beginnings(Protocol):
    """What of the pipeline says how chats begin. Its calls block."""

    def stable_block(self, scope: Scope, *, budget_tokens: int | None) -> Block: ...

    def beginning(self, setting: Setting, block: Block) -> list[dict[str, Any]]: ...


@dataclass(frozen=True, slots=True)
class ChatUse:
    """One chat: what it asked of the model, and which stable block it had."""

    scope: Scope
    body: Mapping[str, Any]
    budget_tokens: int | None
    block: str  #: key of the stable block
    missed: bool = False  #: nothing of it was restored, although it might have been
    wished: bool = False  #: it asked for activation memory: its block is built at the next idle time


@dataclass(frozen=True, slots=True)
class Reading:
    """A stable block, and when it was read: memories may be removed before it is built."""

    block: Block
    at: int

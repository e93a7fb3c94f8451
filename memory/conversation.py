"""OpenAI messages in, the identity of a conversation and of each user turn in it out.

A turn is named by a hash over what the user and the assistant said up to it. System text is left out: many clients
put the time of day there. So a client's retry has the same name, and so has every request of an agent loop, whose
tool calls and results come after the user's words.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from memory.turn import Message, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnName:
    """One user message of a request."""

    position: int  #: in the request's messages
    hash: str
    answer: str | None  #: what the assistant said to it, as the request repeats it; None for the last turn


def conversation_of(scope: Scope, messages: Sequence[Message], named: str | None) -> str:
    """Return the conversation's id: the one the caller named, else a hash of the user and the first user message."""
    if named:
        return named
    first = next((m.text for m in messages if m.role == "user"), "")
    return "c_" + _digest(scope.user, first)[:20]


def attachments_of(message: Mapping[str, Any]) -> str:
    """Return a digest of what an OpenAI message holds beside text (images, audio, files); "" when there is nothing."""
    content = message.get("content")
    if not isinstance(content, list):
        return ""
    others = [part for part in content if not (isinstance(part, Mapping) and part.get("type", "text") == "text")]
    return _digest(json.dumps(others, sort_keys=True, default=str)) if others else ""


def turns_of(
    scope: Scope, messages: Sequence[Message], conversation_id: str, attachments: Mapping[int, str] | None = None
) -> list[TurnName]:
    """Return every user message's name, oldest first. A hash covers all that was said before and the message itself.

    ``attachments``: digests of what came with a message beside text, by position.
    """
    running = hashlib.sha256(f"{scope.user}\0{conversation_id}".encode(errors="surrogatepass"))
    found: list[TurnName] = []
    for position, message in enumerate(messages):
        if message.role not in ("user", "assistant") or (message.role == "assistant" and not message.text):
            continue
        running.update(f"\0{message.role}\0{' '.join(message.text.split())}".encode(errors="surrogatepass"))
        if attachments and attachments.get(position):
            running.update(f"\0{attachments[position]}".encode())
        if message.role == "user":
            found.append(
                TurnName(position=position, hash=running.hexdigest()[:32], answer=_answer_after(messages, position))
            )
    return found


def in_agent_loop(messages: Sequence[Message]) -> bool:
    """True when tool calls or their results follow the last user message: the same turn goes on."""
    for message in reversed(messages):
        if message.role == "user":
            return False
        if message.role in ("tool", "function"):
            return True
    return False


def same_words(a: str | None, b: str | None) -> bool:
    """True when two answers differ in white space at most."""
    return a is not None and b is not None and a.split() == b.split()


def _answer_after(messages: Sequence[Message], position: int) -> str | None:
    for message in messages[position + 1 :]:
        if message.role == "assistant" and message.text:
            return message.text
        if message.role == "user":
            return None
    return None


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()

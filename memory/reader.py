"""A request's messages in, what it asks of memory out (MemReader, arXiv 2507.03724).

Law: reading never fails on any text, and it costs less than a millisecond: it stands before every answer.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from memory.ports import Clock
from memory.rules.corrections import is_correction
from memory.rules.names import STOP_WORDS, entities_in
from memory.rules.parts import LEANS
from memory.rules.sentences import MAX_READ_CHARS, MAX_SENTENCE_CHARS, asks, plain, sentences, well_formed, without_lead
from memory.rules.small_talk import is_small_talk
from memory.rules.times import find_times
from memory.rules.wishes import forgets
from memory.turn import Intent, MemoryCall, Message

#: Roles whose text memory reads; the others keep their place with an empty text.
READ_ROLES = ("user", "assistant")
MAX_QUERY_CHARS = 2000
MAX_CONTEXT_CHARS = 400

_DECLARES = re.compile(
    r"^(?:i\b|i'|we\b|we'|my\b|our\b|he\b|she\b|it\b|it's|they\b|there (?:is|are)\b|this is\b|that is\b|that's\b|"
    r"call me\b|remember\b|note\b|don't forget\b|the \w+|[A-Z][\w-]+ (?:is|lives|works|likes|has|loves|hates|plays|"
    r"and i)\b|[A-Z][\w-]+'s \w+)",
    re.IGNORECASE,
)
_REMEMBERS = re.compile(
    r"^(?:please )?(?:remember|note|keep in mind|don't forget|do not forget|bear in mind|save|store)\b(?! (?:when|"
    r"what|where|who|how)\b)",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w+")


class Reader:
    """Reads requests; ``clock`` is asked only when the caller gives no time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def read(
        self, messages: Sequence[Message], *, now: datetime | None = None, as_of: datetime | None = None
    ) -> MemoryCall:
        """Return what the last user message asks of memory."""
        return read(messages, now=now or self._clock(), as_of=as_of)


def read(messages: Sequence[Message], *, now: datetime, as_of: datetime | None = None) -> MemoryCall:
    """Return what the last user message asks of memory; times are resolved against ``now`` (aware)."""
    said = [message for message in messages if message.role in READ_ROLES and message.text.strip()]
    last = next((n for n in range(len(said) - 1, -1, -1) if said[n].role == "user"), None)
    visible = tuple(message.text for message in said)
    if last is None:
        return MemoryCall(query="", intent=Intent.CHAT, now=now, visible=visible, as_of=as_of)
    text = plain(well_formed(said[last].text[:MAX_READ_CHARS])).strip()
    query = _folded(text, said[:last])
    return MemoryCall(
        query=query,
        intent=intent_of(text),
        now=now,
        times=find_times(text, now),
        entities=entities_in(query),
        visible=visible,
        as_of=as_of,
    )


def intent_of(text: str) -> Intent:
    """Return what the words ask of memory; requests count as questions, since they may need memories too."""
    if is_small_talk(text):
        return Intent.CHAT
    if forgets(text)[0]:
        return Intent.FORGET
    if is_correction(text):
        return Intent.CORRECT
    parts = sentences(text) or [text[:MAX_SENTENCE_CHARS]]
    if any(_wants_answer(part) for part in parts):
        return Intent.ASK
    return Intent.TELL


def messages_of(body_messages: object, *, with_ids: bool = False) -> tuple[Message, ...]:
    """Return one Message per item of an OpenAI ``messages`` list, in order, whatever the list holds.

    Half characters (lone surrogates) come out as U+FFFD. Text parts only; text of roles that memory must not read
    (system, developer, tool, function) is left empty. ``with_ids``: take over ``id`` and ``created_at`` too, as the
    memory API does for turns that are kept by import.
    """
    if not isinstance(body_messages, Sequence) or isinstance(body_messages, str | bytes):
        return ()
    return tuple(_message(item, with_ids) for item in body_messages)


def _message(item: object, with_ids: bool) -> Message:
    if not isinstance(item, Mapping):
        return Message(role="", text="")
    role, name = item.get("role"), item.get("name")
    role = role if isinstance(role, str) else ""
    text = _text_of(item.get("content")) if role in READ_ROLES else ""
    identity = item.get("id") if with_ids else None
    return Message(
        role=well_formed(role),
        text=well_formed(text),
        id=well_formed(identity) if isinstance(identity, str) else "",
        name=well_formed(name) if isinstance(name, str) and name and role in READ_ROLES else None,
        created_at=_time_of(item.get("created_at")) if with_ids else None,
    )


def _text_of(content: object) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence) or isinstance(content, bytes):
        return ""
    return "\n".join(text for text in map(_part_text, content) if text)


def _part_text(part: Any) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, Mapping) and part.get("type", "text") in ("text", "input_text", "output_text"):
        text = part.get("text")
        return text if isinstance(text, str) else ""
    return ""


def _time_of(value: object) -> datetime | None:
    """Return an aware time from ISO text or seconds since 1970; None for anything else."""
    try:
        if isinstance(value, datetime):
            at = value
        elif isinstance(value, str):
            at = datetime.fromisoformat(value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            at = datetime.fromtimestamp(value, UTC)
        else:
            return None
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _wants_answer(sentence: str) -> bool:
    body = without_lead(sentence)
    if not body:
        return False
    if asks(sentence) or asks(body):
        return True
    return not (_DECLARES.match(body) or _REMEMBERS.match(sentence) or is_small_talk(body))


def _folded(text: str, before: Sequence[Message]) -> str:
    """Return the query: words that lean on what was said before take the last user message with them."""
    query = text[:MAX_QUERY_CHARS]
    words = [word for word in _WORD.findall(query.lower()) if word not in STOP_WORDS]
    if len(words) > 4 or not before or (words and not LEANS.search(query)) or is_small_talk(text):
        return query
    earlier = next((m for m in reversed(before) if m.role == "user" and not is_small_talk(m.text)), None)
    return f"{plain(well_formed(earlier.text[:MAX_CONTEXT_CHARS])).strip()}\n{query}" if earlier else query

"""A request's messages in, what it asks of memory out (MemReader, arXiv 2507.03724).

Law: reading never fails on any text, and it costs less than a millisecond: it stands before every answer.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from memory.lexicon import NOT_SUBJECTS
from memory.ports import Clock
from memory.sentences import MAX_READ_CHARS, asks, plain, sentences, without_lead
from memory.time_expressions import find_times
from memory.turn import Intent, MemoryCall, Message
from memory.wishes import forgets, is_correction

#: Roles whose text memory reads; the others keep their place with an empty text.
READ_ROLES = ("user", "assistant")
MAX_QUERY_CHARS = 2000
MAX_CONTEXT_CHARS = 400

_SMALL_TALK = re.compile(
    r"^(?:(?:hi|hello|hey|hiya|howdy|yo|good (?:morning|evening|afternoon|night|day)|thanks?(?: you)?(?: so much|"
    r" very much| a lot| a bunch)?|thank you|thx|ty|cheers|ok(?:ay)?|k|"
    r"bye(?: bye)?|goodbye|see (?:you|ya)(?: later| soon| tomorrow)?|later|great|nice|cool|perfect|awesome|good|"
    r"fine|wow|lol|haha+|hmm+|ah|oh|i see|got it|understood|noted|sure|yes|yeah|yep|no|nope|"
    r"alright|right|exactly|indeed|never ?mind|forget (?:it|about it)|sorry|please|there|everyone|"
    r"how are you(?: doing)?(?: today)?|how do you do|how is it going|how's it going|what's up|sup|"
    r"you(?:'re| are) welcome|no problem|good job|well done|very good|that(?:'s| is) (?:great|good|fine|nice|funny|"
    r"cool|helpful|perfect|all)|that helped|it worked|welcome|test|ping|continue|go on|next|again|for (?:your|"
    r"the) help|then|for now)"
    r"(?:[\s,.!?;:)(-]+|$))+$",
    re.IGNORECASE,
)
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
_LEANS = re.compile(
    r"^(?:and|but|so|or|also|then)\b|^(?:what|how) about\b"
    r"|\b(?:he|she|it|they|them|him|her|his|its|their|that|those|these|there|then|one|ones|other|others|same|former|"
    r"latter|again)\b",
    re.IGNORECASE,
)
_CAPITALISED = re.compile(
    r"(?<![\w'])[A-Z][\w-]*(?:(?:'[A-Z]\w+)|(?: (?:of|de|van|von|the) )?(?: ?[A-Z][\w-]+)| \d+\b)*"
)
_ALIAS = re.compile(r"(?<!\w)@(\w{2,40})|\b(?:aka|a\.k\.a\.|known as|called|named|nicknamed) ([A-Z][\w-]+)")
_STOP = frozenset(
    "a an the i me my we our you your he she it they them him her his its their is are was were am be do does did "
    "have has had can could will would should may might "
    "what where who when why how which and or but so of in on at to for from with about not no yes please this that "
    "these those there here one other know tell remember "
    "ok okay then than as if also too again any some more else now".split()
)
_NO_NAMES = NOT_SUBJECTS | _STOP
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
    text = plain(said[last].text[:MAX_READ_CHARS]).strip()
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
    parts = sentences(text) or [text]
    if any(_wants_answer(part) for part in parts):
        return Intent.ASK
    return Intent.TELL


def is_small_talk(text: str) -> bool:
    """True for greetings, thanks and the like, and for texts without a word."""
    return not _WORD.search(text) or (len(text) <= 120 and bool(_SMALL_TALK.match(text.strip())))


def entities_in(text: str) -> tuple[str, ...]:
    """Return the names in the text, as they are written, in order: capitalised words and aliases."""
    starts = {len(text) - len(text.lstrip())}
    starts |= {m.end() for m in re.finditer(r"[.!?:\n]\s+|^\s*[-*>]\s+", text)}
    found: list[str] = []
    for match in _CAPITALISED.finditer(text):
        name = _entity(match[0], match.start() in starts)
        if name:
            found.append(name)
    found += [m[1] or m[2] for m in _ALIAS.finditer(text)]
    return tuple(dict.fromkeys(found))[:32]


def messages_of(body_messages: object, *, with_ids: bool = False) -> tuple[Message, ...]:
    """Return one Message per item of an OpenAI ``messages`` list, in order, whatever the list holds.

    Text parts only; text of roles that memory must not read (system, developer, tool, function) is left empty.
    ``with_ids``: take over ``id`` and ``created_at`` too, as the memory API does for turns that are kept by import.
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
        role=role,
        text=text,
        id=identity if isinstance(identity, str) else "",
        name=name if isinstance(name, str) and name and role in READ_ROLES else None,
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
    words = [word for word in _WORD.findall(query.lower()) if word not in _STOP]
    if len(words) > 4 or not before or (words and not _LEANS.search(query)) or is_small_talk(text):
        return query
    earlier = next((m for m in reversed(before) if m.role == "user" and not is_small_talk(m.text)), None)
    return f"{plain(earlier.text[:MAX_CONTEXT_CHARS]).strip()}\n{query}" if earlier else query


def _entity(words: str, at_start: bool) -> str:
    parts = words.split()
    if at_start or parts[0].casefold() in NOT_SUBJECTS:
        while parts and (parts[0].casefold() in _NO_NAMES or (len(parts) > 1 and not _NAME_LIKE.match(parts[0]))):
            parts.pop(0)
        if at_start and len(parts) == 1 and parts == words.split() and not _NAME_LIKE.match(words):
            return ""
    name = " ".join(parts).removesuffix("'s")
    return "" if name in ("I", "") or name.casefold() in _NO_NAMES else name


#: A single capitalised word at the start of a sentence: everyday openings are no names.
_NAME_LIKE = re.compile(
    r"^(?!(?:Remember|Forget|Tell|Give|Show|Write|Make|Help|Find|Suggest|Recommend|Explain|Translate|List|Plan|Pick|"
    r"Create|Summari[sz]e|Describe|Compare|Check|Call|Please|Great|Nice|Cool|Good|Bad|Can|Could|Would|"
    r"Should|Will|Shall|May|Might|Have|Has|Had|Did|Were|Was|Any|Just|After|Before|During|Since|Although|Though|"
    r"While|Until|Because|Unless|However|Therefore|Still|Even|Only|Once|Later|Soon|Recently|"
    r"Last|Next|First|Second|Finally|Honestly|Sadly|Luckily|Unfortunately|Hopefully|Home|Work|Note|Don|Keep|Wait|"
    r"Oops|Correction|Well|Right|Sure|Welcome|Use|Add|Set|Get|Go|Come|Look|See|Think|Try|Stop|Start|Delete|Erase|"
    r"Remove)\b)[A-Z]"
)

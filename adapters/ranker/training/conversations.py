"""Files of LoCoMo, LongMemEval and the generated multi-session set in, conversations with questions out.

What a memory is given carries no hint at an answer: ids of messages and sessions are hashes, since the data sets' own
tell the order (D1:3) and sometimes the answer (answer_3a6f). LoCoMo's photo captions are part of what was said, and
what an assistant said is kept like everything else.

Formats: ``locomo10.json``; ``longmemeval_s.json`` (a JSON list, or one object a line); the generated set, one object
with ``users`` and ``checks``. Any of them may be compressed (``.gz``).
"""

import gzip
import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from pathlib import Path
from typing import Any, TextIO

import orjson

FORMATS = ("locomo", "longmemeval", "generated")
LOCOMO_KINDS = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop", 5: "adversarial"}
_BETWEEN = timedelta(seconds=30)  # two messages: LoCoMo and LongMemEval date sessions only
_LOCOMO_TIME, _LONGMEMEVAL_TIME = "%I:%M %p on %d %B, %Y", "%Y/%m/%d (%a) %H:%M"
_SESSION = re.compile(r"session_(\d+)")
_EVIDENCE = re.compile(r"D:?(\d+):(\d+)(?:\s*\.?-\s*(?:D:?(\d+):)?(\d+))?")
_ABSTENTION = "_abs"  # ends the ids of LongMemEval's questions that nothing answers
_NOTHING_ANSWERS = ("abstain", "forget")  # checks of the generated set
_NOT_ASKED = ("isolation",)  # it looks for another user's words, not for evidence


@dataclass(frozen=True, slots=True)
class Message:
    """What one person said at once."""

    id: str  #: opaque
    session: str  #: opaque
    role: str  #: user | assistant
    text: str
    said_at: datetime
    name: str = ""  #: of the speaker, in talks between people


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a conversation. Evidence is for judging only; no memory ever sees it."""

    text: str
    kind: str
    evidence: frozenset[str]  #: ids of messages; empty: none is named, and recall is not judged
    sessions: frozenset[str]  #: those that hold the evidence
    answerable: bool
    asked_at: datetime | None = None
    after: str = ""  #: asked when this session is over and those behind it have not been; "": at the end


@dataclass(frozen=True, slots=True)
class Conversation:
    """Sessions of one person with somebody else, in order of time, and what is asked about them."""

    id: str
    sessions: tuple[tuple[Message, ...], ...]  #: none is empty
    questions: tuple[Question, ...]

    @property
    def messages(self) -> Iterator[Message]:
        """All messages in order."""
        return (message for session in self.sessions for message in session)


def read(path: Path, form: str = "", limit: int | None = None) -> Iterator[Conversation]:
    """Yield the conversations of a file, the first ``limit``; without a format it is told by what is in the file.

    A LongMemEval file of one object a line is read a line at a time; the others are read whole.
    Raises: ValueError: the file is of no known format, or not of the one that was named.
    """
    readers = {"locomo": _locomo, "longmemeval": _longmemeval}
    for number, record in enumerate(_records(path)):
        if limit is not None and number >= limit:
            return
        known = _format_of(record)
        if known is None or form not in ("", known):
            raise ValueError(f"{path} is not of the format {form or ' or '.join(FORMATS)}.")
        if known == "generated":
            yield from _generated(record, limit)
            return
        yield readers[known](record)


def opaque(*parts: object) -> str:
    """Return a name that tells nothing, always the same for the same parts."""
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:16]


def _format_of(record: Mapping[str, Any]) -> str | None:
    marks = {"conversation": "locomo", "haystack_sessions": "longmemeval", "checks": "generated"}
    return next((name for key, name in marks.items() if key in record), None)


def _records(path: Path) -> Iterator[dict[str, Any]]:
    names = path.suffixes[:-1] if path.suffix == ".gz" else path.suffixes
    with _opened(path) as file:
        if names[-1:] == [".jsonl"]:
            yield from (orjson.loads(line) for line in file if line.strip())
            return
        whole = orjson.loads(file.read())
    yield from [whole] if isinstance(whole, dict) else whole


def _opened(path: Path) -> TextIO:
    return gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8")


def _locomo(record: Mapping[str, Any]) -> Conversation:
    talk, sample = record["conversation"], record["sample_id"]
    numbers = sorted(int(found[1]) for key in talk if (found := _SESSION.fullmatch(key)))
    sessions, session_of = [], {}
    for number in numbers:
        start, session = _time(talk[f"session_{number}_date_time"], _LOCOMO_TIME), opaque(sample, number)
        said = []
        for place, turn in enumerate(talk[f"session_{number}"]):
            handle = opaque(sample, *_numbers(turn["dia_id"]))
            session_of[handle] = session
            role = "user" if turn["speaker"] == talk["speaker_a"] else "assistant"
            said_at = start + place * _BETWEEN
            said.append(Message(handle, session, role, _with_caption(turn), said_at, turn["speaker"]))
        sessions.append(said)
    questions = []
    for asked in record["qa"]:
        named = (opaque(sample, *each) for each in evidence_of(asked.get("evidence") or ()))
        evidence = frozenset(handle for handle in named if handle in session_of)
        if evidence:  # a few questions name none, though somebody answered them
            kind, held = LOCOMO_KINDS[asked["category"]], frozenset(session_of[handle] for handle in evidence)
            questions.append(Question(asked["question"], kind, evidence, held, answerable=kind != "adversarial"))
    return Conversation(opaque(sample), _spoken(sessions), tuple(questions))


def _with_caption(turn: Mapping[str, Any]) -> str:
    caption = turn.get("blip_caption")
    return f"{turn['text'].strip()} [shares a photo of {caption}]".strip() if caption else turn["text"].strip()


def _numbers(dialogue_id: str) -> tuple[int, int]:
    found = _EVIDENCE.match(dialogue_id)
    if found is None:
        raise ValueError(f"{dialogue_id!r} is no id of a LoCoMo utterance.")
    return int(found[1]), int(found[2])


def evidence_of(entries: Iterable[object]) -> set[tuple[int, int]]:
    """Return (session, utterance) of LoCoMo's evidence, which is written in many ways.

    "D8:6; D9:17" are two, "D12:3-D12:5" and "D12:3-5" are three, "D:11:26" and "D30:05" are one each.
    """
    found: set[tuple[int, int]] = set()
    for entry in entries:
        for span in _EVIDENCE.finditer(str(entry)):
            first, start = int(span[1]), int(span[2])
            last, end = int(span[3] or first), int(span[4] or start)
            found |= {(first, n) for n in range(start, end + 1)} if last == first else {(first, start), (last, end)}
    return found


def _longmemeval(record: Mapping[str, Any]) -> Conversation:
    name, seen = record["question_id"], Counter[str]()
    times = [_time(date, _LONGMEMEVAL_TIME) for date in record["haystack_dates"]]
    rows = zip(times, record["haystack_session_ids"], record["haystack_sessions"], strict=True)
    sessions: list[list[Message]] = []
    evidence, held = set(), set()
    for start, session_id, turns in sorted(rows, key=itemgetter(0)):
        seen[session_id] += 1  # a few sessions stand there twice: only the first of them is evidence
        session = opaque(name, session_id, seen[session_id])
        if session_id in record["answer_session_ids"] and seen[session_id] == 1:
            held.add(session)
        said = []
        for place, turn in enumerate(turns):
            handle = opaque(session, place)
            if turn.get("has_answer") and session in held:
                evidence.add(handle)
            said_at = start + place * _BETWEEN
            said.append(Message(handle, session, turn["role"], turn["content"].strip(), said_at))
        sessions.append(said)
    answerable = not name.endswith(_ABSTENTION)
    question = Question(
        record["question"],
        record["question_type"] if answerable else "abstention",
        frozenset(evidence) if answerable else frozenset(),
        frozenset(held) if answerable else frozenset(),
        answerable,
        _time(record["question_date"], _LONGMEMEVAL_TIME),
    )
    return Conversation(opaque(name), _spoken(sessions), (question,))


def _generated(record: Mapping[str, Any], limit: int | None) -> Iterator[Conversation]:
    for user in record["users"][:limit]:
        name, session_of, sessions = user["id"], dict[str, str](), []
        for session in user["sessions"]:
            handle = opaque(name, session["id"])
            said = [_utterance(name, handle, message) for message in session["messages"]]
            session_of |= dict.fromkeys((message.id for message in said), handle)
            sessions.append(said)
        checks = [check for check in record["checks"] if check["user"] == name and check["type"] not in _NOT_ASKED]
        questions = tuple(_checked(name, check, session_of) for check in checks)
        yield Conversation(opaque(name), _spoken(sessions), questions)


def _utterance(user: str, session: str, message: Mapping[str, Any]) -> Message:
    said_at = _utc(datetime.fromisoformat(message["timestamp"]))
    return Message(opaque(user, message["id"]), session, message["role"], message["content"].strip(), said_at)


def _checked(user: str, check: Mapping[str, Any], session_of: Mapping[str, str]) -> Question:
    evidence = frozenset(opaque(user, each) for each in check["evidence"])
    return Question(
        check["query"],
        check["type"],
        evidence,
        frozenset(session_of[each] for each in evidence),
        check["type"] not in _NOTHING_ANSWERS,
        _utc(datetime.fromisoformat(check["now"])),
        opaque(user, check["after"]) if check["after"] else "",
    )


def _spoken(sessions: Sequence[Sequence[Message]]) -> tuple[tuple[Message, ...], ...]:
    """Leave out what says nothing."""
    said = (tuple(message for message in session if message.text) for session in sessions)
    return tuple(session for session in said if session)


def _time(text: str, form: str) -> datetime:
    return _utc(datetime.strptime(text.strip(), form))  # noqa: DTZ007 - the sets name no zone


def _utc(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)

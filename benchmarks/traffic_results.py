"""Answers of an hour's traffic in; where activation memories were found, what that saved, and whose they were, out."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from activation_people import Person, leaks
from activation_server import STORED, TEXT
from bench_console import markdown
from engine_load import percentile

WITH, WITHOUT = "with", "without"
POLICIES = {WITH: STORED, WITHOUT: TEXT}
TIERS = ("resident", "ram", "disk", "cold", "text")
MIB = 1 << 20


@dataclass(frozen=True)
class Answer:
    """What came of one chat."""

    arm: str  #: with | without activation memory
    person: int
    number: int  #: of the chat in the hour
    at_s: float  #: since the start
    first_s: float
    prompt_tokens: int
    cached_tokens: int  #: of the prompt, not computed
    text: str
    request_id: str
    tier: str = ""  #: where an activation memory was found; text: nowhere
    stored_tokens: int = 0  #: of it


@dataclass
class Run:
    """All answers, and what the store held meanwhile."""

    answers: list[Answer] = field(default_factory=list)
    held: list[tuple[float, dict[str, int]]] = field(default_factory=list)  #: seconds, bytes by tier
    failed: list[str] = field(default_factory=list)
    late_s: list[float] = field(default_factory=list)  #: how much later than planned chats began
    prompt_tokens: int = 0  #: on average

    def of(self, arm: str, tier: str = "") -> list[Answer]:
        return [answer for answer in self.answers if answer.arm == arm and tier in ("", answer.tier)]


@dataclass(frozen=True)
class Canaries:
    """What answers show about whose memories they were computed from."""

    answers: int
    own: int  #: hold the asker's canary
    foreign: tuple[str, ...]  #: hold another's
    pairs: int  #: chats that were answered both with and without
    same: int  #: of them in the same words


def examine(found: Run, people: Sequence[Person]) -> Canaries:
    own, foreign = 0, []
    texts: dict[int, dict[str, str]] = {}
    for answer in found.answers:
        own += people[answer.person].canary.lower() in answer.text.lower()
        foreign += [
            f"person {answer.person}, chat {answer.number}, {answer.arm}: {canary} in {answer.text!r}"
            for canary in leaks(people, answer.person, answer.text)
        ]
        texts.setdefault(answer.number, {})[answer.arm] = answer.text
    pairs = [both for both in texts.values() if len(both) == len(POLICIES)]
    same = sum(both[WITH] == both[WITHOUT] for both in pairs)
    return Canaries(len(found.answers), own, tuple(foreign), len(pairs), same)


ARM_HEADINGS = (
    "activation memory",
    "chats",
    "first text, ms: p50",
    "p99",
    "mean",
    "prompt not computed, %",
    *(f"{tier}, %" for tier in TIERS),
)
TIER_HEADINGS = ("found in", "chats", "tokens restored", "first text, ms: p50", "p99")
HELD_HEADINGS = ("tier", "MiB at the end", "MiB at most")
CANARY_HEADINGS = ("answers", "with the asker's word", "with another's word", "same words with and without")


def tables(found: Run, people: Sequence[Person]) -> Iterator[tuple[tuple[str, ...], list[list[str]]]]:
    yield ARM_HEADINGS, [_arm_row(found, arm) for arm in POLICIES]
    yield TIER_HEADINGS, [_tier_row(found, tier) for tier in TIERS if found.of(WITH, tier)]
    names = dict.fromkeys(tier for _, held in found.held for tier in held)
    yield HELD_HEADINGS, [_held_row(found, tier) for tier in names]
    seen = examine(found, people)
    row = [str(seen.answers), str(seen.own), str(len(seen.foreign)), f"{seen.same} of {seen.pairs}"]
    yield CANARY_HEADINGS, [row]


def _arm_row(found: Run, arm: str) -> list[str]:
    answers = found.of(arm)
    tiers = Counter(answer.tier for answer in answers)
    spared = sum(a.cached_tokens for a in answers) / max(1, sum(a.prompt_tokens for a in answers))
    shares = [f"{100 * tiers[tier] / max(1, len(answers)):.1f}" for tier in TIERS]
    mean = sum(answer.first_s for answer in answers) / max(1, len(answers))
    return [arm, str(len(answers)), *_times(answers), f"{mean * 1000:.0f}", f"{100 * spared:.1f}", *shares]


def _tier_row(found: Run, tier: str) -> list[str]:
    answers = found.of(WITH, tier)
    restored = sum(answer.stored_tokens for answer in answers) / len(answers)
    return [tier, str(len(answers)), f"{restored:.0f}", *_times(answers)]


def _held_row(found: Run, tier: str) -> list[str]:
    values = [held.get(tier, 0) / MIB for _, held in found.held]
    return [tier, f"{values[-1]:.1f}", f"{max(values):.1f}"]


def _times(answers: Sequence[Answer]) -> list[str]:
    values = [answer.first_s * 1000 for answer in answers]
    return ["" if math.isnan(p := percentile(values, share)) else f"{p:.0f}" for share in (0.5, 0.99)]


def report(found: Run, people: Sequence[Person], title: str) -> str:
    """Return the Markdown that is kept."""
    parts = [title]
    for headings, lines in tables(found, people):
        parts.append(markdown(headings, lines))
    parts += [f"- {line}" for line in (*examine(found, people).foreign, *found.failed)[:20]]
    return "\n\n".join(parts) + "\n"

"""How far the training is in, batches of token ids out: from copying to long lists.

Law: a pool of batches follows from the seed, its number and the phase alone, so that a training that was stopped goes
on with the very same text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from tokenizers import Tokenizer
from torch import Tensor

from adapters.embedded.corpus.chats import Chat, Chats, Turn
from adapters.embedded.corpus.vocabulary import Vocabulary
from adapters.embedded.training.supersession import Mark, marks
from adapters.embedded.training.tokenizer import encode_chat, pieces_of

_BATCHES_IN_POOL = 32
_LONGEST = 1100  #: tokens of one conversation
_MOST_MEMORIES = 24
_FIRST_ORDINARY_ID = 3
_LISTS_FROM = 0.45  #: phase from which naming all that is known is practised: it needs reading to be learnt before
#: What the model learns last is practised most at the end: which line comes next in a list and when there is none,
#: which of two lines about the same is the newer one, and which of many that are alike is meant.
_HARDEST_FROM = 0.65


class Example(NamedTuple):
    """A conversation as token ids, which of them are learnt, and which memory lines replace earlier ones."""

    ids: list[int]
    learnt: list[bool]
    marks: Sequence[Mark] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows padded on the right: ids (rows, length), flat positions that predict, and what follows each.

    ``marked``: flat positions in memory lines; ``newer``: 1 for those whose line replaces an earlier one, else 0.
    """

    ids: Tensor
    wanted: Tensor
    labels: Tensor
    rows: Tensor  #: which row each wanted position is in
    marked: Tensor
    newer: Tensor
    tokens: int  #: without padding


def collate(examples: Sequence[Example]) -> Batch:
    """Return one batch."""
    length = max(len(example.ids) for example in examples)
    padded = torch.zeros(len(examples), length, dtype=torch.long)
    wanted: list[int] = []
    labels: list[int] = []
    rows: list[int] = []
    marked: list[Mark] = []
    for row, (ids, learnt, lines) in enumerate(examples):
        padded[row, : len(ids)] = torch.tensor(ids)
        positions = [at for at in range(1, len(ids)) if learnt[at]]
        wanted += [row * length + at - 1 for at in positions]
        labels += [ids[at] for at in positions]
        rows += [row] * len(positions)
        marked += [(row * length + at, newer) for at, newer in lines]
    return Batch(
        ids=padded,
        wanted=torch.tensor(wanted),
        labels=torch.tensor(labels),
        rows=torch.tensor(rows),
        marked=torch.tensor([at for at, _ in marked], dtype=torch.long),
        newer=torch.tensor([newer for _, newer in marked], dtype=torch.float32),
        tokens=sum(len(example.ids) for example in examples),
    )


class Batches:
    """Batches for every phase of a training."""

    def __init__(self, tokenizer: Tokenizer, seed: int) -> None:
        self._tokenizer = tokenizer
        self._pieces = pieces_of(tokenizer)
        self._seed = seed

    def pool(self, number: int, phase: float, batch_tokens: int) -> list[Batch]:
        """Return 32 batches of rows of about the same length; ``phase``: 0 to 1 of the training."""
        words = Vocabulary(self._seed * 1_000_003 + number, pieces=self._pieces)
        chats = Chats(words)
        examples: list[Example] = []
        have = 0
        while have < _BATCHES_IN_POOL * batch_tokens:
            example = self._example(chats, phase)
            if len(example.ids) <= _LONGEST and any(example.learnt[1:]):
                examples.append(example)
                have += len(example.ids)
        examples.sort(key=lambda example: len(example.ids))
        batches = [collate(group) for group in _grouped(examples, batch_tokens)]
        words.random.shuffle(batches)  # what padding made too many is left out: all workers take as many steps
        return batches[:_BATCHES_IN_POOL]

    def _example(self, chats: Chats, phase: float) -> Example:
        words = chats.words
        share = words.random.random()
        copying = 0.3 * max(0.0, 1 - phase / 0.06) + 0.04
        if share < copying:
            return self._copying(words)
        if share < copying + 0.3 * max(0.0, 1 - phase / 0.08) + 0.01:
            return Example(*encode_chat(self._tokenizer, _plain_reading(words)))
        if phase >= _HARDEST_FROM and words.chance(0.5):  # once a conversation: a second list copies the first
            chat = chats.chat(words.random.randint(2, 6), 1, lists=50.0, contradictions=0.0)
            return self._encoded(chat)
        if phase >= _HARDEST_FROM and words.chance(0.35):
            memories, turns = words.random.randint(8, _MOST_MEMORIES), words.random.randint(8, 12)
            return self._encoded(chats.chat(memories, turns, contradictions=0.6, near=0.6))
        if phase >= _LISTS_FROM and words.chance(0.12):
            chat = chats.chat(words.random.randint(1, 6), words.random.randint(1, 4), lists=8.0, contradictions=0.0)
            return self._encoded(chat)
        longest = 3 + (_MOST_MEMORIES - 3) * min(1.0, max(0.0, (phase - 0.03) / 0.37))
        memories = 0 if words.chance(0.05) else 1 + int((longest - 1) * words.random.random() ** 1.6 + 0.5)
        turns = words.random.randint(1, 3) if words.chance(0.15) else words.random.randint(2, 4) + min(memories, 8)
        lists = 1.0 if phase > 0.25 else 0.3
        contradictions = 0.8 if phase >= _HARDEST_FROM else 0.65
        return self._encoded(chats.chat(memories, turns, lists=lists, contradictions=contradictions))

    def _encoded(self, chat: Chat) -> Example:
        ids, learnt = encode_chat(self._tokenizer, chat)
        return Example(ids, learnt, marks(self._tokenizer, ids, learnt, chat.newer))

    def _copying(self, words: Vocabulary) -> Example:
        """Return random tokens of which a part comes again: copying, whatever the pieces."""
        size = self._tokenizer.get_vocab_size()
        draw = words.random.randrange
        segment = [draw(_FIRST_ORDINARY_ID, size) for _ in range(words.random.randint(6, 40))]
        offset = words.random.randint(0, len(segment) // 2)
        between = [draw(_FIRST_ORDINARY_ID, size) for _ in range(words.random.randint(0, 8))]
        ids = segment + between + segment[offset:]
        copied = len(segment) - offset - 1
        return Example(ids, [False] * (len(ids) - copied) + [True] * copied)


def _grouped(examples: Sequence[Example], batch_tokens: int) -> list[list[Example]]:
    groups: list[list[Example]] = [[]]
    for example in examples:
        if groups[-1] and len(example.ids) * (len(groups[-1]) + 1) > batch_tokens:
            groups.append([])
        groups[-1].append(example)
    return groups


def _plain_reading(words: Vocabulary) -> Chat:
    """Return the simplest reading task, for the start: "The k is v." and "What is the k?"."""
    pairs = [(words.made_up(), words.value("any")) for _ in range(words.random.randint(2, 8))]
    lines = "\n".join(f"- The {key} is {value}." for key, value in pairs)
    asked = words.random.sample(pairs, min(6, len(pairs)))
    return Chat(lines, tuple(Turn(f"What is the {key}?", f"The {key} is {value}.") for key, value in asked))

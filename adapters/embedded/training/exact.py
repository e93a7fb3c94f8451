"""Examination questions in, which of them the model answers right out, without generating.

Law: teacher-forced argmax is right at every token of the answer if and only if greedy decoding writes that answer.
"""

from collections.abc import Sequence

import torch
from tokenizers import Tokenizer

from adapters.embedded.corpus.cells import Question
from adapters.embedded.corpus.chats import Chat, Turn
from adapters.embedded.training.batches import Example, collate
from adapters.embedded.training.network import Reader
from adapters.embedded.training.tokenizer import encode_chat

_ROWS = 20


@torch.no_grad()
def exactly_right(reader: Reader, tokenizer: Tokenizer, questions: Sequence[Question]) -> list[bool]:
    """Return for each question whether greedy decoding gives the whole expected answer."""
    encoded = sorted(
        ((at, Example(*encode_chat(tokenizer, _last_only(question.chat)))) for at, question in enumerate(questions)),
        key=lambda one: len(one[1].ids),
    )
    right = [False] * len(questions)
    for start in range(0, len(encoded), _ROWS):
        group = encoded[start : start + _ROWS]
        batch = collate([example for _, example in group])
        wrong = set(batch.rows[reader(batch.ids, batch.wanted).argmax(-1) != batch.labels].tolist())
        for row, (index, _) in enumerate(group):
            right[index] = row not in wrong
    return right


def _last_only(chat: Chat) -> Chat:
    *before, last = chat.turns
    return Chat(chat.system, (*(Turn(turn.user, turn.assistant, False) for turn in before), last))

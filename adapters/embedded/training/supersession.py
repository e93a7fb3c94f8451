"""A conversation in training in, which of its memory lines replace earlier ones out; and the head that is to see it.

Law: the head trains what it reads from and is thrown away: the exported model has nothing of it.
"""

from collections.abc import Sequence

from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from adapters.embedded.training.network import Shape

_LINE_END, _LINE_MARK = "\u010a", "-"  # a new line, as byte-level BPE spells it
Mark = tuple[int, bool]  #: where a token stands, and whether its line is a newer one


class Supersession(nn.Module):
    """Sees from the state of a memory line's tokens whether an earlier line says something else of the same.

    Deep supervision (Lee et al. 2015, arXiv 1409.5185): an answer alone teaches too little that the newer line wins,
    for of two lines both of which match the question a causal model sees the contradiction only in the later one.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.seen = nn.Linear(shape.hidden, 1)
        nn.init.zeros_(self.seen.weight)
        nn.init.zeros_(self.seen.bias)

    def loss(self, states: Tensor, at: Tensor, newer: Tensor) -> Tensor:
        """Return the mean cross-entropy in nats, 0 without marks.

        ``states``: (rows, length, hidden); ``at``: flat positions, shape (marks,); ``newer``: 0 or 1, shape (marks,).
        """
        if not len(at):  # a gradient all the same: workers share theirs in one piece
            return 0.0 * (self.seen.weight.sum() + self.seen.bias.sum())
        read = functional.rms_norm(states.reshape(-1, states.shape[-1])[at], states.shape[-1:])
        return functional.binary_cross_entropy_with_logits(self.seen(read).squeeze(-1), newer)


def marks(tokenizer: Tokenizer, ids: Sequence[int], learnt: Sequence[bool], newer: Sequence[bool]) -> list[Mark]:
    """Return the marks of the second half of each memory line's tokens: what the line is about stands before.

    ``ids``: a conversation's; ``learnt``: which of them are answers; ``newer``: one for each other line that begins
    with a dash. Raises ValueError when their numbers differ.
    """
    line_end, line_mark = tokenizer.token_to_id(_LINE_END), tokenizer.token_to_id(_LINE_MARK)
    starts = [at for at in range(1, len(ids)) if (ids[at - 1], ids[at], learnt[at]) == (line_end, line_mark, False)]
    found: list[Mark] = []
    for start, is_newer in zip(starts, newer, strict=True):
        end = start
        while end < len(ids) and ids[end] != line_end:
            end += 1
        found += [(at, is_newer) for at in range((start + end) // 2, end)]
    return found

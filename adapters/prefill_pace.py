"""Measured batch times in, the size of the next prompt chunk out: streams wait no longer than ``stall_s`` for it."""

_SMOOTHING = 0.3  #: weight of the newest measurement


class PrefillPace:
    """Chunk sizes by the speed seen so far; a context that computes for nobody else takes whole batches."""

    def __init__(self, batch_tokens: int, stall_s: float, smallest: int = 32) -> None:
        self._batch_tokens = batch_tokens
        self._stall_s = stall_s
        self._smallest = min(smallest, batch_tokens)
        self._s_per_token: float | None = None

    @property
    def s_per_token(self) -> float:
        """What a prompt token has taken; 0 while nothing is known."""
        return self._s_per_token or 0.0

    def chunk_tokens(self, streaming: int) -> int:
        """Return how many prompt tokens the next batch may hold beside one token for each of ``streaming``."""
        room = self._batch_tokens - streaming
        if not streaming:
            return room
        wanted = self._smallest if self._s_per_token is None else int(self._stall_s / self._s_per_token)
        return max(1, min(room, max(self._smallest, wanted)))

    def observe(self, tokens: int, duration_s: float) -> None:
        """Take in how long a batch took; small ones say nothing about prompts and are left out."""
        if tokens < self._smallest or duration_s <= 0:
            return
        measured = duration_s / tokens
        old = self._s_per_token
        self._s_per_token = measured if old is None else old + _SMOOTHING * (measured - old)


def fair_shares(wanted: list[int], room: int, first: int) -> list[int]:
    """Return how much of ``room`` each gets: equal parts, what one does not need going to the others.

    ``first`` rotates who gets the remainder, so that nobody waits for ever when room is shorter than the row.
    """
    shares = [0] * len(wanted)
    order = [(first + offset) % len(wanted) for offset in range(len(wanted))] if wanted else []
    while room > 0:
        hungry = [index for index in order if shares[index] < wanted[index]]
        if not hungry:
            break
        part = max(1, room // len(hungry))
        for index in hungry[:room]:
            given = min(part, wanted[index] - shares[index])
            shares[index] += given
            room -= given
    return shares


def shares_by_owner(wanted: list[int], owners: list[str], room: int, first: int) -> list[int]:
    """Return the fair shares of ``room``, between owners first and then between what each of them wants."""
    lines: dict[str, list[int]] = {}
    for index, owner in enumerate(owners):
        lines.setdefault(owner, []).append(index)
    if len(lines) < 2:
        return fair_shares(wanted, room, first)
    shares = [0] * len(wanted)
    within = first // len(lines)  # at another pace than between owners, so that every pair of both has its turn
    rooms = fair_shares([sum(wanted[index] for index in line) for line in lines.values()], room, first)
    for line, part in zip(lines.values(), rooms, strict=True):
        for index, share in zip(line, fair_shares([wanted[index] for index in line], part, within), strict=True):
            shares[index] = share
    return shares

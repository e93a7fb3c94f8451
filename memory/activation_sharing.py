"""Who sent which setting under which key in, whether that setting may be kept for all users of the key out.

The law: what fewer than so many users of a key have sent is theirs. A state that is kept for all users of a key answers
the question whether anybody sent those very words, by the time and the tokens that it spares; what one user alone sent
must not be guessed that way.
"""

from collections import OrderedDict


class Senders:
    """Counts the distinct users of each setting under each key, up to the number that matters."""

    def __init__(self, enough: int, max_settings: int) -> None:
        self._enough = enough
        self._max_settings = max_settings
        self._users: OrderedDict[tuple[str, str], set[str]] = OrderedDict()  # by key and setting, the latest last

    def sent(self, key_id: str, setting: str, user: str) -> None:
        """Take notice that a user sent a setting under a key; the oldest beyond the bound is counted anew."""
        users = self._users.setdefault((key_id, setting), set())
        self._users.move_to_end((key_id, setting))
        if len(users) < self._enough:
            users.add(user)
        if len(self._users) > self._max_settings:
            self._users.popitem(last=False)

    def shared(self, key_id: str, setting: str) -> bool:
        """Return whether enough users of this key sent it."""
        return len(self._users.get((key_id, setting), ())) >= self._enough

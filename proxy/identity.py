"""Who a request comes from, as everything behind ``proxy/auth.py`` sees it."""

from dataclasses import dataclass

from memory.errors import MemoryFault
from memory.turn import Scope


class Unauthenticated(MemoryFault):
    """No valid API key was given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The user whose memory a request reads and writes, and what it may do there."""

    user: str
    key_id: str
    authorization: bytes | None = None  #: header value to forward; None: the backend's own key is used
    may_chat: bool = True  #: it may call models
    may_read: bool = True
    may_write: bool = True
    may_assert: bool = False  #: it may name users; ``user`` is the one it named
    verified: bool = True  #: False: the key is a provider's, and only the provider can say whether it is good

    @property
    def scope(self) -> Scope:
        """The only memory that this request sees."""
        return Scope(user=self.user, key_id=self.key_id)

"""Who a request comes from, as everything behind ``proxy/auth.py`` sees it."""

from dataclasses import dataclass

from memory.errors import MemoryFault, Refused
from memory.turn import Scope

#: how every key of this proxy begins; nothing that holds it ever leaves
KEY_PREFIX = "sk-memos-"


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
    may_admin: bool = False  #: it may read the audit log of all users, by pseudonyms
    may_assert: bool = False  #: it may name users; ``user`` is the one it named
    unnamed: bool = False  #: it may name users and named none: all such requests share the key's own memory
    verified: bool = True  #: False: the key is a provider's, and only the provider can say whether it is good

    @property
    def scope(self) -> Scope:
        """The only memory that this request sees."""
        return Scope(user=self.user, key_id=self.key_id)

    def check_chat(self) -> None:
        """Raises: Refused: the key may not call models."""
        if not self.may_chat:
            raise Refused("This key may not call models; use one with the scope `models`.", code="key_scope")

    def check_read(self) -> None:
        """Raises: Refused: the key may not read memory."""
        if not self.may_read:
            raise Refused("This key may not read memory; use one with the scope `memory:read`.", code="key_scope")

    def check_write(self) -> None:
        """Raises: Refused: the key may not write memory."""
        if not self.may_write:
            raise Refused("This key may not write memory; use one with the scope `memory:write`.", code="key_scope")

    def check_admin(self) -> None:
        """Raises: Refused: the key may not see what concerns all users."""
        if not self.may_admin:
            raise Refused(
                "Only a key with the scope `admin` may do that; make one with `memos keys create NAME --admin`.",
                code="key_scope",
            )

    def check_create(self) -> None:
        """Raises: Refused: the key may not make memories otherwise than by chatting."""
        self.check_write()
        if not self.verified:
            raise Refused(
                "A provider's key makes memories by chatting only; use a memos key for this call.", code="key_scope"
            )

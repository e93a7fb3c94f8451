"""Request headers in, the identity of the caller out. The key decides whose memory it is.

Three ways, in this order:

1. a memos key in ``X-Memory-Key``; what stands in ``Authorization`` is the provider's and is forwarded, unless it is a
   memos key as well: those never leave,
2. a memos key in ``Authorization: Bearer``; upstream gets the backend's own key,
3. with ``identity.pass_through``: the provider's key in ``Authorization`` is forwarded, and its HMAC is the user. Only
   the provider can say whether it is good, so nothing is kept before it accepted a request (``Identity.verified``).

A user whom a key asserts is stored as ``<the key's own user>/<asserted id>``, so asserting keys of different owners
never meet; slashes in the key's own user are escaped there, so the first slash is the border.
Keys are looked up for every request and never cached: a revoked key stops at once.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from memory.errors import Invalid, Refused
from memory.vault.keys import KeyRecord
from proxy.identity import KEY_PREFIX, Identity, Unauthenticated

MEMORY_KEY_HEADER = "x-memory-key"
MAX_USER_CHARS = 512
_BODY_FIELDS = ("user", "safety_identifier")
_HELP = "make one with `memos keys create NAME` on the machine where the proxy runs"

RawHeaders = Iterable[tuple[bytes, bytes]]


class Keys(Protocol):
    """Where keys are kept; ``memory/vault/keys.py`` is one."""

    def lookup(self, key: str) -> KeyRecord | None:
        """Return the record of a key that is valid now."""
        ...

    def hmac_user(self, provider_key: str) -> str:
        """Return the user who has this key of a provider; nobody without the pepper can compute or invert it."""
        ...

    def cache_salt(self, user: str) -> str:
        """Return what keeps a user's computed tokens apart; nobody without the pepper can compute it."""
        ...

    def shared_cache_salt(self, key_id: str) -> str:
        """Return what the users of one key may share; nobody without the pepper can compute it."""
        ...


@dataclass(frozen=True, slots=True)
class Caller:
    """Who holds the key of a request, and the users that its headers name."""

    holder: Identity
    headers: Mapping[str, str] = field(default_factory=dict)  #: header, as it is configured, to the user in it

    def acting(self, body: Mapping[str, Any] | None = None, *, named: Sequence[str] = ()) -> Identity:
        """Return whom the request is for; see ``Authenticator.authenticate``. Reads nothing."""
        claimed = {user for user in (*self.headers.values(), *named) if user}
        if not self.holder.may_assert:
            return _itself(self.holder, claimed, self.headers)
        if body is not None:
            claimed |= {user for field in _BODY_FIELDS if isinstance(user := body.get(field), str) and user}
        return _asserted(self.holder, claimed)


class Authenticator:
    """Tells who a request comes from. Its calls block: each reads the key store."""

    def __init__(self, keys: Keys, *, user_headers: Sequence[str], pass_through: bool) -> None:
        self._keys = keys
        self._user_headers = {name.lower(): name for name in user_headers}
        self._pass_through = pass_through

    def authenticate(
        self, headers: RawHeaders, body: Mapping[str, Any] | None = None, *, named: Sequence[str] = ()
    ) -> Identity:
        """Return the caller of a request.

        ``headers`` are the ASGI pairs as they came. ``body`` is a chat request, where an id of the end user counts only
        from a key that may assert users. ``named`` are users named in a call of the memory API itself: a key that may
        not assert users is refused there, so that no call works on another memory than it says.

        Raises: Unauthenticated. Refused: it names a user and may not. Invalid: it names two users.
        """
        return self.caller(headers).acting(body, named=named)

    def caller(self, headers: RawHeaders) -> Caller:
        """Return who holds the key; known before a byte of the body is read.

        Raises: Unauthenticated. Invalid: two different keys in one header.
        """
        by_name: dict[str, list[bytes]] = {}
        for name, value in headers:
            by_name.setdefault(name.decode("latin-1").lower(), []).append(value)
        identity = self._owner(by_name)
        return Caller(identity, self._named(by_name))

    def _named(self, by_name: Mapping[str, list[bytes]]) -> dict[str, str]:
        users = {shown: _decode(_only(by_name, name)) for name, shown in self._user_headers.items()}
        return {shown: user for shown, user in users.items() if user}

    def cache_salt(self, identity: Identity) -> str:
        """Return what keeps this user's computed tokens apart from everybody else's in a shared cache."""
        return self._keys.cache_salt(identity.user)

    def shared_cache_salt(self, identity: Identity) -> str:
        """Return what users of the same application share in it: its system prompt; "" where no key of ours is used."""
        return self._keys.shared_cache_salt(identity.key_id) if identity.key_id else ""

    def _owner(self, by_name: Mapping[str, list[bytes]]) -> Identity:
        authorization = _only(by_name, "authorization")
        if memory_key := _only(by_name, MEMORY_KEY_HEADER):
            ours = KEY_PREFIX in _decode(authorization)
            return self._holder(_decode(memory_key), authorization=None if ours else authorization or None)
        token = _bearer(authorization)
        if not token:
            raise _unauthenticated("No API key: send one as `Authorization: Bearer KEY`")
        if KEY_PREFIX in token or not self._pass_through:
            return self._holder(token, authorization=None)
        return Identity(user=self._keys.hmac_user(token), key_id="", authorization=authorization, verified=False)

    def _holder(self, key: str, *, authorization: bytes | None) -> Identity:
        record = self._keys.lookup(key)
        if record is None:
            raise _unauthenticated("The API key is not valid or was revoked")
        return Identity(
            user=record.user,
            key_id=record.id,
            authorization=authorization,
            may_chat="models" in record.scopes,
            may_read="memory:read" in record.scopes,
            may_write="memory:write" in record.scopes,
            may_admin="admin" in record.scopes,
            may_assert=record.assert_users,
        )


def _unauthenticated(what: str) -> Unauthenticated:
    return Unauthenticated(f"{what}; {_HELP}.", code="invalid_api_key")


def _only(by_name: Mapping[str, list[bytes]], name: str) -> bytes:
    values = set(by_name.get(name, ()))
    if len(values) > 1:
        raise Invalid(f"The header {name} was sent twice with different values.", param=name)
    return next(iter(values), b"")


def _decode(value: bytes) -> str:
    """HTTP says nothing about other alphabets in headers; clients send UTF-8."""
    try:
        return value.decode().strip()
    except UnicodeDecodeError:
        return value.decode("latin-1").strip()


def _bearer(authorization: bytes) -> str:
    scheme, _, token = _decode(authorization).partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _itself(identity: Identity, claimed: set[str], headers: Mapping[str, str]) -> Identity:
    if claimed <= {identity.user}:
        return identity
    header = next((name for name, user in headers.items() if user != identity.user), None)
    where = "`user`" if header is None else f"the header {header}"
    raise Refused(
        f"This key may not name a user, which {where} does: leave it out, "
        "or use a key made with `memos keys create NAME --assert-users`.",
        code="user_not_allowed",
        param=header or "user",
    )


def _asserted(identity: Identity, claimed: set[str]) -> Identity:
    if not claimed:
        return replace(identity, unnamed=True)
    if len(claimed) > 1:
        raise Invalid("The request names two different users in its headers and body; name one.", param="user")
    (user,) = claimed
    if len(user) > MAX_USER_CHARS:
        raise Invalid(f"The user id is longer than {MAX_USER_CHARS} characters.", param="user")
    if any("\ud800" <= letter <= "\udfff" for letter in user):
        raise Invalid("The user id is not valid Unicode: it holds half of a surrogate pair.", param="user")
    owner = identity.user.replace("%", "%25").replace("/", "%2F")
    return replace(identity, user=f"{owner}/{user}")

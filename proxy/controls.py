"""Request headers in, the caller's wishes for this request out.

A header that cannot be read is a 400 that names it, never a default: a misspelt `X-Memory: of` must not store a thing.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from memory.errors import Invalid
from memory.turn import Controls, Mode
from proxy.identity import Identity

MAX_BUDGET_TOKENS = 1_000_000
MAX_NAME_CHARS = 512
MAX_IDS = 256
_PREFIX = b"x-memory"

RawHeaders = Sequence[tuple[bytes, bytes]]


def header_map(headers: RawHeaders, once: Sequence[bytes] = ()) -> dict[bytes, bytes]:
    """Return headers by lower-case name; of repeated ones the last.

    Raises: Invalid: a header of memory, or one named in ``once``, was sent twice with different values.
    """
    by_name: dict[bytes, bytes] = {}
    for raw_name, value in headers:
        name = raw_name.lower()
        if by_name.get(name, value) != value and (name.startswith(_PREFIX) or name in once):
            shown = name.decode("latin-1")
            raise Invalid(f"The header {shown} was sent twice with different values; send one.", param=shown)
        by_name[name] = value
    return by_name


class ControlReader:
    """Reads ``X-Memory-*`` headers; ``conversation_headers`` are tried in order, the first that is there wins."""

    def __init__(self, *, default_mode: str, conversation_headers: Sequence[str]) -> None:
        self._default = Mode(default_mode)
        self._conversation = tuple(name.lower().encode("latin-1") for name in conversation_headers)

    def by_name(self, headers: RawHeaders) -> dict[bytes, bytes]:
        """Return headers by lower-case name. Raises: Invalid: one that counts here is there twice and differs."""
        return header_map(headers, self._conversation)

    def read(self, headers: Mapping[bytes, bytes]) -> Controls:
        """Return the wishes in ``headers`` (by lower-case name).

        Raises: Invalid: one of them cannot be read; ``param`` is the header.
        """
        mode = headers.get(b"x-memory")
        named = next((headers[name] for name in self._conversation if headers.get(name)), None)
        return Controls(
            mode=self._default if mode is None else _mode(mode),
            stated=mode is not None,
            conversation_id=None if named is None else _name("conversation id", named),
            budget_tokens=_budget(headers.get(b"x-memory-budget")),
            policy=_name("x-memory-policy", headers.get(b"x-memory-policy", b"")) or None,
            as_of=_as_of(headers.get(b"x-memory-as-of")),
            without=_ids(headers.get(b"x-memory-without", b"")),
            task=_text(headers.get(b"x-memory-task", b"")) or None,
            retry=headers.get(b"x-stainless-retry-count", b"0").strip() not in (b"", b"0"),
        )


def allowed_mode(controls: Controls, identity: Identity) -> Mode:
    """Return what memory may do: what the caller wants, of that what the key may do.

    A user interface's own calls (titles, tags: ``X-Memory-Task``) neither read nor write. One that says by ``X-Memory``
    that it reads does, with what is shared for its task; what it says is still no word of the user.
    """
    if controls.task is not None and not controls.stated:
        return Mode.OFF
    reads = controls.mode.reads and identity.may_read
    writes = controls.mode.writes and identity.may_write and controls.task is None
    if reads and writes:
        return Mode.ON
    return Mode.READ_ONLY if reads else Mode.WRITE_ONLY if writes else Mode.OFF


def _text(value: bytes) -> str:
    """HTTP says nothing about other alphabets in headers; clients send UTF-8."""
    try:
        return value.decode().strip()
    except UnicodeDecodeError:
        return value.decode("latin-1").strip()


def _name(header: str, value: bytes) -> str:
    text = _text(value)
    if len(text) > MAX_NAME_CHARS:
        raise Invalid(f"The {header} is longer than {MAX_NAME_CHARS} characters.", param=header)
    return text


def _ids(value: bytes) -> tuple[str, ...]:
    """Return ids that commas part, each once, in order."""
    ids = tuple(dict.fromkeys(part for each in _text(value).split(",") if (part := each.strip())))
    if len(ids) > MAX_IDS or any(len(each) > MAX_NAME_CHARS for each in ids):
        raise Invalid(
            f"X-Memory-Without takes at most {MAX_IDS} memory ids, parted by commas.", param="X-Memory-Without"
        )
    return ids


def _mode(value: bytes) -> Mode:
    try:
        return Mode(_text(value).lower())
    except ValueError:
        modes = ", ".join(Mode)
        raise Invalid(f"X-Memory must be one of {modes}; it is {_text(value)[:40]!r}.", param="X-Memory") from None


def _budget(value: bytes | None) -> int | None:
    if value is None:
        return None
    text = _text(value)
    if not (text.isascii() and text.isdigit() and len(text) <= 7 and int(text) <= MAX_BUDGET_TOKENS):
        raise Invalid(
            f"X-Memory-Budget must be a number of tokens from 0 to {MAX_BUDGET_TOKENS}.", param="X-Memory-Budget"
        )
    return int(text)


def _as_of(value: bytes | None) -> datetime | None:
    if value is None:
        return None
    try:
        time = datetime.fromisoformat(_text(value))
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid(
            "X-Memory-As-Of must be an ISO 8601 time such as 2026-03-14T09:00:00Z.", param="X-Memory-As-Of"
        ) from None

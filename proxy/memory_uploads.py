"""A form with a file in, the fields of the JSON that would have said the same out.

As browsers, curl and OpenAI's clients upload files: multipart/form-data (RFC 7578), ``file`` beside the fields of the
JSON. The file comes by way of the disk and is read only once it is known to be small enough.
"""

from email.message import Message as Header
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from memory.errors import Invalid
from proxy.documents_wire import MEDIA_TYPES, Upload

FORM = "multipart/form-data"
_FILE, _TAGS = "file", "tags"
_MOST_FIELDS = 200
_MAX_FIELD_BYTES = 1 << 20
_MOST_EPILOGUE_BYTES = 4096
_BY_ENDING = {
    ".txt": "text/plain",
    ".text": "text/plain",
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".htm": "text/html",
    ".html": "text/html",
    ".pdf": "application/pdf",
}
_ALIASES = {"text/x-markdown": "text/markdown", "application/x-pdf": "application/pdf"}


class Forms:
    """Reads the forms among requests."""

    def __init__(self, max_file_bytes: int) -> None:
        self._max_file_bytes = max_file_bytes

    async def __call__(self, request: Request) -> dict[str, Any] | None:
        """Return the fields, without those that were left empty; None: the body is no form and was not read.

        Raises: Invalid: the form is broken, has a field twice, or a file that is too large or of no known type.
        """
        if _parsed(request.headers.get("content-type", "")).get_content_type() != FORM:
            return None
        whole = _Whole(request)
        try:
            async with whole.request.form(max_files=1, max_fields=_MOST_FIELDS, max_part_size=_MAX_FIELD_BYTES) as form:
                if not whole.ended:
                    raise Invalid("The form is cut off: its last line, which ends it, is missing. Send it again.")
                fields = _texts(form)
                uploaded = _uploaded(form)
                if uploaded is not None:
                    fields[_FILE] = await self._read(uploaded)
                    fields["media_type"] = fields.get("media_type") or media_type_of(uploaded)
                return fields
        except HTTPException as error:
            raise Invalid(f"The form cannot be read: {error.detail}") from None
        except ClientDisconnect:
            raise Invalid("The connection ended within the form.") from None

    async def _read(self, uploaded: UploadFile) -> Upload:
        if (uploaded.size or 0) > self._max_file_bytes:
            raise too_large(uploaded.size or 0, self._max_file_bytes, param=_FILE)
        return Upload(name=_base_name(uploaded.filename or ""), content=await uploaded.read())


def too_large(size_bytes: int, limit_bytes: int, *, param: str) -> Invalid:
    """Return the fault for a file beyond the limit."""
    return Invalid(
        f"The document has {size_bytes / 2**20:.1f} MiB; one may have {limit_bytes >> 20}. Split it, or "
        "raise documents.max_mb in the configuration.",
        param=param,
        code="document_too_large",
    )


def media_type_of(uploaded: UploadFile) -> str:
    """Return what a file is, as its part says, else as its name ends. Raises: Invalid: neither is known."""
    said = _parsed(uploaded.content_type or "").get_content_type()
    said = _ALIASES.get(said, said)
    if said in MEDIA_TYPES:
        return said
    found = _BY_ENDING.get(PurePosixPath(_base_name(uploaded.filename or "")).suffix.lower())
    if found is None:
        raise Invalid(
            f"It is not clear what this file is: neither its type nor its name says one of {', '.join(MEDIA_TYPES)}. "
            "Add media_type to the form.",
            param=_FILE,
            code="unsupported_file",
        )
    return found


class _Whole:
    """A request whose form is UTF-8, whatever charset it names, and which tells whether it was read to its last line.

    A form that ends early would be a form with fields missing: a document that was to expire would stay for ever.
    """

    def __init__(self, request: Request) -> None:
        self._receive = request.receive
        self._end, headers = _boundary(request)
        self._tail = b""
        self.request = Request({**request.scope, "headers": headers}, self._received)

    @property
    def ended(self) -> bool:
        """True once the line that ends the form came; some clients send a few bytes after it."""
        return self._end in self._tail

    async def _received(self) -> Message:
        message = await self._receive()
        self._tail = (self._tail + bytes(message.get("body", b"")))[-_MOST_EPILOGUE_BYTES:]
        return message


def _boundary(request: Request) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """Return the line that ends the form, and the headers with nothing but the boundary in the form's type."""
    boundary = _parsed(request.headers.get("content-type", "")).get_boundary()
    if not boundary or '"' in boundary:
        raise Invalid(
            f"Content-Type says {FORM} without a boundary. Let the client set this header by itself, or send JSON."
        )
    others = [(name, value) for name, value in request.scope["headers"] if name != b"content-type"]
    said = f'{FORM}; boundary="{boundary}"'.encode("latin-1", "replace")
    return f"--{boundary}--".encode("latin-1", "replace"), [*others, (b"content-type", said)]


def _texts(form: FormData) -> dict[str, Any]:
    """Return the fields that are no file."""
    fields: dict[str, Any] = {}
    for sent, value in form.multi_items():
        name = sent.removesuffix("[]")  # how OpenAI's clients name the items of a list
        if not isinstance(value, str):
            continue
        if name == _TAGS:
            fields.setdefault(_TAGS, []).extend([value] if value else [])
        elif name in fields:
            raise Invalid(f"{name} stands in the form more than once.", param=name)
        elif value:
            fields[name] = value
    return fields


def _uploaded(form: FormData) -> UploadFile | None:
    """Return the file; None: there is none, as where a page's field was left empty."""
    for name, value in form.multi_items():
        if isinstance(value, str) or not (value.filename or value.size):
            continue
        if name != _FILE:
            raise Invalid(f'The form holds a file as "{name}"; send it as "{_FILE}".', param=name)
        return value
    return None


def _base_name(name: str) -> str:
    return PureWindowsPath(name).name  # takes / for a separator too


def _parsed(content_type: str) -> Header:
    message = Header()
    message["content-type"] = content_type or "application/octet-stream"
    return message

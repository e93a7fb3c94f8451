"""The JSON of documents, as models: what is asked and what is answered, with examples for the OpenAPI page."""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, InstanceOf, field_validator, model_validator
from pydantic.json_schema import SkipJsonSchema

from memory.document import MAX_TITLE_CHARS, Document, DocumentStatus
from proxy.memory_wire import Name, Request, Tag, Ttl

MediaType = Literal["text/plain", "text/markdown", "text/html", "application/pdf"]
MEDIA_TYPES: tuple[str, ...] = get_args(MediaType)
_BINARY = "application/pdf"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came in a form."""

    name: str
    content: bytes


class DocumentRequest(Request):
    """A document: its words as ``text``, or the file itself, in base64, as ``content``, or in a form, as ``file``."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "title": "Pump X200",
                "text": "# Warranty\n\nThe warranty of the pump is 27 months.",
                "media_type": "text/markdown",
                "tags": ["manuals"],
            }
        }
    )

    title: Annotated[str, Field(max_length=MAX_TITLE_CHARS)] | None = Field(
        None, description="stands in front of every chunk; absent: as the document itself says"
    )
    text: str | None = None
    content: str | None = Field(None, description="the file in base64")
    media_type: MediaType = "text/plain"
    source_url: Annotated[str, Field(max_length=4096)] | None = Field(
        None, description="where it is from; kept, never fetched"
    )
    space_id: Name | None = Field(None, description="a space in which its chunks are shared")
    tags: list[Tag] = Field(default_factory=list, max_length=100)
    ttl_s: Ttl = Field(None, description="its memories expire after so many seconds")
    wait: bool = Field(False, description="answer when all of it can be found")
    file: SkipJsonSchema[InstanceOf[Upload] | None] = None

    @field_validator("file", mode="before")
    @classmethod
    def _is_uploaded(cls, value: object) -> object:
        if value is not None and not isinstance(value, Upload):
            raise ValueError("a file comes in a form (multipart/form-data) with its name, or in base64 as content")
        return value

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        if (self.text, self.content, self.file).count(None) != 2:
            raise ValueError("send text, or a file's content in base64, or the file itself in a form")
        if self.text is not None and self.media_type == _BINARY:
            raise ValueError("a PDF comes as content in base64")
        return self

    def file_bytes(self) -> bytes:
        """Return the file. Raises: ValueError: it is not base64."""
        if self.file is not None:
            return self.file.content
        if self.text is not None:
            return self.text.encode(errors="replace")
        try:
            return base64.b64decode("".join((self.content or "").split()), validate=True)
        except binascii.Error as error:
            raise ValueError(f"content is not base64: {error}") from None


def form_schema() -> dict[str, Any]:
    """Return the JSON schema of a document as a form with a file."""
    fields = DocumentRequest.model_json_schema()["properties"]
    for replaced in ("text", "content"):
        del fields[replaced]
    fields["media_type"] = {"type": "string", "enum": list(MEDIA_TYPES), "description": "absent: as the file says"}
    file = {"type": "string", "format": "binary", "description": "text, Markdown, HTML or PDF"}
    return {"type": "object", "required": ["file"], "properties": {"file": file, **fields}}


class DocumentAnswer(BaseModel):
    """A document; what it says are memories of the semantic type ``document``."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "doc_01k2v9",
                "object": "memory.document",
                "title": "Pump X200",
                "media_type": "text/markdown",
                "source_url": None,
                "space_id": None,
                "tags": ["manuals"],
                "ttl_s": None,
                "status": "stored",
                "chunks": 1,
                "stored": 1,
                "error": None,
                "created_at": "2026-05-02T09:30:00Z",
                "already_stored": False,
            }
        }
    )

    id: str
    object: Literal["memory.document"] = "memory.document"
    title: str
    media_type: str
    source_url: str | None
    space_id: str | None
    tags: list[str]
    ttl_s: float | None
    status: DocumentStatus = Field(description="queued: some chunks are still to be embedded | stored | failed")
    chunks: int = Field(description="that it was cut into")
    stored: int = Field(description="that can be found; fewer than `chunks` where a policy or somebody removed some")
    error: str | None = Field(description="why the last attempt to go on failed")
    created_at: datetime
    already_stored: bool = Field(False, description="this text had been stored before and is not kept twice")

    @classmethod
    def of(cls, document: Document, *, already_stored: bool = False) -> Self:
        """Return the wire form of a document."""
        return cls(
            id=document.id,
            title=document.title,
            media_type=document.media_type,
            source_url=document.source_url,
            space_id=document.space_id,
            tags=list(document.tags),
            ttl_s=document.ttl_s,
            status=document.status,
            chunks=document.chunks,
            stored=document.stored,
            error=document.error or None,
            created_at=document.created_at,
            already_stored=already_stored,
        )


class DocumentWithCubes(DocumentAnswer):
    """A document with its memories."""

    cube_ids: list[str] = Field(description="its memories, in the order of the text")


class DocumentList(BaseModel):
    """A page of documents."""

    object: Literal["list"] = "list"
    data: list[DocumentAnswer]
    has_more: bool = False


class DocumentDeleted(BaseModel):
    """A document is gone, with all its memories."""

    id: str
    object: Literal["memory.document.deleted"] = "memory.document.deleted"
    deleted: Literal[True] = True

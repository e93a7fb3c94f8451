"""The JSON of documents, as models: what is asked and what is answered, with examples for the OpenAPI page."""

import base64
import binascii
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from memory.document import MAX_TITLE_CHARS, Document, DocumentStatus
from proxy.memory_wire import Name, Request, Tag, Ttl

MediaType = Literal["text/plain", "text/markdown", "text/html", "application/pdf"]
_BINARY = "application/pdf"


class DocumentRequest(Request):
    """A document: its words as ``text``, or the file itself, in base64, as ``content``."""

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

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        if (self.text is None) == (self.content is None):
            raise ValueError("send text, or a file's content in base64")
        if self.text is not None and self.media_type == _BINARY:
            raise ValueError("a PDF comes as content in base64")
        return self

    def file(self) -> bytes:
        """Return the file. Raises: ValueError: it is not base64."""
        if self.text is not None:
            return self.text.encode(errors="replace")
        try:
            return base64.b64decode("".join((self.content or "").split()), validate=True)
        except binascii.Error as error:
            raise ValueError(f"content is not base64: {error}") from None


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

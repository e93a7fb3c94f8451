"""Calls about documents in, documents kept as memories, listed and removed out.

A document that is not the caller's looks as if it did not exist. It is converted and cut before the answer, embedded
after it; nothing is fetched, whatever its source is called.
"""

import asyncio
import time
from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from memory.chunks import title_of
from memory.document import MAX_TITLE_CHARS, Document, DocumentStatus, NewDocument
from memory.errors import Invalid, Refused
from memory.ports import Converted
from memory.spaces import Role
from memory.turn import Scope
from proxy import documents_wire as shapes
from proxy import memory_wire as wire
from proxy.memory_access import Access, blocking
from proxy.memory_uploads import FORM, Forms, too_large
from proxy.parts import Parts

_WAIT_TIMEOUT_S = 600.0
_LOOK_S = 0.05
_TEXTS = ("text/plain", "text/markdown")
_MISSING: dict[int | str, dict[str, Any]] = {404: {"model": wire.Error, "description": "nothing under that id"}}
_UNUSABLE: dict[int | str, dict[str, Any]] = {
    **_MISSING,
    200: {"model": shapes.DocumentAnswer, "description": "this text had been stored before"},
    413: {"model": wire.Error, "description": "it is too large"},
    501: {"model": wire.Error, "description": "the converter is not installed"},
}
_BOTH_FORMS: dict[str, Any] = {"requestBody": {"content": {FORM: {"schema": shapes.form_schema()}}}}


def documents_router(parts: Parts) -> APIRouter:
    """Return the routes of documents, to be included without a prefix."""
    return DocumentsApi(parts).router()


class DocumentsApi:
    """The routes, over their parts."""

    def __init__(self, parts: Parts) -> None:
        self._at = parts
        self._access = Access(parts)
        self._shelving = parts.shelving
        self._documents, self._store = parts.shelving.documents, parts.shelving.store
        self._max_bytes = parts.settings.documents.max_mb << 20

    def router(self) -> APIRouter:
        """Return the router, to be included without a prefix."""
        router = self._access.router(Forms(self._max_bytes))
        for method, path, function, caller, more in self._routes():
            router.add_api_route(path, function, methods=[method], dependencies=[Depends(caller)], **more)
        return router

    def _routes(self) -> Iterator[tuple[str, str, Any, Any, dict[str, Any]]]:
        read, write, create = self._access.reader, self._access.writer, self._access.creator
        kept: dict[str, Any] = {"status_code": 201, "responses": _UNUSABLE, "openapi_extra": _BOTH_FORMS}
        yield "POST", "/documents", self.keep_document, create, kept
        yield "GET", "/documents", self.list_documents, read, {}
        yield "GET", "/documents/{document_id}", self.read_document, read, {"responses": _MISSING}
        yield "DELETE", "/documents/{document_id}", self.delete_document, write, {"responses": _MISSING}

    async def keep_document(
        self, request: Request, response: Response, body: shapes.DocumentRequest
    ) -> shapes.DocumentAnswer:
        """Keep a document: cut into chunks, each a memory of its own, marked as a document's word.

        As JSON, or as a form with the `file` and the same fields beside it.
        Plain text and Markdown need nothing; PDF and HTML are converted first. Long ones are embedded after the answer:
        `status` says how far it is. The same text is kept once.
        """
        scope = await self._access.scope(request, body)
        if body.space_id is not None:
            await blocking(self._check_may_share, scope, body.space_id)
        wanted = await blocking(self._read, body)
        await blocking(self._at.upkeep.admit, scope, len(wanted.text))
        document, created = await blocking(self._documents.keep, scope, wanted)
        self._shelving.wake()
        if body.wait:
            document = await self._settled(scope, document)
        if not created:
            response.status_code = 200
        return shapes.DocumentAnswer.of(document, already_stored=not created)

    async def list_documents(
        self,
        request: Request,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        after: Annotated[str | None, Query(description="the last id of the page before")] = None,
    ) -> shapes.DocumentList:
        """Page through documents, newest first."""
        page = await blocking(self._store.documents, await self._access.scope(request), limit=limit, after=after)
        return shapes.DocumentList(
            data=[shapes.DocumentAnswer.of(each) for each in page.documents], has_more=page.has_more
        )

    async def read_document(self, request: Request, document_id: str) -> shapes.DocumentWithCubes:
        """Read how far a document is, and which memories it became."""
        scope = await self._access.scope(request)
        document = await blocking(self._store.document, scope, document_id)
        cube_ids = await blocking(self._store.document_cubes, scope, [document_id])
        return shapes.DocumentWithCubes(**shapes.DocumentAnswer.of(document).model_dump(), cube_ids=cube_ids)

    async def delete_document(self, request: Request, document_id: str) -> shapes.DocumentDeleted:
        """Delete a document for good, with all its memories."""
        await blocking(self._documents.delete, await self._access.scope(request), document_id)
        return shapes.DocumentDeleted(id=document_id)

    def _read(self, body: shapes.DocumentRequest) -> NewDocument:
        """Return what is to be kept. Raises: Invalid: it is too large, no text, or cannot be converted."""
        try:
            content = body.file_bytes()
        except ValueError as error:
            raise Invalid(f"The document cannot be read: {error}.", param="content") from None
        param = "content" if body.file is None else "file"
        if len(content) > self._max_bytes:
            raise too_large(len(content), self._max_bytes, param=param)
        if body.media_type in _TEXTS:
            converted = Converted(text=body.text if body.text is not None else _decoded(content, param))
        else:
            converted = self._shelving.converter.convert(content, body.media_type)
        named = body.file.name if body.file is not None else ""
        title = body.title or converted.title or title_of(converted.text) or named or body.source_url or "Untitled"
        return NewDocument(
            text=converted.text,
            title=" ".join(title.split())[:MAX_TITLE_CHARS],
            media_type=body.media_type,
            source_url=body.source_url,
            space_id=body.space_id,
            tags=tuple(body.tags),
            ttl_s=body.ttl_s,
        )

    def _check_may_share(self, scope: Scope, space_id: str) -> None:
        """Raises: NotFound: there is no such space for the user. Refused: they may not share there."""
        space = self._at.sharing.spaces.get(scope, space_id)
        if not space.joined or space.role is Role.READER:
            raise Refused("Sharing in this space takes the role of a writer.", param="space_id", code="space_role")

    async def _settled(self, scope: Scope, document: Document) -> Document:
        end = time.monotonic() + _WAIT_TIMEOUT_S
        while document.status is DocumentStatus.QUEUED and not document.error and time.monotonic() < end:
            await asyncio.sleep(_LOOK_S)
            document = await blocking(self._store.document, scope, document.id)
        return document


def _decoded(content: bytes, param: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Invalid("The content is not text in UTF-8.", param=param, code="not_utf_8") from None

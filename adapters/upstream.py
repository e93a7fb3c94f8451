"""OpenAI requests in, an OpenAI-compatible server's own bytes out, over TCP or a Unix socket.

The only file that imports aiohttp. Nothing is decoded, decompressed, redirected or stored in a cookie jar, and nothing
is repeated once any byte of an answer was seen: clients repeat by themselves.
"""

import asyncio
import io
import logging
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from adapters.backend import BackendResponse, BrokenOff, RawHeaders
from memory.errors import EngineDown

logger = logging.getLogger(__name__)

KEEP_ALIVE_S = 75.0  # idle connections are kept for so long; most servers close theirs earlier, see _send_once
PROBE_TIMEOUT_S = 3.0
LARGE_BODY_BYTES = 1 << 20  # larger bodies are handed over in pieces
MAX_HEADER_BYTES = 64 * 1024


class UpstreamResponse:
    """The server's response; its body is read once."""

    __slots__ = ("_response", "headers", "status")

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers: RawHeaders = response.raw_headers

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it was read.

        Raises: BrokenOff: it ended before its end, or fell silent for the read time-out.
        """
        read = self._response.content.readany
        try:
            while chunk := await read():
                yield chunk
        except TimeoutError as error:
            raise BrokenOff("The model server stopped in the middle of its answer.", code="upstream_timeout") from error
        except (aiohttp.ClientError, OSError) as error:
            raise BrokenOff("The model server broke off its answer.", code="upstream_broken") from error

    def close(self) -> None:
        """Give the connection back when the body was read to its end, otherwise close its socket at once."""
        self._response.close()


class Upstream:
    """An OpenAI-compatible server; one pool of kept connections for life, bound to the event loop of the first call."""

    def __init__(
        self,
        base_url: str,
        *,
        socket_path: str | None = None,
        api_key: str | None = None,
        connect_timeout_s: float = 5.0,
        read_timeout_s: float = 600.0,
        max_connections: int = 0,
        shares_cache: bool = False,
    ) -> None:
        """``max_connections`` 0: no limit. ``socket_path``: a Unix socket; the host in the URL is then only a name."""
        self._base = base_url.rstrip("/")
        self._socket_path = socket_path
        self._shown = "the engine" if socket_path is not None else str(URL(self._base).with_user(None).with_query(None))
        self._authorization = f"Bearer {api_key}" if api_key else None
        self._timeout = aiohttp.ClientTimeout(
            total=None, connect=read_timeout_s, sock_connect=connect_timeout_s, sock_read=read_timeout_s
        )
        self._max_connections = max_connections
        self._shares_cache = shares_cache
        self._session: aiohttp.ClientSession | None = None

    @property
    def shares_cache(self) -> bool:
        """True for our own engine."""
        return self._shares_cache

    async def send(self, method: str, path: str, headers: RawHeaders, body: bytes = b"") -> BackendResponse:
        """Return the response once its headers are here.

        An ``Authorization`` among the headers wins over the server's own key. A kept connection that turns out to be
        closed before any byte of an answer is replaced once.

        Raises: EngineDown.
        """
        try:
            return await self._request(method, path, headers, body)
        except EngineDown as fault:
            logger.warning("no answer from %s: %s", self._shown, _cause(fault.__cause__))
            raise

    async def _request(self, method: str, path: str, headers: RawHeaders, body: bytes = b"") -> BackendResponse:
        session = self._session or self._open()
        url = URL(self._base + path, encoded=True)
        wire = CIMultiDict((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)
        if self._authorization and "authorization" not in wire:
            wire["Authorization"] = self._authorization
        try:
            return UpstreamResponse(await self._send_once(session, method, url, wire, body))
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _translated(error) from error

    async def ready(self) -> str | None:
        """Return why the server cannot take a chat now, None when it can."""
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_S):
                response = await self._request("GET", "/models", [(b"accept-encoding", b"identity")])
        except TimeoutError:
            return f"the model server did not answer within {PROBE_TIMEOUT_S:g} s"
        except EngineDown as error:
            return str(error)
        response.close()
        return f"the model server answers with status {response.status}" if response.status >= 500 else None

    async def close(self) -> None:
        """Close all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _send_once(
        self, session: aiohttp.ClientSession, method: str, url: URL, headers: CIMultiDict[str], body: bytes
    ) -> aiohttp.ClientResponse:
        for attempt in (1, 2):
            connection = SimpleNamespace(reused=False)
            data: Any = io.BytesIO(body) if len(body) > LARGE_BODY_BYTES else body or None
            try:
                return await session.request(
                    method, url, data=data, headers=headers, allow_redirects=False, trace_request_ctx=connection
                )
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
                # A server may close a kept connection while the request is on its way (RFC 9112, 9.3.1).
                stale = connection.reused and not isinstance(error, aiohttp.ClientConnectorError)
                if attempt == 2 or not stale:
                    raise
        raise AssertionError

    def _open(self) -> aiohttp.ClientSession:
        limit = self._max_connections
        connector: aiohttp.BaseConnector
        if self._socket_path is not None:
            connector = aiohttp.UnixConnector(self._socket_path, limit=limit, keepalive_timeout=KEEP_ALIVE_S)
        else:
            connector = aiohttp.TCPConnector(limit=limit, keepalive_timeout=KEEP_ALIVE_S)
        trace = aiohttp.TraceConfig()
        trace.on_connection_reuseconn.append(_note_reuse)
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=self._timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Content-Type", "Accept", "Accept-Encoding"),
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
            trace_configs=[trace],
        )
        return self._session


async def _note_reuse(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: object) -> None:
    context.trace_request_ctx.reused = True


def _cause(error: BaseException | None) -> str:
    """Return what went wrong, for the log: the system's words, never what a server sent or was sent."""
    words = str(error) if isinstance(error, aiohttp.ClientConnectorError) else getattr(error, "strerror", None)
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def _translated(error: Exception) -> EngineDown:
    if isinstance(error, TimeoutError):
        return EngineDown("The model server did not answer in time.", code="upstream_timeout")
    if isinstance(error, (aiohttp.ClientSSLError, aiohttp.ClientConnectorCertificateError)):
        return EngineDown("The model server's TLS certificate is not accepted.", code="upstream_tls")
    if isinstance(error, aiohttp.ClientConnectorError):
        return EngineDown("The model server cannot be reached: is it running?", code="upstream_unreachable")
    if isinstance(error, (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
        return EngineDown("The model server closed the connection without an answer.", code="upstream_broken")
    return EngineDown(f"The model server's answer is not HTTP: {type(error).__name__}.", code="upstream_broken")

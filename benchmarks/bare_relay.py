"""Requests in, the upstream's bytes out: the least that a proxy of the same libraries can cost, to compare with.

    python benchmarks/bare_relay.py PORT UPSTREAM_URL

It reads the body as JSON, puts one message in front and relays the answer. No keys, no memory, no errors, no limits.
"""

import sys

import aiohttp
import orjson
import uvicorn


class BareRelay:
    """An ASGI application."""

    def __init__(self, upstream_url: str) -> None:
        self._url = f"{upstream_url}/chat/completions"
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] == "http":
            await self._relay(receive, send)
            return
        await receive()
        async with aiohttp.ClientSession(auto_decompress=False) as self._session:
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def _relay(self, receive, send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        chat = orjson.loads(body)
        chat["messages"].insert(0, {"role": "system", "content": "You are a relay."})
        headers = {"content-type": "application/json"}
        async with self._session.post(self._url, data=orjson.dumps(chat), headers=headers) as answer:
            kept = [(name.lower(), value) for name, value in answer.raw_headers if name.lower() != b"transfer-encoding"]
            await send({"type": "http.response.start", "status": answer.status, "headers": kept})
            async for data in answer.content.iter_any():
                await send({"type": "http.response.body", "body": data, "more_body": True})
            await send({"type": "http.response.body", "body": b""})


if __name__ == "__main__":
    uvicorn.run(BareRelay(sys.argv[2]), port=int(sys.argv[1]), log_level="warning", access_log=False)

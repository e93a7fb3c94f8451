"""Texts in, token counts of the local engine's own model out, asked over the engine's socket and kept.

Memory lines repeat from request to request, so nearly every count is a dictionary look-up; what is new is asked for in
one call. While the engine does not answer, counts are estimates on the high side and are not kept.
"""

import http.client
import json
import socket
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

_KEPT = 8192
_CHARS_PER_TOKEN = 2.5  # small vocabularies have short tokens
_TIMEOUT_S = 2.0


class EngineTokens:
    """A ``TokenCounter`` that asks the engine's ``POST /tokenize``. Thread-safe."""

    def __init__(self, socket_path: Callable[[], str]) -> None:
        self._socket_path = socket_path  # a call, since an engine that was restarted may listen elsewhere
        self._kept: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()
        self.exact = True

    def count(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text; ``exact`` turns False when the engine did not answer."""
        with self._lock:
            known = {text: self._kept[text] for text in texts if text in self._kept}
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        if missing:
            counts = self._ask(missing)
            self.exact = counts is not None
            if counts is None:
                counts = [int(len(text) / _CHARS_PER_TOKEN) + 1 for text in missing]
            else:
                self._keep(missing, counts)
            known.update(zip(missing, counts, strict=True))
        return [known[text] for text in texts]

    def _keep(self, texts: Sequence[str], counts: Sequence[int]) -> None:
        with self._lock:
            self._kept.update(zip(texts, counts, strict=True))
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)

    def _ask(self, texts: Sequence[str]) -> list[int] | None:
        connection = _UnixConnection(self._socket_path())
        try:
            body = json.dumps({"texts": list(texts)})
            connection.request("POST", "/tokenize", body, {"content-type": "application/json"})
            response = connection.getresponse()
            counts = json.loads(response.read())["counts"] if response.status == 200 else None
        except (OSError, http.client.HTTPException, ValueError, KeyError):
            return None
        finally:
            connection.close()
        return counts if isinstance(counts, list) and len(counts) == len(texts) else None


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_TIMEOUT_S)
        self.sock.connect(self._path)

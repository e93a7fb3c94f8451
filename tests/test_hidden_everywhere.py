"""What the policy hides stands nowhere in the data folder: not in memories, turns, receipts, indexes or logs."""

import logging

import pytest

from memory.turn import TurnState
from tests.proxy_rig import Proxy, Upstream

SECRETS = {
    "My password is Tr0ub4dorXyz.": "Tr0ub4dorXyz",
    "My AWS key is AKIAIOSFODNN7EXAMPLE and my region is Frankfurt.": "AKIAIOSFODNN7EXAMPLE",
    "My IBAN is GB29 NWBK 6016 1331 9268 19.": "6016 1331 9268",
    "My IBAN is DE89370400440532013000 and I live in Lisbon.": "DE89370400440532013000",
    "My card is 4111 1111 1111 1111, Ada Byron.": "4111 1111 1111 1111",
}


@pytest.fixture
def upstream():
    server = Upstream()
    yield server
    server.close()


def test_what_is_said_of_secrets_and_asked_of_them_leaves_none_behind(tmp_path, upstream, caplog):
    caplog.set_level(logging.DEBUG)
    proxy = Proxy(tmp_path, upstream.url)
    try:
        receipts = []
        for said in SECRETS:
            for text in (said, f"Do you remember this? {said}"):
                reply = proxy.chat(text)
                assert reply.read()
                receipts.append(proxy.receipt(reply))
        rows = proxy.wait_rows(lambda rows: all(row[0] in (TurnState.STORED, TurnState.EMPTY) for row in rows))
        assert len(rows) == 2 * len(SECRETS)
        kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
        assert b"Frankfurt" in kept
        for secret in SECRETS.values():
            assert secret.encode() not in kept
            assert secret not in str(receipts)
            assert secret not in caplog.text
        entities = [s["detail"]["entities"] for r in receipts for s in r["stations"] if s["name"] == "reader"]
        assert "Frankfurt" in str(entities), "what is no secret is still told"
    finally:
        proxy.close()

"""The benchmark's own parts: a mock that answers wrongly would make every number meaningless."""

import json
import shutil
import sys

import bench_processes as processes
import overhead
import pytest

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux") or not shutil.which("cc"), reason="Linux with cc")


@pytest.fixture(scope="module")
def port():
    with processes.mock_upstream(seconds=60) as port:
        yield port


def test_one_connection_serves_answers_and_streams_in_turn(port):
    client = processes.Client(port)
    for number in range(3):
        _, answer = client.post(overhead.chat(number))
        assert json.loads(answer)["choices"][0]["finish_reason"] == "stop"
        _, stream = client.post(overhead.chat(number, stream=True, mock_chunks=7))
        assert stream.count(b'"content":" harbour"') == 7
        assert stream.count(b"data: [DONE]\n\n") == 1


def test_a_paced_stream_and_a_large_request_arrive_whole(port):
    client = processes.Client(port)
    _, stream = client.post(overhead.chat(1, size=300_000, stream=True, mock_chunks=20, mock_interval_us=500))
    assert stream.count(b'"content":" harbour"') == 20


def test_a_stream_larger_than_the_sockets_buffers_arrives_whole(port):
    _, stream = processes.Client(port).post(overhead.chat(1, stream=True, mock_chunks=40_000))
    assert stream.count(b'"content":" harbour"') == 40_000


def test_the_mock_counts_what_it_was_sent(port):
    before = processes.call(port, "", "GET", "/stats")[1]
    processes.Client(port).post(overhead.chat(1))
    after = processes.call(port, "", "GET", "/stats")[1]
    assert after["requests"] == before["requests"] + 1


def test_no_two_questions_or_memories_are_the_same():
    """A cache of recalls or embeddings would otherwise be what is measured."""
    assert len({overhead.question(n) for n in range(5000)}) == 5000
    assert len({overhead.sentence(n) for n in range(5000)}) == 5000

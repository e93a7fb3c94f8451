"""The reader beside the relay: the same answer however the bytes are cut, and the end seen before it is passed on."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.sse import MAX_ANSWER_BYTES, BodyReader, StreamReader

CHUNKS = [
    {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]},
    {"choices": [{"index": 0, "delta": {"content": "Grüße, "}}, {"index": 1, "delta": {"content": "other"}}]},
    {"choices": [{"index": 0, "delta": {"reasoning_content": "hm", "reasoning": "hm"}}]},
    {"choices": [{"index": 0, "delta": {"content": "data: [DONE]\n\n東京"}}]},
    {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 1, "id": "b", "function": {"name": "g"}}]}}]},
    {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f"}}]}}]},
    {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 1, "function": {"arguments": '{"y":'}}]}}]},
    {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}}]},
    {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 1, "function": {"arguments": "2}"}}]}}]},
    {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": None},
    {"choices": [], "usage": {"total_tokens": 7}},
]


def stream(end: str) -> bytes:
    frames = [f": hello{end}{end}", f"event: message{end}retry: 10{end}data:{json.dumps(CHUNKS[0])}{end}{end}"]
    frames += [f"data: {json.dumps(chunk, ensure_ascii=False)}{end}{end}" for chunk in CHUNKS[1:]]
    return "".join([*frames, f"data: [DONE]{end}{end}"]).encode()


def cut(data: bytes, places: list[int]) -> list[bytes]:
    borders = [0, *sorted({place % len(data) for place in places}), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(borders)]


@given(end=st.sampled_from(["\n", "\r\n", "\r"]), places=st.lists(st.integers(0, 10_000)), bom=st.booleans())
def test_every_cut_gives_the_same_answer(end, places, bom):
    reader = StreamReader()
    for piece in cut(b"\xef\xbb\xbf" * bom + stream(end), places):
        reader.feed(piece)
    reader.finish()
    assert reader.done
    assert reader.answer.text == "Grüße, data: [DONE]\n\n東京"
    assert reader.answer.finish_reason == "stop"
    assert reader.answer.usage == {"total_tokens": 7}
    calls = reader.answer.tool_calls
    assert (calls[0].id, calls[0].name, calls[0].arguments) == ("a", "f", "{}")
    assert (calls[1].id, calls[1].name, calls[1].arguments) == ("b", "g", '{"y":2}')


@given(end=st.sampled_from(["\n", "\r\n"]), places=st.lists(st.integers(0, 10_000)))
def test_the_piece_that_ends_the_stream_is_always_announced(end, places):
    """Whoever looks before each piece never passes on the end mark without having known it."""
    reader = StreamReader()
    for piece in cut(stream(end), places):
        announced = reader.may_end_with(piece)
        was_done = reader.done
        reader.feed(piece)
        assert announced or was_done or not reader.done or b"]" not in piece


@given(places=st.lists(st.integers(0, 10_000)))
def test_between_frames_is_true_only_where_a_comment_breaks_nothing(places):
    whole = StreamReader()
    whole.feed(stream("\n"))
    reader, seen = StreamReader(), b""
    for piece in cut(stream("\n"), places):
        reader.feed(piece)
        seen += piece
        if reader.between_frames:
            assert not seen or seen.endswith(b"\n\n")
            reader.feed(b": keep-alive\n\n")
    assert reader.answer == whole.answer


@given(st.binary(max_size=300), st.lists(st.integers(0, 300)))
def test_no_bytes_at_all_can_break_it(data, places):
    reader, body = StreamReader(), BodyReader()
    for piece in cut(data, places) if data else [b""]:
        reader.may_end_with(piece)
        reader.feed(piece)
        body.feed(piece)
    reader.finish()
    body.finish()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["stop", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "choices",
                    "delta",
                    "message",
                    "content",
                    "tool_calls",
                    "index",
                    "function",
                    "error",
                    "usage",
                    "type",
                    "text",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
)


@given(JSON)
def test_no_json_of_any_shape_can_break_it(value):
    reader, body = StreamReader(), BodyReader()
    reader.feed(b"data: " + json.dumps(value).encode() + b"\n\n")
    body.feed(json.dumps(value).encode())
    body.finish()
    assert isinstance(reader.answer.text, str | None)


@pytest.mark.parametrize(
    ("frames", "text"),
    [
        (['{"choices":[{"delta":{"content":"Half"}}]}'], None),
        (['{"choices":[{"delta":{"content":"Whole"}}]}', "[DONE]"], "Whole"),
        (['{"choices":[{"delta":{"content":"Cut"},"finish_reason":"length"}]}'], "Cut"),
        (['{"choices":[{"delta":{"content":"A"}}]}', '{"error":{"message":"no"}}', "[DONE]"], None),
        (['{"choices":[{"delta":{"content":[{"type":"text","text":"Parts"}]},"finish_reason":"stop"}]}'], "Parts"),
        (['{"choices":[{"delta":{},"finish_reason":"stop"}]}'], ""),
        (['{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a"}]},"finish_reason":"tool_calls"}]}'], None),
    ],
)
def test_only_a_whole_answer_is_an_answer(frames, text):
    reader = StreamReader()
    for frame in frames:
        reader.feed(f"data: {frame}\n\n".encode())
    reader.finish()
    assert reader.answer.text == text


def test_a_last_frame_without_its_blank_line_is_read_at_the_end():
    reader = StreamReader()
    reader.feed(b'data: {"choices":[{"delta":{"content":"Yes"},"finish_reason":"stop"}]}')
    reader.finish()
    assert reader.answer.text == "Yes"


def test_an_answer_beyond_the_limit_is_not_kept_and_costs_no_memory():
    reader, body = StreamReader(), BodyReader()
    piece = b"data: " + b"x" * 1_000_000
    for _ in range(MAX_ANSWER_BYTES // len(piece) + 2):
        reader.feed(piece)
        body.feed(piece)
    body.finish()
    assert reader.answer.text is None
    assert body.answer.text is None
    assert sum(map(len, reader._line)) == 0

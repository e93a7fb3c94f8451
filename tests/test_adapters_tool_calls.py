"""Tool calls in an answer's text: read the same however the text arrives, and never invented."""

import itertools
import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from adapters.tool_calls import CallDelta, TextDelta, ToolCallReader, read_calls


def read(*pieces: str, anywhere: bool = True) -> tuple[str, list[tuple[str, str]]]:
    """Return the text and the calls of an answer that comes in these pieces."""
    reader = ToolCallReader(anywhere=anywhere)
    text, calls = "", {}
    for delta in [d for piece in pieces for d in reader.push(piece)] + reader.finish():
        if isinstance(delta, TextDelta):
            assert delta.text
            text += delta.text
        else:
            assert (delta.name is None) == (delta.index in calls), "the name comes once, and first"
            known = calls.setdefault(delta.index, [delta.name, ""])
            known[1] += delta.arguments
    assert sorted(calls) == list(range(reader.calls))
    return text, [tuple(calls[index]) for index in sorted(calls)]


def written(name: str, arguments: object) -> str:
    return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments})}\n</tool_call>"


WEATHER = written("weather", {"city": "Paris", "days": 3})


def test_a_call_after_text():
    text, calls = read("Let me look.\n" + WEATHER)
    assert text == "Let me look."
    assert [(name, json.loads(arguments)) for name, arguments in calls] == [("weather", {"city": "Paris", "days": 3})]


def test_several_calls_with_nothing_between_them_in_the_text():
    text, calls = read(WEATHER + "\n" + written("time", {}) + "\n")
    assert text == ""
    assert [name for name, _ in calls] == ["weather", "time"]


def test_the_name_is_told_before_the_arguments_are_there_and_these_as_they_come():
    reader = ToolCallReader()
    assert reader.push('<tool_call>{"name": "f", "argu') == []
    assert reader.push('ments": {"a') == [CallDelta(0, "f", '{"a')]
    assert reader.push('": [1, {}') == [CallDelta(0, None, '": [1, {}')]
    assert reader.push("]}}") == [CallDelta(0, None, "]}")]
    assert reader.push("</tool_call>") == []


def test_what_could_become_a_tag_is_held_back_and_shown_when_it_does_not():
    reader = ToolCallReader()
    assert reader.push("a <tool") == [TextDelta("a")]
    assert reader.push("box>") == [TextDelta(" <toolbox>")]
    assert reader.push(" <") == []
    assert reader.finish() == [TextDelta(" <")]


@pytest.mark.parametrize(
    "text",
    [
        "no call",
        " \n spaces stay \n",
        "<tool_call>not json</tool_call>",
        "before \n<tool_call>{'name': 'f'}</tool_call> after",
        '<tool_call>{"arguments": {}}</tool_call>',
        '<tool_call>{"name": "", "arguments": {}}</tool_call>',
        '<tool_call>{"name": "f", "arguments": [1]}</tool_call>',
        "<tool_call>",
        '<tool_call>{"name": "f"',
        "</tool_call>",
    ],
)
def test_what_is_no_call_stays_text(text):
    assert read(text) == (text, [])


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ('<tool_call>{"arguments": {"a": 1}, "name": "f"}</tool_call>', {"a": 1}),
        ('<tool_call>{"name": "f", "parameters": {"a": 1}}</tool_call>', {"a": 1}),
        ('<tool_call>{"name": "f", "arguments": "{\\"a\\": 1}"}</tool_call>', {"a": 1}),
        ('<tool_call>{"name": "f"}</tool_call>', {}),
        ('<tool_call>{"name": "f", "arguments": {"a": 1}</tool_call>', {"a": 1}),
        ('<tool_call>{"name": "f", "arguments": {"a": 1}}', {"a": 1}),
        ('<tool_call>{"name": "f", "arguments": {"a": "</tool_call>{"}}</tool_call>', {"a": "</tool_call>{"}),
    ],
)
def test_forms_that_models_really_write(text, arguments):
    said, [(name, given_arguments)] = read(text)
    assert (said, name, json.loads(given_arguments)) == ("", "f", arguments)


def test_where_the_answer_is_a_document_only_its_beginning_can_be_a_call():
    document = json.dumps({"text": WEATHER})
    assert read(document, anywhere=False) == (document, [])
    assert read(" " + WEATHER, anywhere=False)[1][0][0] == "weather"


def test_half_a_call_at_the_end_of_a_cut_answer_is_not_shown():
    reader = ToolCallReader()
    assert reader.push('Yes. <tool_call>{"name": "f", "arg') == [TextDelta("Yes.")]
    assert reader.finish(cut=True) == []
    assert reader.calls == 0


PARTS = st.sampled_from(
    [
        WEATHER,
        written("f", {"s": 'a "quoted" \\ <tool_call> { é'}),
        "<tool_call>",
        "</tool_call>",
        '{"name": "f", "arguments": {',
        '{"name": "a</tool_call>", "arguments": {}}',
        '{"arguments": {}, "name": "g"}',
        "}",
        '"',
        " \n",
        "words",
        "<",
        "<tool",
    ]
)


@settings(deadline=None)
@given(st.lists(PARTS, max_size=6).map("".join), st.lists(st.integers(0, 400), max_size=12), st.booleans())
@example('<tool_call>{"name": "a</tool_call>", "arguments": {}}</tool_call>', list(range(1, 60)), True)
def test_law_every_split_of_a_text_reads_the_same(text, cuts, anywhere):
    edges = [0, *sorted({cut for cut in cuts if cut < len(text)}), len(text)]
    pieces = [text[a:b] for a, b in itertools.pairwise(edges)]
    assert read(*pieces, anywhere=anywhere) == read(text, anywhere=anywhere) == read(*text, anywhere=anywhere)


@settings(deadline=None)
@given(st.text(alphabet="<tool_cal>/ \nab", max_size=60))
def test_law_a_text_without_a_call_is_shown_to_the_letter(text):
    assert read(*text) == (text, [])


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=5), st.text(max_size=8) | st.integers() | st.none(), max_size=4))
def test_law_arguments_arrive_as_they_were_written(arguments):
    [(name, given_arguments)] = read_calls(written("f", arguments))
    assert (name, json.loads(given_arguments)) == ("f", arguments)

"""Chunks stand alone, lose no word, fit the embedder, and are the same every time."""

import re

from hypothesis import given
from hypothesis import strategies as st

from memory.chunks import MAX_PIECES, chunks_of, size_pieces, title_of

MANUAL = """# Pump X200

It pumps. Mr. Smith of St. Louis made it.

## Warranty

The warranty is 27 months.

| Part | Price |
|------|-------|
| seal | 3.50 |
| belt | 9.00 |

### Claims

- write a mail
- wait

Care
----

```sh
# no heading
rinse --warm
```

## Later
"""


def test_in_front_of_each_chunk_stands_where_it_is_from():
    chunks = chunks_of(MANUAL, "Pump X200")
    assert chunks == [
        "Pump X200: It pumps. Mr. Smith of St. Louis made it.",
        "Pump X200 > Warranty:\nThe warranty is 27 months.\n\n| Part | Price |\n|------|-------|\n"
        "| seal | 3.50 |\n| belt | 9.00 |",
        "Pump X200 > Warranty > Claims:\n- write a mail\n- wait",
        "Pump X200 > Care:\n```sh\n# no heading\nrinse --warm\n```",
        "Pump X200: Later",
    ]
    assert title_of(MANUAL) == "Pump X200"


def test_what_is_too_long_is_cut_between_sentences_and_between_rows():
    sentence = "The pump of the third house runs well when Mr. Brown looks after it. "
    for chunk in chunks_of("# Pumps\n\n" + sentence * 80):
        body = chunk.removeprefix("Pumps: ")
        assert body.replace(sentence.strip(), "").strip() == "", "only whole sentences"
    rows = [f"| part {n} | {n} |" for n in range(200)]
    tables = chunks_of("\n".join(["| Part | Number |", "|---|---|", *rows]))
    assert len(tables) > 3
    assert all(each.startswith("| Part | Number |\n|---|---|\n") for each in tables)
    assert [row for each in tables for row in each.splitlines()[2:]] == rows


def test_chunks_are_of_about_two_hundred_words():
    text = "\n\n".join(" ".join(["word"] * 12) + "." for _ in range(200))
    sizes = [len(chunk.split()) for chunk in chunks_of(text)]
    assert all(150 <= size <= 240 for size in sizes[:-1])


def test_no_script_and_no_long_word_makes_a_chunk_that_the_embedder_would_cut():
    for text in (
        "漢字" * 3000,
        "x" * 9000,
        "a_b-c." * 3000,
        "\u0e2a" * 4000,
        "# " + "long heading " * 300 + "\n\nBody.",
    ):
        chunks = chunks_of(text, "T" * 400)
        assert chunks
        assert all(size_pieces(chunk) <= MAX_PIECES + 1 for chunk in chunks)


lines = st.sampled_from(
    ["# One", "## Two", "### Three", "plain words here.", "- item", "1. item", "| a | b |", "|---|---|", "```", "",
     "---", "Under", "=====", "A long sentence. And one more! And? " * 12, "\tcode", "> quote"]
)  # fmt: skip


@given(st.lists(lines, max_size=40), st.sampled_from(["", "Title"]))
def test_no_word_is_lost_and_the_same_text_gives_the_same_chunks(written, title):
    text = "\n".join(written)
    chunks = chunks_of(text, title)
    assert chunks == chunks_of(text, title)
    assert all(chunk.strip() for chunk in chunks)
    assert all(size_pieces(chunk) <= MAX_PIECES + 1 for chunk in chunks)
    said = set(re.findall(r"\w+", text))
    assert said <= set(re.findall(r"\w+", " ".join(chunks)))


@given(st.text(max_size=3000))
def test_any_text_can_be_cut(text):
    assert all(size_pieces(chunk) <= MAX_PIECES + 1 for chunk in chunks_of(text))

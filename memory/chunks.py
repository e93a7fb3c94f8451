"""A text in Markdown in, chunks that each stand alone out: the same text always gives the same chunks.

In front of each chunk stands where it is from ("Title > Heading: "), since a chunk is found and read without its
neighbours. Paragraphs, lists, tables and code stay whole where they fit, then sentences, rows and lines do; only what
is longer than a chunk by itself is cut elsewhere. Sizes are in estimated word pieces: the embedder reads 256 and
ignores the rest.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

MAX_PIECES = 240  #: of one chunk, its path included; some 180 English words
MAX_PATH_PIECES = 40
_LEAST_BODY = 60  # word pieces that are left for the text under a very long path
_LETTERS = 6  # of a word that are one piece, roughly

_PIECE = re.compile(r"[^\W_]+|[^\w\s]|_")
_WIDE = re.compile(r"[\u1100-\u11ff\u2e80-\ua4cf\uac00-\ud7af\uf900-\ufaff\uff66-\uff9f]")
_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))??(?:[ \t]+#+)?[ \t]*$")
_UNDERLINE = re.compile(r" {0,3}(=+|-{2,})[ \t]*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_ROW = re.compile(r"\s*\|.*\|\s*$")
_RULE = re.compile(r"\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$")
_ITEM = re.compile(r"\s{0,3}(?:[-*+\u2022]|\d{1,3}[.)])\s+")
_SENTENCE = re.compile(
    r"(?<=[.!?\u2026])[\"'\u2019\u201d)\]]*\s+(?=[\"'\u2018\u201c(\[]?[^\Wa-z_])|(?<=[\u3002\uff01\uff1f])"
)
_ABBREVIATED = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|No|Nr|Fig|vs|etc|e\.g|i\.e|cf|approx|ca)|\b[A-Z])\.$")


@dataclass(frozen=True, slots=True)
class _Block:
    """Something that belongs together."""

    path: tuple[str, ...]  #: of headings
    text: str
    parts: tuple[str, ...] = ()  #: where it may be cut if it must, in order; () in sentences
    head: str = ""  #: repeated in front of each part: a table's first rows


def chunks_of(text: str, title: str = "") -> list[str]:
    """Return the chunks in order; [] for a text without words. Linear in its length."""
    found: list[str] = []
    waiting: list[str] = []
    path: tuple[str, ...] = ()
    for block in _blocks(text, title):
        room = _room(block.path, title)
        if waiting and (block.path != path or size_pieces("\n\n".join([*waiting, block.text])) > room):
            found.append(_headed(path, title, "\n\n".join(waiting)))
            waiting = []
        path = block.path
        *whole, last = _fitting(block, room)
        found += [_headed(path, title, each) for each in whole]
        waiting.append(last)
    if waiting:
        found.append(_headed(path, title, "\n\n".join(waiting)))
    return found


def title_of(text: str) -> str:
    """Return the first heading of a text in Markdown; "" when it has none in its front."""
    lines = text[:20_000].splitlines()
    for line, below in zip(lines, [*lines[1:], ""], strict=False):
        heading = _heading(line, below)
        if heading is not None and heading[1]:
            return heading[1]
    return ""


def size_pieces(text: str) -> int:
    """Return about how many word pieces a text has."""
    wide = len(_WIDE.findall(text))
    plain = _WIDE.sub(" ", text) if wide else text
    return wide + sum(1 + (len(found) - 1) // _LETTERS for found in _PIECE.findall(plain))


def _blocks(text: str, title: str) -> Iterator[_Block]:
    """Yield the blocks; a heading with nothing below it is one itself."""
    headings: list[tuple[int, str]] = []
    bare = False
    for level, lines in _raw_blocks(text.replace("\r\n", "\n").replace("\r", "\n").split("\n")):
        path = tuple(name for _, name in headings)
        if level:
            if bare and level <= headings[-1][0]:
                yield _Block(path[:-1], path[-1])
            headings = [each for each in headings if each[0] < level]
            if not (lines[0] == title and not headings):  # the title stands in front anyway
                headings.append((level, lines[0]))
                bare = True
        else:
            bare = False
            yield _block(path, lines)
    if bare:
        yield _Block(tuple(name for _, name in headings[:-1]), headings[-1][1])


def _raw_blocks(lines: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield (level of a heading or 0, lines)."""
    block: list[str] = []
    at = 0
    while at < len(lines):
        level, found, behind = _next(lines, at, inside=bool(block))
        if found is None:
            block.append(lines[at])
        else:
            if block:
                yield 0, block
                block = []
            if found:
                yield level, found
        at = behind
    if block:
        yield 0, block


def _next(lines: Sequence[str], at: int, *, inside: bool) -> tuple[int, list[str] | None, int]:
    """Return (level, lines, where to go on) of a heading or code; no lines for a gap, None for a line of a block."""
    line = lines[at]
    fence = _FENCE.match(line)
    if fence:
        end = _closing(lines, at, fence[1])
        return 0, list(lines[at:end]), end
    heading = _heading(line, "" if inside or at + 1 >= len(lines) else lines[at + 1])
    if heading is not None:
        level, name, underlined = heading
        return level, [name] if name else [], at + 1 + underlined
    return 0, [] if not line.strip() or (not inside and _is_rule(line)) else None, at + 1


def _closing(lines: Sequence[str], opened: int, fence: str) -> int:
    """Return the line behind the end of a fenced block; one that is not closed goes to the end."""
    for at in range(opened + 1, len(lines)):
        if lines[at].strip().startswith(fence):
            return at + 1
    return len(lines)


def _heading(line: str, below: str) -> tuple[int, str, bool] | None:
    """Return level, words, and whether the line below belongs to it."""
    found = _HEADING.match(line)
    if found:
        return len(found[1]), _one_line(found[2] or ""), False
    underline = _UNDERLINE.match(below) if line.strip() and not _ROW.match(line) and not _ITEM.match(line) else None
    if underline and len(line) <= 200:
        return (1 if underline[1][0] == "=" else 2), _one_line(line), True
    return None


def _is_rule(line: str) -> bool:
    return bool(re.fullmatch(r"\s*([-*_])(?:\s*\1){2,}\s*", line))


def _block(path: tuple[str, ...], lines: Sequence[str]) -> _Block:
    text = "\n".join(line.rstrip() for line in lines).strip("\n")
    if _FENCE.match(lines[0]):
        return _Block(path, text, tuple(lines))
    if sum(bool(_ROW.match(line)) for line in lines) >= 2:
        ruled = len(lines) > 2 and bool(_RULE.match(lines[1]))
        head = "\n".join(lines[:2]) if ruled else ""
        return _Block(path, text, tuple(lines[2 if ruled else 0 :]), head)
    if any(_ITEM.match(line) for line in lines[1:]) or _ITEM.match(lines[0]):
        return _Block(path, text, tuple(_items(lines)))
    return _Block(path, " ".join(text.split()))


def _items(lines: Iterable[str]) -> Iterator[str]:
    item: list[str] = []
    for line in lines:
        if item and _ITEM.match(line):
            yield "\n".join(item)
            item = []
        item.append(line.rstrip())
    yield "\n".join(item)


def _fitting(block: _Block, room: int) -> list[str]:
    """Return the block whole, or in pieces of at most ``room`` word pieces, one at least."""
    if size_pieces(block.text) <= room:
        return [block.text]
    head = block.head if size_pieces(block.head) <= room // 2 else ""
    parts, joint = (block.parts, "\n") if block.parts else (_sentences(block.text), " ")
    space = room - size_pieces(head)
    pieces = _packed((piece for part in parts for piece in _cut(part, space)), joint, space)
    return [f"{head}\n{piece}" if head else piece for piece in pieces] or [block.text]


def _packed(parts: Iterable[str], joint: str, room: int) -> list[str]:
    """Return the parts joined as far as they fit."""
    packed: list[str] = []
    waiting: list[str] = []
    taken = 0
    for part in parts:
        size = size_pieces(part)
        if waiting and taken + size > room:
            packed.append(joint.join(waiting))
            waiting, taken = [], 0
        waiting.append(part)
        taken += size
    if waiting:
        packed.append(joint.join(waiting))
    return packed


def _sentences(text: str) -> list[str]:
    """Return the sentences; a stop behind an abbreviation or an initial ends none."""
    found: list[str] = []
    start = 0
    for gap in _SENTENCE.finditer(text):
        sentence = text[start : gap.end()].strip()
        if sentence and not _ABBREVIATED.search(sentence[-12:]):
            found.append(sentence)
            start = gap.end()
    rest = text[start:].strip()
    return [*found, rest] if rest else found


def _cut(part: str, room: int) -> list[str]:
    """Return the part, cut between words where it is longer than a chunk, and inside a word that is."""
    if size_pieces(part) <= room:
        return [part]
    longest = max(1, room * _LETTERS // 2)
    words = [word[at : at + longest] for word in part.split() for at in range(0, len(word), longest)]
    halves = [half for word in words for half in _halves(word, room)]
    return _packed(halves, " ", room)


def _halves(word: str, room: int) -> list[str]:
    if len(word) < 2 or size_pieces(word) <= room:
        return [word]
    middle = len(word) // 2
    return [*_halves(word[:middle], room), *_halves(word[middle:], room)]


def _path(path: tuple[str, ...], title: str) -> str:
    """Return the headings, the inner ones first to stay where there are too many."""
    names = [_clipped(name) for name in (title, *path) if name]
    while len(names) > 1 and size_pieces(" > ".join(names)) > MAX_PATH_PIECES:
        del names[1 if len(names) > 2 else 0]
    return " > ".join(names)


def _clipped(name: str) -> str:
    while size_pieces(name) > MAX_PATH_PIECES:
        name = f"{name[: len(name) // 2].rstrip()}\u2026"
    return name


def _room(path: tuple[str, ...], title: str) -> int:
    return max(_LEAST_BODY, MAX_PIECES - size_pieces(_path(path, title)) - 1)


def _headed(path: tuple[str, ...], title: str, body: str) -> str:
    front = _path(path, title)
    if not front:
        return body
    return f"{front}:\n{body}" if "\n" in body else f"{front}: {body}"


def _one_line(text: str) -> str:
    return " ".join(text.split())

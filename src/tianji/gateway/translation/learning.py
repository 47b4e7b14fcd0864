"""How it is found out what becomes of all bodies of one shape: by making it of two that are marked.

Texts and ids give way to marks, which are found again in what is made; numbers to ones whose sums show what was added
up. Marks of texts hold an escape, so that a text which is written otherwise than it came, as in JSON within a string,
is none of these. Both times the same must come out, nothing else may be added up when another number is the greatest (a
difference below zero is told as none), and filled with what a body says it must be what was made of that body. Whoever
makes it must treat all texts alike but for white space at their edges, and all counts in the order of their sizes. An
id may be left out.
"""

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from tianji._core.bodies.frames import Form, Frames, Sighting
from tianji._core.bodies.templates import Holed, Template
from tianji._core.streams.retold import Flow, Step, read_again
from tianji._core.streams.script import Script, lines_of
from tianji.errors import StreamFailed, TianjiError

_MARKS: Final = ((5, 1009), (12, 1013))  # bytes of randomness in a mark, what numbers are multiples of: unlike others
_COUNTS: Final = 12
"""So many numbers can be told apart in sums, since 2**53 is the most that some codecs take. Those before them may be
copied alone, or it cannot be told what becomes of them.
"""
_NUMBERED: Final = b'"sequence_number":'
_EVENTS: Final = 999  # the number of an event is that of those before it, of which only runs of texts are marked
_Terms = tuple[tuple[int, int], ...]
_Piece = bytes | int | _Terms | None


Remark = tuple[bytes, bytes, tuple[bool, bool, bool, bool, tuple[str, bool, bool] | None]]
"""What was told of a line, what it says of usage in OpenAI's form, b"" for nothing, and what makes a Step."""


class Made(Struct, frozen=True):
    """What was made of a body: the outputs, and whatever is to be remembered with them."""

    value: Any
    outputs: tuple[bytes, ...]


def learn(
    frames: Frames, form: Form, sighting: Sighting, outputs: tuple[bytes, ...], make: Callable[[bytes, int], Made],
    now: int = 0, name: bytes = b"",
) -> None:  # fmt: skip
    """Remember what `make` makes of bodies of this shape at a time in seconds; of this one it made `outputs` at `now`.

    name: what `make` and these outputs call what they tell of, where each is to have a name of its own; else b"".
    Where it cannot be told what becomes of the shape, this is remembered. `make` may raise TianjiError or StreamFailed.
    """
    cut = probed(sighting, make, name)
    if cut is not None and _tells_all(sighting, cut.pieces):
        templates = tuple(map(Template, cut.pieces))
        plain = frames.look(form, canonical(sighting), ())
        if plain is not None and tuple(plain.fill(template, now, name) for template in templates) == outputs:
            frames.keep(sighting, cut.value, templates)
            return
    frames.keep(sighting, None, ())


def learn_stream(flow: Flow, script: Script, told: list[Remark]) -> None:
    """Remember what is told of streams like this, of whose lines `told` was; where that cannot be told, this is.

    Nobody asks whether all texts are in it: events may be left out.
    """

    def make(text: bytes, _now: int) -> Made:
        return _made(read_again(flow, lines_of(text)))

    cut, seen = probed(script, make), _made(told)
    if cut is not None and cut.value == seen.value:
        templates = tuple(map(Template, cut.pieces))
        plain = script.like(canonical(script))
        if plain is not None and tuple(plain.fill(template, 0) for template in templates) == seen.outputs:
            outputs = [
                (line, usage if said else None)
                for line, usage, (_, said, _) in zip(templates[::2], templates[1::2], told, strict=True)
            ]
            script.keep(flow.frames, [Step(*state) for _, _, state in told], outputs)
            return
    script.keep(flow.frames, None, [])


def _made(told: list[Remark]) -> Made:
    return Made([state for _, _, state in told], tuple(output for line, usage, _ in told for output in (line, usage)))


class Cut(Struct, frozen=True):
    """What is made of a shape: a value, and the pieces of the outputs, as a Template has them."""

    value: Any
    pieces: tuple[tuple[_Piece, ...], ...]


def probed(text: Holed, make: Callable[[bytes, int], Made], name: bytes = b"") -> Cut | None:
    """Find out what `make` makes of all texts of a shape; None where that cannot be told. name: see `learn`."""
    numbers = dict([*text.numbers().items()][-_COUNTS:])
    first, last = (sorted(numbers, key=lambda hole: (numbers[hole], hole * way)) for way in (-1, 1))  # of equal ones
    try:
        one, other = (_probe(text, make, name, mark, order) for mark, order in zip(_MARKS, (first, last), strict=True))
        greatest = [
            _probe(text, make, name, _MARKS[0], [*(other for other in first if other != hole), hole])
            for hole in first[:-1]
        ]
    except (TianjiError, StreamFailed):
        return None
    told = one.pieces == other.pieces and all(_sums(probe) <= _sums(one) for probe in greatest)
    return one if told else None


def canonical(text: Holed) -> bytes:
    """Return a text whose holes hold what they did, as it is written here."""
    around, inside = text.parts()
    return _filled(around, map(_canonical, inside))


def _sums(probe: Cut) -> set[_Terms]:
    """Return what numbers are the sums of. Where a difference would be below zero, none is told."""
    return {piece for pieces in probe.pieces for piece in pieces if isinstance(piece, tuple)}


def _probe(
    text: Holed, make: Callable[[bytes, int], Made], name: bytes, mark: tuple[int, int], order: Sequence[int]
) -> Cut:
    """Make something of a marked body, whose numbers are the greater the later their holes come in `order`."""
    around, inside = text.parts()
    length, unit = mark
    token = os.urandom(length).hex().encode()
    copied = text.dates() | (text.numbers().keys() - set(order))
    dates = {int(token[:6], 16) * 10**5 + 10**13 + hole: hole for hole in copied}
    figures = {hole: b"%d" % (unit * 10**power) for power, hole in enumerate(order)}
    figures |= {hole: b"%d" % date for date, hole in dates.items()}
    names = text.names()
    marks = [
        figures.get(hole) or (b"0%bx%dx" if hole in names else b'0%bx%dx\\"') % (token, hole)
        for hole in range(len(inside))
    ]
    made = make(_filled(around, marks), unit * 10 ** len(order))
    holes = dict(enumerate((*order, len(inside))))
    return Cut(made.value, tuple(_cut(output, (token, unit, name), holes, dates) for output in made.outputs))


def _tells_all(sighting: Sighting, outputs: Iterable[tuple[_Piece, ...]]) -> bool:
    """Tell whether all texts of a body are in what was made of it; an id that no output depends on need not be."""
    told = {piece for pieces in outputs for piece in pieces if isinstance(piece, int)}
    needless = sighting.numbers().keys() | sighting.names() | sighting.dates()
    return all(hole in told or hole in needless for hole in range(len(sighting.parts()[1])))


def _filled(around: list[bytes], inside: Iterable[bytes]) -> bytes:
    first, *rest = around
    return first + b"".join(piece for pair in zip(inside, rest, strict=True) for piece in pair)


def _canonical(text: bytes) -> bytes:
    """Return a piece of a JSON string, or a number, as it is written here."""
    return msgspec.json.encode(msgspec.json.decode(b'"%b"' % text))[1:-1]


def _cut(
    output: bytes, probe: tuple[bytes, int, bytes], holes: Mapping[int, int], dates: Mapping[int, int]
) -> tuple[_Piece, ...]:
    """Cut an output where it has the name, marks or sums of numbers of a probe: told by token, unit and name.

    `holes` are told by their powers of ten, `dates` by the numbers that stand for them.
    """
    token, unit, name = probe
    named = b"|" + re.escape(name) if name else b""
    pieces: list[_Piece] = []
    at = 0
    for match in re.finditer(rb'0%bx(\d+)x(?:\\")?|(?:(?<=":)|(?<=": ))(\d+)(?=[,}])%b' % (token, named), output):
        if match[1] is not None:
            piece: _Piece = int(match[1])
        elif match[2] is None:
            piece = None
        elif (date := dates.get(int(match[2]))) is not None:
            piece = date
        else:
            most = _EVENTS if output.endswith(_NUMBERED, 0, match.start()) else 0
            if (piece := _terms(int(match[2]), unit, holes, most)) is None:
                continue
        pieces += (output[at : match.start()], piece)
        at = match.end()
    return (*pieces, output[at:])


def _terms(number: int, unit: int, holes: Mapping[int, int], most: int) -> _Terms | None:
    """Return what a number is the sum of: ((hole, times), ...), None if it is none of these.

    most: what may be added to it, in the place of a hole -1.
    """
    units, rest = divmod(number, unit)
    if rest > most or not units:
        return None
    terms: list[tuple[int, int]] = [(-1, rest)] if rest else []
    power = 0
    while units:
        times = (units + 4) % 10 - 4  # as a digit, from -4 to 5
        units = (units - times) // 10
        if times:
            if power not in holes:
                return None
            terms.append((holes[power], times))
        power += 1
    return tuple(sorted(terms))

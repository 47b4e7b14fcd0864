"""How a content is judged in pieces, where a vendor takes no more than so many characters in one call.

Texts that fit are shared out among calls as they are; one that is longer is cut into parts that overlap, and since
nobody can put two changed halves together again, a change of such a text counts as a refusal.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tianji.guardrails.content import Content, Text
from tianji.guardrails.verdict import Block, Rewrite, Unavailable

OVERLAP: Final = 200  # code points that two parts of a text have in common at least
TOO_LONG: Final = "a text that was to be changed is too long to be changed"


class Piece(Struct, frozen=True):
    """A part of a content. `places`: where each of its texts stands in the whole; cut: part of a text is among them."""

    content: Content
    places: tuple[int, ...]
    cut: bool = False

    def back(self, rewrite: Rewrite) -> Rewrite | Block:
        """Return a change with the places of the whole. Raises Unavailable for one of a text that there is not."""
        named = {*rewrite.texts, *(span.index for span in rewrite.spans)}
        if not all(0 <= index < len(self.places) for index in named):
            raise Unavailable("it changes a text that it was not shown")
        if not all(0 <= index < len(self.content.calls) for index in rewrite.calls):
            raise Unavailable("it changes a call that it was not shown")
        if self.cut and rewrite.texts:
            return Block(TOO_LONG, findings=rewrite.findings)
        return replace(
            rewrite,
            texts={self.places[index]: text for index, text in rewrite.texts.items()},
            spans=tuple(replace(span, index=self.places[span.index]) for span in rewrite.spans),
        )


def pieces(content: Content, longest: int | None) -> list[Piece]:
    """Return what is judged in one call each. `longest`: characters of a call; None: as many as there are."""
    texts = content.texts
    piece = Piece(content, tuple(range(len(texts))))
    if longest is None or sum(len(text.text) for text in texts) <= longest:
        return [piece]
    found: list[Piece] = []
    batch: list[int] = []
    size = 0
    for index, text in enumerate(texts):
        if len(text.text) > longest:
            found.extend(_part(piece, index, part) for part in _cut(text, longest))
            continue
        if batch and size + len(text.text) > longest:
            found.append(_batch(piece, batch))
            batch, size = [], 0
        batch.append(index)
        size += len(text.text)
    if batch:
        found.append(_batch(piece, batch))
    # what is no text is judged once, with the first piece
    return [found[0], *(_bare(one) for one in found[1:])]


def _batch(piece: Piece, batch: Iterable[int]) -> Piece:
    chosen = tuple(batch)
    content = replace(piece.content, texts=tuple(piece.content.texts[index] for index in chosen))
    return Piece(content, tuple(piece.places[index] for index in chosen))


def _part(piece: Piece, index: int, part: Text) -> Piece:
    return Piece(replace(piece.content, texts=(part,)), (piece.places[index],), cut=True)


def _bare(piece: Piece) -> Piece:
    return replace(piece, content=replace(piece.content, images=(), files=(), tools=(), calls=()))


def _cut(text: Text, longest: int) -> Iterator[Text]:
    return (replace(text, text=part) for part in parts(text.text, longest))


def parts(text: str, longest: int) -> list[str]:
    """Return parts of a text that overlap and are no longer than `longest`; none of an empty one."""
    step = max(1, longest - min(OVERLAP, longest // 2))
    last = max(1, len(text) - (longest - step))
    return [text[start : start + longest] for start in range(0, last, step)] if text else []

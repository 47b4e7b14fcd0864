"""`<think>...</think>` at the beginning of an answer: how models write their reasoning where no server takes it out."""

from tianji.protocol.chat.answer import Delta

_OPEN, _CLOSE = "<think>", "</think>"


class ThinkTags:
    """Sorts the text of one answer, piece by piece; a mark may be cut anywhere."""

    def __init__(self) -> None:
        self._held: str | None = ""  # what may be the beginning of a mark; None: there is no mark to come any more
        self._inside = False

    def sort(self, piece: str) -> Delta:
        """Return what a piece says, as far as it is known which kind it is."""
        if self._held is None:
            return _delta(content=piece)
        text = self._held + piece
        if not self._inside:
            bare = text.lstrip()
            if bare.startswith(_OPEN):
                self._inside, text = True, bare[len(_OPEN) :]
            elif _OPEN.startswith(bare):
                self._held = text
                return Delta()
            else:
                self._held = None
                return _delta(content=text)
        before, mark, after = text.partition(_CLOSE)
        if mark:
            self._held = None
            return _delta(content=after.lstrip("\n"), reasoning=before)
        kept = next((n for n in range(len(_CLOSE) - 1, 0, -1) if text.endswith(_CLOSE[:n])), 0)
        self._held = text[len(text) - kept :]
        return _delta(reasoning=text[: len(text) - kept])

    def rest(self) -> Delta:
        """Return what was held back for a mark that never came."""
        held, self._held = self._held, None
        return _delta(reasoning=held or "") if self._inside else _delta(content=held or "")


def _delta(content: str = "", reasoning: str = "") -> Delta:
    delta = Delta()
    if content:
        delta.content = content
    if reasoning:
        delta.reasoning_content = reasoning
    return delta

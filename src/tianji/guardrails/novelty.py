"""What a guardrail has let pass in a conversation and need not look at again (`only_scan_new_messages`)."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tianji.guardrails.content import Content, Text
from tianji.guardrails.slots.scope import View
from tianji.guardrails.vendor import Occasion

CONVERSATIONS: Final = 10_000  # that a worker remembers; the oldest are forgotten
TEXTS: Final = 2_000  # of one conversation; of a longer one all is looked at again
STAYS: Final = 86_400.0  # seconds; LiteLLM's GUARDRAIL_SCANNED_MESSAGES_CACHE_TTL_SECONDS


class _Known(Struct):
    """The digests of texts, until when they hold."""

    until: float
    texts: set[bytes]


class Novelty:
    """Remembers it for one worker, so another one looks at a text once more. `now` is monotonic.

    A conversation is its caller's own, and a text counts with its role: what an assistant was let say is not what a
    user may.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._known: OrderedDict[tuple[str, str, str], _Known] = OrderedDict()

    def fresh(self, view: View, guardrail: str, occasion: Occasion) -> View:
        """Return what of a view is new, which is all outside of a conversation. `guardrail`: its id."""
        known = self._of(guardrail, occasion)
        if known is None or not known.texts:
            return view
        content = view.content
        kept = tuple(at for at, text in enumerate(content.texts) if _digest(text) not in known.texts)
        places = view.positions if view.positions is not None else tuple(range(len(content.texts)))
        return View(_only(content, kept), tuple(places[at] for at in kept))

    def passed(self, content: Content, guardrail: str, occasion: Occasion) -> None:
        """Take that all texts of a content were let pass as they are."""
        if not occasion.session_id:
            return
        known = self._of(guardrail, occasion)
        if known is None:
            known = self._known[_name(guardrail, occasion)] = _Known(0.0, set())
            if len(self._known) > CONVERSATIONS:
                self._known.popitem(last=False)
        known.texts.update(map(_digest, content.texts))
        if len(known.texts) > TEXTS:
            known.texts.clear()
        known.until = self._now() + STAYS

    def _of(self, guardrail: str, occasion: Occasion) -> _Known | None:
        name = _name(guardrail, occasion)
        known = self._known.get(name)
        if known is None or not occasion.session_id:
            return None
        if known.until < self._now():
            del self._known[name]
            return None
        self._known.move_to_end(name)
        return known


def _only(content: Content, kept: Iterable[int]) -> Content:
    return replace(content, texts=tuple(content.texts[at] for at in kept))


def _name(guardrail: str, occasion: Occasion) -> tuple[str, str, str]:
    return guardrail, occasion.key_hash, occasion.session_id


def _digest(text: Text) -> bytes:
    said = f"{text.role}\0{text.kind}\0{text.text}".encode("utf-8", "surrogatepass")
    return blake2b(said, digest_size=16).digest()

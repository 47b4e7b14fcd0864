"""Types of guardrails for tests: one that asks, one that looks, and what the tests build of them."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from tianji.guardrails.content import Content, Direction, Text
from tianji.guardrails.guardrail import Guardrail, Modes
from tianji.guardrails.vendor import AROUND, Asking, Hook, Occasion, Params, Type, asking, post
from tianji.guardrails.verdict import Allow, Verdict


class WordParams(Params, frozen=True, kw_only=True):
    """Of both types."""

    environment: ClassVar[Mapping[str, tuple[str, ...]]] = {"api_base": ("WORDS_BASE",), "api_key": ("WORDS_KEY",)}
    aliases: ClassVar[Mapping[str, str]] = {"bad_words": "words"}

    api_base: str
    api_key: str = ""
    words: list[str] = []  # noqa: RUF012 - msgspec copies it
    level: int = 1


def _ask(params: WordParams, content: Content, _occasion: Occasion) -> Asking:
    (reply,) = yield [post(params.api_base, {"texts": [text.text for text in content.texts]})]
    reply.document()
    return Allow()


WORDS = Type(names=("words", "wordy"), params=WordParams, check=asking(_ask), hooks=AROUND, masks=AROUND)


def looking(look: Callable[[Content, Occasion], Verdict], **about: Any) -> Guardrail:
    """Return a guardrail that judges so."""
    kind = Type(names=("looking",), params=Params, look=lambda _params, _around: look, **about.pop("type", {}))
    usual = {"id": "id", "name": "looking", "kind": "looking", "modes": Modes(frozenset({Hook.PRE_CALL}))}
    return Guardrail(type=kind, look=look, **{**usual, **about})


def request(*texts: str) -> Content:
    """Return what a user said, a message each."""
    return Content(Direction.REQUEST, tuple(Text(text, message=at) for at, text in enumerate(texts)))

"""Rules: what a request must be like for a model group to take it.

Patterns are RE2's, whose time grows with the text and with nothing else: whoever writes a message cannot make one run
away, as every engine that backtracks can be made to.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from functools import partial
from typing import Final

from msgspec import Struct

from tianji.config.patterns import Pattern
from tianji.config.schema.auto_router import AutoRule
from tianji.routing.auto.code import code_share
from tianji.routing.auto.content import Content
from tianji.routing.auto.decision import AutoRouter, Decision
from tianji.routing.auto.language import language

Condition = Callable[[Content], bool]
BYTES_A_TOKEN: Final = 4  # of UTF-8, about: near enough for English and for Chinese


class Rule(Struct, frozen=True):
    """Where every condition holds, `group` takes the request."""

    name: str
    group: str
    conditions: tuple[Condition, ...]


class RuleRouter:
    """Decides by the first rule that fits, and leaves the rest to another router."""

    def __init__(self, rules: Iterable[Rule], otherwise: AutoRouter) -> None:
        self._rules = tuple(rules)
        self._otherwise = otherwise

    def decide(self, content: Content) -> Decision | Awaitable[Decision]:
        """Return what the first rule says whose conditions all hold."""
        for rule in self._rules:
            if all(holds(content) for holds in rule.conditions):
                return Decision(rule.group, f"rule: {rule.name}")
        return self._otherwise.decide(content)


def conditions(rule: AutoRule, pattern: Pattern | None) -> Iterator[Condition]:
    """Yield the conditions of a rule, the cheap ones first. `pattern` is its regex, compiled."""
    if rule.has_tools is not None:
        yield partial(_has_tools, rule.has_tools)
    if rule.min_characters is not None or rule.max_characters is not None:
        yield partial(_between, _characters, rule.min_characters, rule.max_characters)
    if rule.min_tokens is not None or rule.max_tokens is not None:
        yield partial(_between, estimated_tokens, rule.min_tokens, rule.max_tokens)
    if pattern is not None:
        yield partial(_matches, pattern)
    if rule.languages:
        yield partial(_is_in, frozenset(rule.languages))
    if rule.has_images is not None:
        yield partial(_has_images, rule.has_images)
    if rule.min_code_share is not None or rule.max_code_share is not None:
        yield partial(_between, _code, rule.min_code_share, rule.max_code_share)


def estimated_tokens(content: Content) -> int:
    """Estimate the tokens of the user's last message."""
    text = content.text
    if text.isascii():
        return content.characters // BYTES_A_TOKEN
    return len(text.encode()) * content.characters // len(text) // BYTES_A_TOKEN


def _characters(content: Content) -> int:
    return content.characters


def _code(content: Content) -> float:
    return code_share(content.excerpt)


def _between(measure: Callable[[Content], float], least: float | None, most: float | None, content: Content) -> bool:
    value = measure(content)
    return (least is None or value >= least) and (most is None or value <= most)


def _matches(pattern: Pattern, content: Content) -> bool:
    return pattern.search(content.excerpt) is not None


def _is_in(languages: frozenset[str], content: Content) -> bool:
    return language(content.text) in languages


def _has_tools(wanted: bool, content: Content) -> bool:
    return content.has_tools is wanted


def _has_images(wanted: bool, content: Content) -> bool:
    return content.has_images is wanted

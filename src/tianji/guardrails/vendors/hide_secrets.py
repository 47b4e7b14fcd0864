"""hide-secrets: keys, tokens and passwords become `[REDACTED]`.

`detect_secrets_config` chooses among the detectors by the names that the plugins of detect-secrets have; each of them
is an expression of our own (filtering/secrets.yaml). A plugin in a file of its own is refused: the place for code is
`guardrail: module.Class`.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial
from importlib import resources
from typing import Final, Literal

import msgspec
from msgspec import Struct

from tianji.errors import ConfigurationError
from tianji.guardrails.content import Content
from tianji.guardrails.matching.entropy import entropy
from tianji.guardrails.matching.expressions import Expression, Expressions
from tianji.guardrails.vendor import Hook, Occasion, Params, Surroundings, Type
from tianji.guardrails.verdict import Allow, Findings, Span, Verdict, masking

REDACTED: Final = "[REDACTED]"
_PERMISSION: Final = "hide_secrets"  # of a key, false switches it off
_LIMITS: Final = {"Base64HighEntropyString": 4.5, "HexHighEntropyString": 3.0}


class Plugin(Struct, frozen=True):
    """A detector, and from how many bits a character on what it finds counts, where it measures them."""

    name: str
    limit: float | None = None
    path: str = ""


class Plugins(Struct, frozen=True):
    """The detectors that are used; all where there are none."""

    plugins_used: tuple[Plugin, ...] = ()


class SecretsParams(Params, frozen=True, kw_only=True):
    """The keys of an entry."""

    detect_secrets_config: Plugins = Plugins()


class Detector(Struct, frozen=True):
    """A row of secrets.yaml."""

    text: str
    value: str = ""
    check: Literal["", "digit", "base64", "hex"] = ""


class _Hiding:
    """What judges contents."""

    def __init__(self, params: SecretsParams, _: Surroundings) -> None:
        plugins = params.detect_secrets_config.plugins_used or tuple(Plugin(name) for name in detectors())
        expressions = [expression for plugin in plugins for expression in _expressions(plugin)]
        self._names = [expression.name for expression in expressions]
        self._expressions = Expressions(expressions)
        self.reach = self._expressions.reach

    def __call__(self, content: Content, occasion: Occasion) -> Verdict:
        """Hide what is found, unless the key's permissions say that nothing is."""
        if occasion.permissions.get(_PERMISSION) is False:
            return Allow()
        spans: list[Span] = []
        counts: dict[str, int] = {}
        for index, found in enumerate(self._expressions.find_all([text.text for text in content.texts])):
            for start, end, which in found:
                spans.append(Span(index, start, end, REDACTED))
                counts[self._names[which]] = counts.get(self._names[which], 0) + 1
        return masking(content.texts, spans, Findings(categories=tuple(counts), entities=counts))


TYPE: Final = Type(
    names=("hide-secrets", "hide_secrets"),
    params=SecretsParams,
    look=_Hiding,
    hooks=frozenset({Hook.PRE_CALL, Hook.POST_CALL, Hook.LOGGING_ONLY, Hook.PRE_MCP_CALL, Hook.POST_MCP_CALL}),
    legacy=frozenset({Hook.PRE_CALL}),
    masks=frozenset({Hook.PRE_CALL, Hook.POST_CALL, Hook.LOGGING_ONLY, Hook.PRE_MCP_CALL, Hook.POST_MCP_CALL}),
)


@lru_cache(maxsize=1)
def detectors() -> Mapping[str, tuple[Detector, ...]]:
    """Return all detectors by name."""
    data = (resources.files("tianji.guardrails.filtering") / "secrets.yaml").read_bytes()
    return msgspec.yaml.decode(data, type=dict[str, tuple[Detector, ...]])


def _expressions(plugin: Plugin) -> Iterator[Expression]:
    if plugin.path:
        raise ConfigurationError(
            f"detect_secrets_config: {plugin.name} is a file of its own; use `guardrail: module.Class` for code"
        )
    if plugin.name not in detectors():
        raise ConfigurationError(
            f"detect_secrets_config: {plugin.name!r} is no detector; there are {', '.join(sorted(detectors()))}"
        )
    limit = plugin.limit if plugin.limit is not None else _LIMITS.get(plugin.name, 0.0)
    for row in detectors()[plugin.name]:
        valid: Callable[[str], bool] | None = None
        if row.check == "digit":
            valid = _has_digit
        elif row.check:
            valid = partial(_random, limit)
        yield Expression(plugin.name, row.text, value=row.value, valid=valid)


def _has_digit(text: str) -> bool:
    return any("0" <= sign <= "9" for sign in text)


def _random(limit: float, text: str) -> bool:
    return entropy(text) > limit

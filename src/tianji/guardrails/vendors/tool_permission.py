"""tool_permission: which tools a request may offer to a model, and which calls of theirs an answer may hold.

Rules are tried in their order, and the first that fits decides; what none fits, `default_action` does. A call is held
against `allowed_param_patterns`, too: arguments that cannot be read, or lack a path, deny it, and values that do not
match leave it to the next rule.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec
from msgspec import Struct

from tianji.config.patterns import Pattern
from tianji.errors import ConfigurationError
from tianji.guardrails.content import FUNCTION, Content, Kind, ToolCall
from tianji.guardrails.matching.expressions import expression_of
from tianji.guardrails.vendor import PRE_AND_POST, Occasion, Params, Sight, Surroundings, Type
from tianji.guardrails.verdict import Allow, Answer, Block, Findings, Rewrite, Verdict

_REASON: Final = "Violated guardrail policy"


class _AnyCase(StrEnum):
    """Values that may be written in any case."""

    @classmethod
    def _missing_(cls, value: object) -> "_AnyCase | None":
        return next((member for member in cls if isinstance(value, str) and member == value.lower()), None)


class Decision(_AnyCase):
    """What a rule says."""

    ALLOW = "allow"
    DENY = "deny"


class OnDisallowed(_AnyCase):
    """What happens to a tool that is denied: nothing passes, or the rest does."""

    BLOCK = "block"
    REWRITE = "rewrite"


class Rule(Struct, frozen=True):
    """One rule: expressions that a name and a type have to match as a whole; one of both is there."""

    id: str = ""
    tool_name: str | None = None
    tool_type: str | None = None
    decision: Decision = Decision.DENY
    allowed_param_patterns: Mapping[str, str] = {}


class PermissionParams(Params, frozen=True, kw_only=True):
    """The keys of an entry; `allowed_tools` is the older form: by role, of which `*` counts."""

    rules: tuple[Rule, ...] = ()
    default_action: Decision = Decision.DENY
    on_disallowed_action: OnDisallowed = OnDisallowed.BLOCK
    violation_message_template: str | None = None
    allowed_tools: Mapping[str, tuple[str, ...]] = {}


class _Compiled(Struct, frozen=True):
    """A rule whose expressions are ready."""

    id: str
    name: Pattern | None
    type: Pattern | None
    allows: bool
    values: tuple[tuple[tuple[str, ...], Pattern], ...]

    def fits(self, name: str, kinds: tuple[str, ...]) -> bool:
        if self.name is not None and self.name.search(name) is None:
            return False
        return self.type is None or any(self.type.search(kind) is not None for kind in kinds)


class _Refusal(Struct, frozen=True):
    """A tool that is denied, and why."""

    tool: str
    rule: str
    message: str


class _Permitting:
    """What judges contents."""

    def __init__(self, params: PermissionParams, _: Surroundings) -> None:
        allowed = params.allowed_tools.get("*", ())
        self._rules = [_compiled(rule, number) for number, rule in enumerate(params.rules, 1)]
        self._named = frozenset(allowed)
        self._default = params.default_action is Decision.ALLOW
        self._rewrites = params.on_disallowed_action is OnDisallowed.REWRITE
        self._template = params.violation_message_template

    def __call__(self, content: Content, _: Occasion) -> Verdict:
        """Judge the tools that a request declares, and all calls."""
        tools = [self._declared(tool) for tool in content.tools]
        calls = [self._called(call) for call in content.calls]
        refused = [refusal for refusal in (*tools, *calls) if refusal is not None]
        if not refused:
            return Allow()
        told = Findings(categories=("tool_permission",), entities={"tool": len(refused)})
        if not self._rewrites:
            first = refused[0]
            detail = {"detection_message": first.message, "tool_name": first.tool, "rule_id": first.rule}
            return Block(_REASON, detail, told)
        return self._without(content, tools, calls, told)

    def _without(
        self, content: Content, tools: list[_Refusal | None], calls: list[_Refusal | None], told: Findings
    ) -> Verdict:
        """Take out what is denied. An answer says so, at its end or, where nothing else is left of it, alone."""
        kept = tuple(tool for tool, refusal in zip(content.tools, tools, strict=True) if refusal is None)
        texts: dict[int, str] = {}
        if content.answers:
            denied = "\n".join(f"Permission denied: {refusal.message}" for refusal in calls if refusal is not None)
            said = [at for at, text in enumerate(content.texts) if text.kind is Kind.SAID]
            if not said and None not in calls:
                return Answer(denied, told)
            if said and denied:
                texts[said[-1]] = f"{content.texts[said[-1]].text}\n{denied}".lstrip("\n")
        return Rewrite(
            texts,
            tools=kept if len(kept) < len(content.tools) else None,
            calls={index: None for index, refusal in enumerate(calls) if refusal is not None},
            findings=told,
        )

    def _declared(self, tool: Mapping[str, Any]) -> _Refusal | None:
        function = tool.get("function")
        kind = tool.get("type")
        held = tool.get("custom") if isinstance(tool.get("custom"), Mapping) else function
        name = held.get("name") if isinstance(held, Mapping) else tool.get("name", kind)  # one of the vendor's has none
        kinds = (kind,) if isinstance(kind, str) else FUNCTION
        return self._judged(name if isinstance(name, str) else "", kinds, None)

    def _called(self, call: ToolCall) -> _Refusal | None:
        return self._judged(call.name, call.kinds, call.arguments)

    def _judged(self, name: str, kinds: tuple[str, ...], arguments: str | None) -> _Refusal | None:
        if name in self._named:
            return None
        for rule in self._rules:
            if not rule.fits(name, kinds):
                continue
            if not rule.allows:
                return self._refused(name, rule.id, f"Tool '{name}' denied by rule '{rule.id}'")
            if arguments is None or not rule.values:
                return None
            matching = _matching(rule, arguments)
            if matching is None:
                return self._refused(name, rule.id, f"Tool '{name}' denied by rule '{rule.id}'")
            if matching:
                return None
        return None if self._default else self._refused(name, "", f"Tool '{name}' denied by default action")

    def _refused(self, tool: str, rule: str, message: str) -> _Refusal:
        if self._template is None:
            return _Refusal(tool, rule, message)
        filled = self._template.replace("{default_message}", message).replace("{rule_id}", rule)
        return _Refusal(tool, rule, filled.replace("{tool_name}", tool))


TYPE: Final = Type(
    names=("tool_permission",),
    params=PermissionParams,
    look=_Permitting,
    hooks=PRE_AND_POST,
    masks=PRE_AND_POST,
    sees=Sight.ALL,
)


def _compiled(rule: Rule, number: int) -> _Compiled:
    name = rule.id or str(number)
    if rule.tool_name is None and rule.tool_type is None:
        raise ConfigurationError(f"rule {name} names no tool: give it a tool_name or a tool_type")
    return _Compiled(
        name,
        _whole(f"rule {name}", rule.tool_name) if rule.tool_name is not None else None,
        _whole(f"rule {name}", rule.tool_type) if rule.tool_type is not None else None,
        rule.decision is Decision.ALLOW,
        tuple(
            (_steps(path), _whole(f"rule {name}, {path}", text)) for path, text in rule.allowed_param_patterns.items()
        ),
    )


def _whole(place: str, text: str) -> Pattern:
    return expression_of(place, rf"\A(?s:(?:{text}))\z")


def _steps(path: str) -> tuple[str, ...]:
    """Divide `a.b[].c` into its members; `[]` is every item of a list."""
    return tuple(step for step in path.replace("[]", ".[]").split(".") if step)


def _matching(rule: _Compiled, arguments: str) -> bool | None:
    """Return whether all values match; None where the arguments cannot be read or lack one."""
    try:
        document = msgspec.json.decode(arguments)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return None
    matching = True
    for steps, pattern in rule.values:
        values = list(_values(document, steps))
        if not values:
            return None
        matching = matching and all(pattern.search(_written(value)) is not None for value in values)
    return matching


def _values(value: Any, steps: tuple[str, ...]) -> Iterator[Any]:
    if not steps:
        yield value
    elif steps[0] == "[]":
        for item in value if isinstance(value, list) else ():
            yield from _values(item, steps[1:])
    elif isinstance(value, dict) and steps[0] in value:
        yield from _values(value[steps[0]], steps[1:])


def _written(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()

"""Jinja for templates of strangers: without a way out, and bounded. Loads jinja2, of the extra `prompts`."""

from collections.abc import Mapping
from typing import Any, Final

import jinja2
from jinja2 import nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tianji.errors import ConfigurationError, InvalidRequest

NESTED: Final = 2  # loops, one in another
TURNS: Final = 1000  # of `range`
FACTOR: Final = 1 << 16  # the largest number that anything is multiplied by
_REFUSED: Final = (
    nodes.Macro, nodes.CallBlock, nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends, nodes.Block,
    nodes.Assign, nodes.AssignBlock, nodes.With, nodes.FilterBlock,  # forty of them could double a text forty times
)  # fmt: skip
_FILTERS: Final = frozenset({
    "abs", "capitalize", "count", "d", "default", "dictsort", "e", "escape", "first", "float", "int", "items", "join",
    "last", "length", "list", "lower", "map", "max", "min", "reject", "rejectattr", "reverse", "round", "safe",
    "select", "selectattr", "sort", "string", "sum", "title", "tojson", "trim", "truncate", "unique", "upper",
    "wordcount",
})  # fmt: skip
_METHODS: Final = frozenset({
    "items", "keys", "values", "get", "upper", "lower", "title", "capitalize", "strip", "lstrip", "rstrip",
    "startswith", "endswith", "split",
})  # fmt: skip
_VALUE: Final = "\0"
"""Stands where a line begins within what a variable brings, so that it is told from a line of the template."""


class _Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"*", "**", "%"})  # of texts they make long ones

    def is_safe_callable(self, obj: Any) -> bool:
        return obj is _few or (getattr(obj, "__name__", "") in _METHODS and super().is_safe_callable(obj))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if not all(isinstance(side, int | float) and abs(side) <= FACTOR for side in (left, right)) or operator == "**":
            raise SecurityError(f"{operator} is for numbers up to {FACTOR} alone")
        return super().call_binop(context, operator, left, right)


def _few(*args: int) -> range:
    found = range(*args)
    if len(found) > TURNS:
        raise SecurityError(f"range() of more than {TURNS}")
    return found


def _said(value: Any) -> Any:
    """Return what a variable brings with a mark where its lines begin."""
    if isinstance(value, jinja2.Undefined):
        return value
    return _VALUE + str(value).replace(_VALUE, "").replace("\n", f"\n{_VALUE}")


_ENVIRONMENT: Final = _Environment(finalize=_said, keep_trailing_newline=True)
_ENVIRONMENT.globals = {"range": _few}
_ENVIRONMENT.filters = {name: _ENVIRONMENT.filters[name] for name in _FILTERS}


def plain(text: str) -> str:
    """Return text without the marks."""
    return text.replace(_VALUE, "")


def compiled(text: str) -> jinja2.Template:
    """Return a template. Raises ConfigurationError for what none is, or does what none may."""
    try:
        tree = _ENVIRONMENT.parse(text)
        if any(isinstance(node, _REFUSED) for node in tree.find_all(nodes.Node)):
            raise ConfigurationError("prompts have no macros, blocks, assignments or other files")
        if _depth(tree) > NESTED or any(loop.recursive for loop in tree.find_all(nodes.For)):
            raise ConfigurationError(f"the template has more than {NESTED} loops one in another, or one in itself")
        return _ENVIRONMENT.from_string(tree)
    except (jinja2.TemplateError, RecursionError) as error:
        raise ConfigurationError(f"the template cannot be read: {error}") from error


def _depth(node: nodes.Node) -> int:
    inner = max(map(_depth, node.iter_child_nodes()), default=0)
    return inner + isinstance(node, nodes.For)


def rendered(template: jinja2.Template, variables: Mapping[str, Any], longest: int) -> str:
    """Return the text of a template. Raises InvalidRequest for one that fails or has over `longest` characters."""
    pieces: list[str] = []
    size = 0
    try:
        for piece in template.generate(**variables):
            size += len(piece)
            if size > longest:
                raise InvalidRequest(f"the prompt has more than {longest} characters", param="prompt_variables")
            pieces.append(piece)
    except InvalidRequest:
        raise
    except Exception as error:  # a template may raise whatever its filters do
        raise InvalidRequest(
            f"the prompt cannot be made with these variables: {type(error).__name__}: {error}", param="prompt_variables"
        ) from error
    return "".join(pieces)

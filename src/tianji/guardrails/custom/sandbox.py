"""`custom_code`: a function `apply_guardrail(inputs, request_data, input_type)` in the configuration, and its helpers.

It imports nothing and reaches for no inner names, which is checked before it runs. What keeps it from harm is that it
runs in a process of its own, though: the checks only say early what would not work.
"""

import ast
import builtins
import json
import math
import random
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from inspect import isawaitable
from typing import Any, Final
from urllib.parse import urlsplit

from tianji.errors import ConfigurationError
from tianji.guardrails.custom.channel import CALL, Document

NAME: Final = "apply_guardrail"
_INNER: Final = frozenset({"eval", "exec", "compile", "open", "input", "globals", "locals", "vars", "breakpoint"})
_BUILTINS: Final = (
    "abs", "all", "any", "bool", "chr", "dict", "enumerate", "filter", "float", "frozenset", "int", "isinstance", "len",
    "list", "map", "max", "min", "ord", "print", "range", "repr", "reversed", "round", "set", "sorted", "str", "sum",
    "tuple", "zip", "Exception", "IndexError", "KeyError", "TypeError", "ValueError",
)  # fmt: skip
_URL: Final = re.compile(r"https?://[^\s<>\"'`\])}]+", re.IGNORECASE)
_TYPES: Final[Mapping[str, type | tuple[type, ...]]] = {
    "object": dict,
    "array": list,
    "string": str,
    "number": (int, float),
    "integer": int,
    "boolean": bool,
    "null": type(None),
}
_SIGNS: Final[Mapping[str, str]] = {
    "python": r"^\s*(?:def \w+\(|import \w+|from \w+ import|print\()",
    "javascript": r"\b(?:function\s*\w*\(|const \w+ =|let \w+ =|console\.log\()|=>",
    "java": r"\b(?:public (?:class|static)|System\.out\.print)",
    "sql": r"\b(?:SELECT\b.+\bFROM|INSERT INTO|UPDATE \w+ SET|DELETE FROM|DROP TABLE)\b",
    "bash": r"^\s*(?:#!/bin/|sudo |\$ \w|curl |rm -)",
    "c": r"#include\s*[<\"]|\bint main\(",
    "html": r"<(?:html|div|script|body)\b",
    "go": r"\bfunc \w+\(|\bpackage main\b",
    "rust": r"\bfn \w+\(|\blet mut \b",
}


def check(source: str) -> None:
    """Raise ConfigurationError, with the line, for code that is none, lacks the function, or uses what there is not."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        raise ConfigurationError(f"custom_code is no Python{f', line {line}' if line else ''}: {error}") from None
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    if not any(function.name == NAME for function in functions):
        raise ConfigurationError(f"custom_code defines no function {NAME}(inputs, request_data, input_type)")
    for node in ast.walk(tree):
        fault = _fault(node)
        if fault:
            raise ConfigurationError(f"custom_code, line {getattr(node, 'lineno', 0)}: {fault}")


def compiled(source: str, send: Callable[[Document], Document] | None = None) -> Callable[..., Any]:
    """Run the code, which defines the function, and return that. `send`: has a call made."""
    kept = {name: getattr(builtins, name) for name in _BUILTINS}
    names: dict[str, Any] = {"__builtins__": kept, **PRIMITIVES, **({} if send is None else calls(send))}
    exec(compile(source, "custom_code", "exec"), names)  # noqa: S102 - what this process is for
    function: Callable[..., Any] = names[NAME]
    return function


def judge(function: Callable[..., Any]) -> Callable[[Document], Awaitable[Document]]:
    """Return what asks the function; whatever it returns that is no verdict lets pass."""

    async def judged(asked: Document) -> Document:
        said = function(asked["inputs"], asked["request_data"], asked["input_type"])
        if isawaitable(said):
            said = await said
        return said if isinstance(said, dict) and said.get("action") in _ACTIONS else allow()

    return judged


def calls(send: Callable[[Document], Document]) -> dict[str, Any]:
    """Return the helpers that make calls; each gives status_code, body, headers, success and error."""

    async def http_request(url: str, method: str = "GET", **about: Any) -> Document:
        return send({"action": CALL, "url": url, "method": method, **about})

    async def http_get(url: str, **about: Any) -> Document:
        return await http_request(url, "GET", **about)

    async def http_post(url: str, body: object = None, **about: Any) -> Document:
        return await http_request(url, "POST", body=body, **about)

    return {"http_request": http_request, "http_get": http_get, "http_post": http_post}


def allow() -> Document:
    """Let it pass."""
    return {"action": "allow"}


def block(reason: str, detection_info: object = None) -> Document:
    """Refuse it."""
    return {"action": "block", "reason": str(reason), "detail": detection_info}


def flag(reason: str, metadata: object = None) -> Document:
    """Let it pass, with a note."""
    return {"action": "flag", "reason": str(reason), "detail": metadata}


def modify(
    texts: Sequence[str] | None = None, images: object = None, tool_calls: Sequence[Document] | None = None
) -> Document:
    """Let it pass with other texts or calls, as many as there were; images stay as they are."""
    del images
    return {"action": "modify", "texts": texts, "tool_calls": tool_calls}


_ACTIONS: Final = frozenset({"allow", "block", "flag", "modify"})


def _fault(node: ast.AST) -> str:
    if isinstance(node, ast.Import | ast.ImportFrom):
        return "nothing can be imported here; `guardrail: module.Class` can"
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    if name.startswith("__"):
        return f"{name} is not to be had here"
    if name in _INNER:
        return f"{name}() is not to be had here"
    return ""


def _text_matches(text: str, pattern: str) -> bool:
    return re.search(pattern, text) is not None


def _schema_holds(value: Any, schema: Mapping[str, Any]) -> bool:
    """Whether a value has the shape of a JSON schema: type, enum, required, properties, items."""
    kind = schema.get("type")
    if isinstance(kind, str) and not (
        isinstance(value, _TYPES.get(kind, object)) and not (isinstance(value, bool) and kind in ("integer", "number"))
    ):
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if isinstance(value, dict):
        inner = schema.get("properties", {})
        whole = all(name in value for name in schema.get("required", ()))
        return whole and all(_schema_holds(value[name], inner[name]) for name in inner if name in value)
    if isinstance(value, list) and "items" in schema:
        return all(_schema_holds(item, schema["items"]) for item in value)
    return True


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _urls(text: str) -> list[str]:
    return [url.rstrip(".,;:!?") for url in _URL.findall(text)]


def _languages(text: str) -> list[str]:
    return [name for name, signs in _SIGNS.items() if re.search(signs, text, re.MULTILINE)]


PRIMITIVES: Final[Mapping[str, Any]] = {
    "allow": allow,
    "block": block,
    "flag": flag,
    "modify": modify,
    "math": math,
    "random": random,
    "regex_match": _text_matches,
    "regex_match_all": lambda text, pattern: [match.group() for match in re.finditer(pattern, text)],
    "regex_find_all": lambda text, pattern: re.findall(pattern, text),
    "regex_replace": lambda text, pattern, replacement: re.sub(pattern, replacement, text),
    "json_parse": _json,
    "json_stringify": json.dumps,
    "json_schema_valid": _schema_holds,
    "extract_urls": _urls,
    "is_valid_url": _is_url,
    "all_urls_valid": lambda text: all(_is_url(url) for url in _urls(text)),
    "get_url_domain": lambda url: urlsplit(url).hostname if _is_url(url) else None,
    "detect_code": lambda text: bool(_languages(text)),
    "detect_code_languages": _languages,
    "contains_code_language": lambda text, languages: any(name in languages for name in _languages(text)),
    "contains": lambda text, part: part in text,
    "contains_any": lambda text, parts: any(part in text for part in parts),
    "contains_all": lambda text, parts: all(part in text for part in parts),
    "word_count": lambda text: len(text.split()),
    "char_count": len,
    "lower": str.lower,
    "upper": str.upper,
    "trim": str.strip,
}

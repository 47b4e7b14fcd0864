"""Structured output: Anthropic's own where a model has it, else a tool whose arguments are the answer.

https://docs.anthropic.com/en/docs/build-with-claude/structured-outputs
"""

from collections.abc import Mapping
from typing import Any, Final

from tianji.protocol.chat.seam import Target
from tianji.protocol.chat.support import refuse

JSON_TOOL: Final = "json_tool_call"
# What a schema may say elsewhere and Anthropic's compiler refuses; the model is told in words.
_IN_WORDS: Final = frozenset(
    {
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "pattern",
        "minItems",
        "maxItems",
        "uniqueItems",
        "minProperties",
        "maxProperties",
        "minContains",
        "maxContains",
    }
)


def schema_of(response_format: Mapping[str, Any] | None, target: Target) -> dict[str, Any] | None:
    """Return the schema that an answer must have: an empty one for any object, None for free text."""
    if response_format is None or response_format.get("type") == "text":
        return None
    kind = response_format.get("type")
    if kind == "json_object":
        return {}
    inner = response_format.get("json_schema")
    schema = inner.get("schema") if isinstance(inner, Mapping) else None
    if kind == "json_schema" and isinstance(schema, dict):
        return schema
    refuse(target, "response_format", "it knows text, json_object and json_schema with a schema")
    return None


def is_native(schema: Mapping[str, Any], target: Target) -> bool:
    """Whether the model holds itself to this schema; a schema that says nothing is none."""
    return bool(schema) and target.facts.get("supports_native_structured_output") is True


def json_tool(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the tool through which a model without structured output answers."""
    return {
        "name": JSON_TOOL,
        "description": "Gives the answer, as an object of this form. Call it once, at the end.",
        "input_schema": schema or {"type": "object", "properties": {}, "additionalProperties": True},
    }


def strict_schema(schema: Any) -> Any:
    """Return a schema as Anthropic's structured output takes it: closed objects, limits in the description."""
    if isinstance(schema, list):
        return [strict_schema(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _inner(name, value) for name, value in schema.items() if name not in _IN_WORDS}
    if "oneOf" in found:
        found["anyOf"] = found.pop("oneOf")
    if found.get("type") == "object" or "properties" in found:
        found["additionalProperties"] = False
    said = [f"{name}: {value}" for name, value in schema.items() if name in _IN_WORDS]
    if said:
        found["description"] = " ".join(filter(None, (found.get("description"), f"({', '.join(said)})")))
    return found


def _inner(name: str, value: Any) -> Any:
    if name in {"properties", "$defs", "definitions"} and isinstance(value, dict):
        return {key: strict_schema(inner) for key, inner in value.items()}  # names here are no keywords
    if name in {"items", "anyOf", "oneOf", "allOf", "not", "additionalProperties"}:
        return strict_schema(value)
    return value

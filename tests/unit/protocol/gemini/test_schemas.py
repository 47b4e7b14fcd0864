"""JSON Schema as Google takes it."""

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tianji.errors import InvalidRequest
from tianji.protocol.gemini.schemas import clean

TEXT = {"type": "string"}


@pytest.mark.parametrize(
    ("given_schema", "cleaned"),
    [
        ({"type": ["string", "null"]}, {"type": "string", "nullable": True}),
        ({"type": ["string", "integer"]}, {"anyOf": [TEXT, {"type": "integer"}]}),
        ({"anyOf": [TEXT, {"type": "null"}]}, {"type": "string", "nullable": True}),
        ({"oneOf": [TEXT, {"type": "number"}]}, {"anyOf": [TEXT, {"type": "number"}]}),
        ({"const": "a"}, {"type": "string", "enum": ["a"]}),
        ({"type": "integer", "enum": [1, 2]}, {"type": "integer"}),
        ({"enum": ["a", None]}, {"type": "string", "enum": ["a"], "nullable": True}),
        ({"type": "string", "format": "uri", "default": "x", "title": "T"}, TEXT),
        ({"type": "integer", "exclusiveMinimum": 1, "minimum": 2}, {"type": "integer", "minimum": 2}),
        ({"type": "array"}, {"type": "array", "items": {"type": "object"}}),
        ({"type": "object", "properties": {}, "required": ["a"]}, {"type": "object"}),
        (
            {"properties": {"a": TEXT}, "required": ["a", "b"]},
            {"type": "object", "properties": {"a": TEXT}, "required": ["a"], "propertyOrdering": ["a"]},
        ),
        (
            {"$defs": {"t": TEXT}, "type": "object", "properties": {"a": {"$ref": "#/$defs/t", "description": "d"}}},
            {
                "type": "object",
                "properties": {"a": {"type": "string", "description": "d"}},
                "propertyOrdering": ["a"],
            },
        ),
        (
            {
                "allOf": [
                    {"type": "object", "properties": {"a": TEXT}, "required": ["a"]},
                    {"properties": {"b": TEXT}, "required": ["b"]},
                ]
            },
            {
                "type": "object",
                "properties": {"a": TEXT, "b": TEXT},
                "required": ["a", "b"],
                "propertyOrdering": ["a", "b"],
            },
        ),
    ],
)
def test_rules(given_schema: dict[str, Any], cleaned: dict[str, Any]) -> None:
    assert clean(given_schema) == cleaned


def test_recursion_ends_in_any_object() -> None:
    tree = {"$defs": {"n": {"type": "object", "properties": {"next": {"$ref": "#/$defs/n"}}}}, "$ref": "#/$defs/n"}
    found = clean(tree)
    assert found["properties"]["next"] == {"type": "object"}


def test_references_that_multiply_are_refused() -> None:
    names = [f"d{i}" for i in range(30)]
    defs: dict[str, Any] = {
        name: {"type": "object", "properties": {"a": {"$ref": f"#/$defs/{then}"}, "b": {"$ref": f"#/$defs/{then}"}}}
        for name, then in zip(names, [*names[1:], "end"], strict=True)
    }
    with pytest.raises(InvalidRequest, match="too large"):
        clean({"$defs": defs, "$ref": "#/$defs/d0"})


def test_the_clients_schema_stays_as_it_is() -> None:
    schema = {"type": ["string", "integer"], "properties": {"a": {"type": ["null", "string", "number"]}}}
    before = repr(schema)
    clean(schema)
    assert repr(schema) == before


WORDS = re.findall(
    r"\S+",
    """type properties items anyOf oneOf allOf $ref $defs enum const required format nullable propertyOrdering
    additionalProperties string null object array #/$defs #""",
)
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5),
    max_leaves=25,
)


@given(st.dictionaries(st.sampled_from(WORDS), ANY, max_size=5))
@example({"propertyOrdering": [[]], "properties": {"type": None}})
def test_any_schema_is_cleaned(schema: dict[str, Any]) -> None:
    try:
        found = clean(schema)
    except InvalidRequest:
        return
    assert not {"$ref", "$defs", "oneOf", "allOf", "const", "additionalProperties"} & set(found)

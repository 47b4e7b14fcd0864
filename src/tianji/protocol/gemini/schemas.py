"""JSON Schema becomes the part of OpenAPI 3.0 that Google's function declarations take.

https://ai.google.dev/api/caching#Schema lists the members; an unknown one is an error there. References are put in
place, `null` among types becomes `nullable`, `oneOf` becomes `anyOf`, `allOf` is merged, `const` is an enum of one.
What cannot be said (recursion, bounds that exclude, enums of other things than text) is left out: the schema gets
wider, never narrower.
"""

from typing import Any

from tianji.errors import InvalidRequest

_KEPT = frozenset(
    {
        "type",
        "format",
        "description",
        "nullable",
        "enum",
        "maxItems",
        "minItems",
        "properties",
        "required",
        "minProperties",
        "maxProperties",
        "minLength",
        "maxLength",
        "pattern",
        "anyOf",
        "propertyOrdering",
        "items",
        "minimum",
        "maximum",
    }
)
_FORMATS = frozenset({"float", "double", "int32", "int64", "enum", "date-time"})
_TYPES = frozenset({"string", "number", "integer", "boolean", "array", "object"})
_MAX_DEPTH = 64
_MAX_NODES = 20_000  # references that refer twice to what refers twice grow without end

Schema = dict[str, Any]


def clean(schema: Schema) -> Schema:
    """Return a schema that Google takes. Raises InvalidRequest for one that is too large or too deep."""
    return _Cleaner(schema).schema(schema, ())


class _Cleaner:
    def __init__(self, root: Schema) -> None:
        self._root = root
        self._nodes = 0

    def schema(self, given: object, within: tuple[str, ...], depth: int = 0) -> Schema:
        """Clean one node; `within` holds the references that it stands in."""
        self._nodes += 1
        if self._nodes > _MAX_NODES or depth > _MAX_DEPTH:
            raise InvalidRequest(
                f"A JSON schema is too large: at most {_MAX_NODES} nodes, {_MAX_DEPTH} deep, references included."
            )
        if not isinstance(given, dict):
            return {}
        given, within = self._resolved(given, within)
        given = dict(self._merged(given, within))
        node = {name: value for name, value in given.items() if name in _KEPT}
        self._set_type(node, given)
        if isinstance(properties := node.get("properties"), dict):
            node["properties"] = {
                str(name): self.schema(value, within, depth + 1) for name, value in properties.items()
            }
        if isinstance(branches := given.get("anyOf") or given.get("oneOf"), list):
            node["anyOf"] = [self.schema(branch, within, depth + 1) for branch in branches]
            _take_null_out(node)
        if "items" in node or node.get("type") == "array":
            node["items"] = self.schema(node.get("items"), within, depth + 1) or {"type": "object"}
        return _tidy(node)

    def _resolved(self, given: Schema, within: tuple[str, ...]) -> tuple[Schema, tuple[str, ...]]:
        """Put what a reference names in its place; one that leads back to itself is any object."""
        while isinstance(reference := given.get("$ref"), str):
            beside = {name: value for name, value in given.items() if name != "$ref"}
            if reference in within:
                return {"type": "object"} | beside, within
            within = (*within, reference)
            given = self._named(reference) | beside
        return given, within

    def _named(self, reference: str) -> Schema:
        node: Any = self._root
        for step in reference.removeprefix("#").split("/"):
            if step:
                node = node.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(node, dict) else None
        return node if isinstance(node, dict) else {}

    def _merged(self, given: Schema, within: tuple[str, ...]) -> Schema:
        """Merge the branches of `allOf` into what stands beside them."""
        branches = given.get("allOf")
        if not isinstance(branches, list):
            return given
        merged: Schema = {}
        for branch in [*branches, {name: value for name, value in given.items() if name != "allOf"}]:
            if not isinstance(branch, dict):
                continue
            self._nodes += 1
            found, _ = self._resolved(branch, within)
            for name, value in found.items():
                old = merged.get(name)
                if name == "properties" and isinstance(old, dict) and isinstance(value, dict):
                    merged[name] = old | value
                elif name == "required" and isinstance(old, list) and isinstance(value, list):
                    merged[name] = [*old, *(item for item in value if item not in old)]
                else:
                    merged[name] = value
        return merged

    def _set_type(self, node: Schema, given: Schema) -> None:
        """Write `type` and `enum` as Google has them: one type, and text alone in an enum."""
        kind = given.get("type")
        if isinstance(kind, list):
            kinds = [one for one in kind if one != "null"]
            if len(kinds) < len(kind):
                node["nullable"] = True
            if len(kinds) > 1 and "anyOf" not in given:
                given["anyOf"] = [{"type": one} for one in kinds]
                kinds = []
            kind = kinds[0] if len(kinds) == 1 else None
            node.pop("type", None)
            if kind is not None:
                node["type"] = kind
        if "const" in given and "enum" not in given:
            node["enum"] = [given["const"]]
        values = node.get("enum")
        if isinstance(values, list):
            words = [value for value in values if isinstance(value, str)]
            if len(words) == len([value for value in values if value is not None]) and words:
                node["enum"] = words
                node.setdefault("type", "string")
            else:
                del node["enum"]
            if None in values:
                node["nullable"] = True
        elif values is not None:
            del node["enum"]


def _take_null_out(node: Schema) -> None:
    """Say by `nullable` that one of the branches was null, and merge a branch that is left alone."""
    branches = node["anyOf"]
    others = [branch for branch in branches if str(branch.get("type")).lower() != "null"]
    if len(others) < len(branches):
        node["nullable"] = True
    if len(others) == 1:
        del node["anyOf"]
        for name, value in others[0].items():
            node.setdefault(name, value)
    elif others:
        node["anyOf"] = others
    else:
        del node["anyOf"]


def _tidy(node: Schema) -> Schema:
    """Leave out what Google refuses in combination: formats it does not know, names that are required and not there."""
    kind = node.get("type")
    if "type" in node and not (isinstance(kind, str) and kind.lower() in {*_TYPES, "null"}):
        del node["type"]
    if not (isinstance(form := node.get("format", ""), str) and form in _FORMATS):
        node.pop("format", None)
    properties = node.get("properties")
    if not isinstance(properties, dict) or not properties:
        for name in ("properties", "required", "propertyOrdering"):
            node.pop(name, None)
        return node
    node.setdefault("type", "object")
    node.setdefault("propertyOrdering", list(properties))
    for name in ("required", "propertyOrdering"):
        names = node.get(name)
        if isinstance(names, list):
            node[name] = [one for one in names if isinstance(one, str) and one in properties]
        if not node.get(name) or not isinstance(node[name], list):
            node.pop(name, None)
    return node


_WHOLE = ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties")


def to_json_schema(schema: Schema) -> Schema:
    """Return the JSON Schema of one of Google's: types in lower case, `nullable` among the types, numbers as numbers.

    A schema of more than 64 levels is cut there: what is deeper may be anything.
    """
    return _json_schema(schema, 0)


def _json_schema(schema: Schema, depth: int) -> Schema:
    if depth > _MAX_DEPTH:
        return {}
    found: Schema = {}
    for name, value in schema.items():
        plain = _plain_name(name)
        if plain not in ("nullable", "propertyOrdering", "example") and value != "TYPE_UNSPECIFIED":
            found[plain] = _json_member(plain, value, depth)
    if schema.get("nullable") is True:
        if isinstance(found.get("type"), str):
            found["type"] = [found["type"], "null"]
        elif isinstance(found.get("anyOf"), list):
            found["anyOf"] = [*found["anyOf"], {"type": "null"}]
    return found


def _json_member(name: str, value: object, depth: int) -> object:
    if name == "type" and isinstance(value, str):
        return value.lower()
    if name == "properties" and isinstance(value, dict):
        return {key: _json_schema_of(item, depth) for key, item in value.items()}
    if name == "items":
        return _json_schema_of(value, depth)
    if name == "anyOf" and isinstance(value, list):
        return [_json_schema_of(item, depth) for item in value]
    if name in _WHOLE and isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)  # protocol buffers write 64-bit numbers as text
    return value


def _json_schema_of(value: object, depth: int) -> Any:
    return _json_schema(value, depth + 1) if isinstance(value, dict) else value


def _plain_name(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest) if head else name

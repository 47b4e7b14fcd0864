"""What the gateway itself holds the bodies of requests to, as JSON Schema."""

from typing import Final

from tianji.dialects.openai import Dialect

JSON_TYPES: Final = {'"': "string", "[": "array", "{": "object", "t": "boolean", "f": "boolean"}


def request_schema(dialect: Dialect) -> dict[str, object]:
    """JSON Schema of a request body, as far as the gateway itself holds it to one."""
    properties: dict[str, object] = {}
    for member in dialect.members:
        kinds = sorted({JSON_TYPES[start] for start in member.starts.decode() if start in JSON_TYPES})
        properties[member.name] = {"type": kinds[0] if len(kinds) == 1 else kinds}
    required = [member.name for member in dialect.members if member.required]
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": True}

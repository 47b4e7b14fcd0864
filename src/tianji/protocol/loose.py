"""JSON whose members nobody vouches for: what is not of the kind that is asked for is as good as absent."""

from typing import Any

Json = dict[str, Any]


def object_of(value: object) -> Json:
    """Return an object as it is, an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def list_of(value: object) -> list[Any]:
    """Return a list as it is, an empty one for anything else."""
    return value if isinstance(value, list) else []


def objects_of(value: object) -> list[Json]:
    """Return the objects in a list, none where it is no list."""
    return [one for one in list_of(value) if isinstance(one, dict)]


def text_at(holder: Json, name: str) -> str | None:
    """Return the text that a member is, None where it is none."""
    value = holder.get(name)
    return value if isinstance(value, str) else None

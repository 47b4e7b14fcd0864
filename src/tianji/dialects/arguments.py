"""The arguments of a call while they come in."""

import msgspec


def is_whole(pieces: list[str]) -> bool:
    """Tell whether the pieces so far are an object to which nothing can be added."""
    if not pieces or not pieces[-1].rstrip().endswith("}"):
        return False
    try:
        return isinstance(msgspec.json.decode("".join(pieces)), dict)
    except (msgspec.DecodeError, RecursionError):
        return False

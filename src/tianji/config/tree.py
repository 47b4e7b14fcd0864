"""YAML values that know where they were written: mappings and lists with a place for each member."""

from collections.abc import Iterable

from tianji.config.problems import Place


class Map(dict[str, object]):
    """A mapping; `place` is where it begins, `places` where each key stands. Never changed once it is built."""

    __slots__ = ("place", "places")

    def __init__(self, place: Place, members: Iterable[tuple[str, object, Place]] = ()) -> None:
        super().__init__()
        self.place = place
        self.places: dict[str, Place] = {}
        for key, value, where in members:
            self[key] = value
            self.places[key] = where

    def members(self) -> Iterable[tuple[str, object, Place]]:
        """Every key with its value and place, in file order."""
        return ((key, value, self.places[key]) for key, value in self.items())

    def at(self, key: str) -> Place:
        """Where `key` stands, or where the mapping begins when it has no such key."""
        return self.places.get(key, self.place)


class Items(list[object]):
    """A list; `place` is where it begins, `places` where each item stands. Never changed once it is built."""

    __slots__ = ("place", "places")

    def __init__(self, place: Place, members: Iterable[tuple[object, Place]] = ()) -> None:
        super().__init__()
        self.place = place
        self.places: list[Place] = []
        for value, where in members:
            self.append(value)
            self.places.append(where)

    def members(self) -> Iterable[tuple[int, object, Place]]:
        """Every item with its index and place."""
        return ((index, value, self.places[index]) for index, value in enumerate(self))


def plain(value: object) -> object:
    """`value` as ordinary dicts and lists, without places."""
    if isinstance(value, Map):
        return {key: plain(member) for key, member in value.items()}
    if isinstance(value, Items):
        return [plain(member) for member in value]
    return value


def kind(value: object) -> str:
    """Name what `value` is, in the words of a message."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int):
        return "an integer"
    if isinstance(value, float):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "a mapping" if isinstance(value, dict) else "a list"

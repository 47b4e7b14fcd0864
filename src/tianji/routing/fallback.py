"""Which model groups take a request that its own group could not serve, and in what order."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal

import msgspec
from msgspec import Struct

from tianji.config.schema.router import Target
from tianji.routing.failure import Failure, Kind

Table = Mapping[str, tuple[Target, ...]]
ANY: Final = "*"


class Fallbacks(Struct, frozen=True):
    """The fallback settings of one Snapshot. Each table maps a group, or `*`, to its targets.

    most: bounds the groups that a request enters beyond its own, and how deep lists lead into lists;
    with mode "depth" only the latter
    """

    general: Table = {}
    context_window: Table = {}
    content_policy: Table = {}
    most: int = 5
    mode: Literal["hops", "depth"] = "hops"
    chain_defaults: bool = False
    context_to_general: bool = False
    on_client_errors: bool = True
    on_bad_request: bool = True

    @property
    def heeds_filter(self) -> bool:
        """Whether an answer that was cut for its content may be a failure; see Walk.takes_filtered."""
        return bool(self.content_policy) or ANY in self.general

    def permits(self, failure: Failure) -> bool:
        """Whether a failure of this kind may lead to another group at all."""
        if failure.kind in {Kind.CONTEXT_WINDOW, Kind.CONTENT_POLICY}:
            return True
        if failure.status == 400 and not self.on_bad_request:
            return False
        return self.on_client_errors or failure.status in {408, 429} or not 400 <= failure.status < 500

    def own_table(self, kind: Kind) -> Table | None:
        """Return the table for just this kind of failure, None where there is none."""
        table: Table = {}
        if kind is Kind.CONTEXT_WINDOW:
            table = self.context_window
        elif kind is Kind.CONTENT_POLICY:
            table = self.content_policy
        return table or None

    def leads_on(self, names: Iterable[str]) -> bool:
        """Whether a general fallback leads away from the group that is known by `names`."""
        known = list(names)
        return any(_identity(target) not in known for target in find(self.general, known) or ())

    def walk(self, names: Sequence[str], wishes: "Wishes") -> "Walk":
        """Begin the fallbacks of a request for the group known by `names`."""
        return Walk(self, names, wishes)


class Wishes(Struct, frozen=True):
    """Fallback lists that a request brings; they take the place of the configured ones. None: it brings none.

    most: may only lower the configured bound
    """

    general: Table | tuple[Target, ...] | None = None
    context_window: Table | tuple[Target, ...] | None = None
    content_policy: Table | tuple[Target, ...] | None = None
    most: int | None = None


class Next(Struct, frozen=True):
    """Where a request goes next: the name of a group, alias or deployment, and members that replace the body's."""

    name: str
    overrides: Mapping[str, object] = {}
    depth: int = 1


def find(table: Table, names: Iterable[str], *, default: bool = True) -> tuple[Target, ...] | None:
    """Look the first of `names` up that the table has, with its provider or without; else `*`; None if nothing fits."""
    for name in names:
        if name in table:
            return table[name]
        bare = name.partition("/")[2]
        if bare and bare in table:
            return table[bare]
        if "/" not in name:
            found = next((key for key in table if key.partition("/")[2] == name), None)
            if found is not None:
                return table[found]
    return table.get(ANY) if default else None


class Walk:
    """The fallbacks of one request. Each target is given at most once, so lists may repeat and lead in circles.

    A group that fails leads to its own list; where it has none, the list of the group that the request named goes on.
    """

    def __init__(self, fallbacks: Fallbacks, names: Sequence[str], wishes: Wishes) -> None:
        """`names` are those of the first group: as requested, then what an alias stands for."""
        self._fallbacks = fallbacks
        self._names = tuple(names)
        self._wishes = wishes
        self._most = fallbacks.most if wishes.most is None else min(wishes.most, fallbacks.most)
        self._seen: set[object] = set(names)
        self._stack: list[tuple[Iterator[Target], int]] = []
        self._opened: set[str] = set()

    def next(self, kind: Kind, names: Sequence[str], depth: int, entered: int) -> Next | None:
        """Return where to go after a failure of this kind in the group known by `names`; None: nowhere.

        depth: of that group, 0 for the first; entered: groups beyond the first that were sent a request
        """
        self._open(kind, tuple(names), depth)
        while self._stack:
            targets, level = self._stack[-1]
            target = next(targets, None)
            if target is None:
                self._stack.pop()
            elif level <= self._most and self._is_new(target):
                if self._fallbacks.mode == "hops" and entered >= self._most:
                    return None
                return _next(target, level)
        return None

    def repeats(self, target: Next, meant: str) -> bool:
        """Whether a target was given before under the name it stands for; with members of its own it is another."""
        known = meant in self._seen and not target.overrides
        self._seen.add(meant)
        return known

    def takes_filtered(self, entered: int) -> bool:
        """Whether an answer that was cut for its content counts as a failure: only where a list for it leads on."""
        if entered >= self._most:
            return False
        wished, table = self._wishes.content_policy, self._fallbacks.content_policy
        if wished is not None:
            targets = self._of(wished)
        elif self._wishes.general is not None:
            return False
        else:
            targets = find(table, self._names) or () if table else self._fallbacks.general.get(ANY, ())
        return any(_identity(target) not in self._seen for target in targets)

    def _open(self, kind: Kind, names: tuple[str, ...], depth: int) -> None:
        """Put the list that a failure leads to on top, unless it is open already."""
        which, wished = self._wished(kind)
        if wished is None and depth:
            own = find(self._fallbacks.own_table(kind) or self._fallbacks.general, names, default=False)
            if own is not None:
                self._stack.append((iter(own), depth + 1))
                return
        if which not in self._opened:
            self._opened.add(which)
            self._stack.append((iter(self._configured(kind) if wished is None else wished), 1))

    def _wished(self, kind: Kind) -> tuple[str, tuple[Target, ...] | None]:
        """(which list a failure of this kind goes by, the request's own or None)."""
        special = {Kind.CONTEXT_WINDOW: self._wishes.context_window, Kind.CONTENT_POLICY: self._wishes.content_policy}
        own = special.get(kind)
        if own is not None:
            return kind, self._of(own)
        if self._wishes.general is not None:
            return "", self._of(self._wishes.general)
        return ("" if self._fallbacks.own_table(kind) is None else kind), None

    def _of(self, wish: Table | tuple[Target, ...]) -> tuple[Target, ...]:
        return wish if isinstance(wish, tuple) else find(wish, self._names) or ()

    def _configured(self, kind: Kind) -> tuple[Target, ...]:
        """Return the list of the group that the request named."""
        own = self._fallbacks.own_table(kind)
        if own is not None:
            found = find(own, self._names)
            if found is not None or not self._fallbacks.context_to_general:
                return found or ()
        found = find(self._fallbacks.general, self._names) or ()
        if self._fallbacks.chain_defaults:
            found = (*found, *self._fallbacks.general.get(ANY, ()))
        return found

    def _is_new(self, target: Target) -> bool:
        identity = _identity(target)
        new = identity not in self._seen
        self._seen.add(identity)
        return new


def _identity(target: Target) -> object:
    """Return what makes two targets the same: the name, or name and all members that go with it."""
    if isinstance(target, str):
        return target
    if target.keys() == {"model"}:
        return target["model"]
    return msgspec.json.encode(target, order="sorted")


def _next(target: Target, depth: int) -> Next:
    if isinstance(target, str):
        return Next(target, depth=depth)
    members = {name: value for name, value in target.items() if name != "model"}
    return Next(str(target.get("model", "")), members, depth)

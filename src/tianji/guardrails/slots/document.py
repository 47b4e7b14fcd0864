"""One body as guardrails see it, and as it is written when they have changed it."""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from tianji.guardrails.content import Content, ToolCall
from tianji.guardrails.slots.arguments import FIXED, with_leaves
from tianji.guardrails.slots.attachments import Attached
from tianji.guardrails.slots.texts import (
    Changes,
    Json,
    Mismatched,
    Path,
    Unmaskable,
    Unreadable,
    decoded,
    encoded,
    put,
    quoted,
    rewritten,
)
from tianji.guardrails.verdict import Rewrite


class Place(Struct, frozen=True):
    """Where a text stands.

    inner: its place in the JSON text that stands at `path` as a string, None where `path` is its own
    fixed: it cannot be changed
    echo: what repeats the text piece by piece (token probabilities), and says nothing any more once it has changed
    attached: it stands there as an attachment does
    """

    path: Path
    inner: Path | None = None
    fixed: bool = False
    echo: Path = ()
    attached: Attached | None = None


class Calls(Struct, frozen=True, eq=False):
    """The calls of one message. What changes when none of them is left: a member goes, and the reason it ended."""

    member: Path = ()
    reason: Path = ()
    otherwise: bytes = b""


class CallPlace(Struct, frozen=True):
    """Where a call stands: all of it, its name, () where none is said, and its arguments, a string or the object."""

    path: Path
    name: Path
    arguments: Path
    string: bool
    calls: Calls


class Choice(Struct, frozen=True):
    """What a request says of which tool is to be called.

    path: where, () for nowhere; names: of the tools that it wants called; none: what says instead that none is
    beside: what else means nothing where no tool is left
    """

    path: Path = ()
    names: frozenset[str] = frozenset()
    none: bytes = b'"none"'
    beside: tuple[Path, ...] = ()


class Tools(Struct, frozen=True):
    """Where tools are declared.

    originals: OpenAI's form of each, with what stands there; write: makes of OpenAI's form the one that stands there
    also: further places that declare some; those that are changed all go to the first one
    """

    path: Path
    originals: tuple[tuple[Mapping[str, Any], Any], ...]
    write: Callable[[Mapping[str, Any]], Any]
    also: tuple[Path, ...] = ()
    choice: Choice = Choice()

    def note(self, tools: tuple[Mapping[str, Any], ...], changes: Changes) -> None:
        """Note what is declared instead; tools that are as they were keep their form."""
        known = [original for original, _ in self.originals]
        said = [self.originals[known.index(tool)][1] if tool in known else self.write(tool) for tool in tools]
        alone = not said and len(self.path) == 1  # upstreams refuse an empty list, and a choice of nothing
        put(changes, self.path, None if alone else encoded(said))
        for path in self.also:
            put(changes, path, b"[]")
        choice = self.choice
        if alone:
            for path in (choice.path, *choice.beside):
                if path:
                    put(changes, path, None)
        elif choice.path and not choice.names <= {name_of(tool) for tool in tools}:
            put(changes, choice.path, choice.none)


def name_of(tool: Mapping[str, Any]) -> str:
    """Return the name of a tool in OpenAI's form, "" for one that has none."""
    held = next((tool[kind] for kind in ("function", "custom") if isinstance(tool.get(kind), Mapping)), tool)
    return str(held.get("name") or "")


class Document:
    """A body that was read. `content`: what is in scope of checks, everything at first."""

    def __init__(
        self,
        body: bytes,
        content: Content,
        places: list[Place],
        calls: list[CallPlace],
        tools: Tools | None,
        advise: Callable[[Json, str], tuple[str, bytes] | None],
    ) -> None:
        self.body = body
        self.content = content
        self._places = places
        self._calls = calls
        self._tools = tools
        self._advise = advise

    def written(self, rewrite: Rewrite) -> bytes:
        """Return the body with its changes; every byte that need not change is as it was.

        Raises Mismatched for what the content does not have, Unmaskable for what cannot be changed.
        """
        changes: Changes = {}
        self._rewrite_texts(rewrite.texts, changes)
        self._rewrite_calls(rewrite.calls, changes)
        self._remove_calls({index for index, call in rewrite.calls.items() if call is None}, changes)
        if rewrite.tools is not None and rewrite.tools != self.content.tools:
            if self._tools is None:
                raise Mismatched("a rewrite declares tools for a body that has no place for them")
            self._tools.note(rewrite.tools, changes)
        return rewritten(self.body, changes) if changes else self.body

    def advised(self, instructions: str) -> bytes:
        """Return the body with further instructions for the model. Raises Unmaskable where it has no place for them."""
        tree = decoded(self.body)
        advice = self._advise(tree, instructions) if isinstance(tree, dict) else None
        if advice is None:
            raise Unmaskable("there is no place for instructions in this request")
        name, value = advice
        if name in tree:
            return rewritten(self.body, {name: value})
        behind = self.body.index(b"{") + 1
        return self.body[:behind] + quoted(name) + b":" + value + (b"," if tree else b"") + self.body[behind:]

    def _rewrite_texts(self, texts: Mapping[int, str], changes: Changes) -> None:
        inner: dict[Path, dict[Path | None, str]] = {}
        echoes: set[Path] = set()
        for index, text in texts.items():
            if not 0 <= index < len(self._places):
                raise Mismatched(f"a rewrite names text {index} of {len(self._places)}")
            place = self._places[index]
            if text == self.content.texts[index].text:
                continue
            if place.fixed:
                raise Unmaskable(FIXED)
            if place.echo:
                echoes.add(place.echo)
            if place.inner is None:
                written = text if place.attached is None else place.attached.with_text(text)
                put(changes, place.path, quoted(written))
            else:
                inner.setdefault(place.path, {})[place.inner] = text
        tree = decoded(self.body) if inner else None
        for path, parts in inner.items():
            put(changes, path, quoted(with_leaves(_at(tree, path), parts)))
        for path in echoes:
            put(changes, path, b"null")

    def _rewrite_calls(self, calls: Mapping[int, ToolCall | None], changes: Changes) -> None:
        for index, call in calls.items():
            if not 0 <= index < len(self._calls):
                raise Mismatched(f"a rewrite names call {index} of {len(self._calls)}")
            place, before = self._calls[index], self.content.calls[index]
            if call is None:
                continue
            if call.name != before.name:
                if not place.name:
                    raise Mismatched("a rewrite names a tool whose calls say no name")
                put(changes, place.name, quoted(call.name))
            if call.arguments != before.arguments:
                put(changes, place.arguments, quoted(call.arguments) if place.string else _object(call.arguments))

    def _remove_calls(self, gone: set[int], changes: Changes) -> None:
        left = {place.calls for index, place in enumerate(self._calls) if index not in gone}
        for group in {self._calls[index].calls for index in gone} - left:
            if group.member:
                put(changes, group.member, None)
            if group.reason:
                put(changes, group.reason, group.otherwise)
        for index in gone:
            place = self._calls[index]
            if place.calls in left or not place.calls.member:
                put(changes, place.path, None)


def _at(tree: Any, path: Path) -> str:
    for key in path:
        tree = tree[key]
    return str(tree)


def _object(arguments: str) -> bytes:
    try:
        found = decoded(arguments.encode())
    except (Unreadable, UnicodeEncodeError) as error:
        raise Mismatched("a rewrite gives arguments that are no JSON") from error
    if not isinstance(found, dict):
        raise Mismatched("a rewrite gives arguments that are no object")
    return arguments.encode()

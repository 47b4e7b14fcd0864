"""Gathers what a form's module finds in a body."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from msgspec import Struct

from tianji.guardrails.content import FUNCTION, Content, Direction, Kind, Text, ToolCall
from tianji.guardrails.slots.arguments import leaves_in, leaves_of
from tianji.guardrails.slots.attachments import Attached, of_data, of_uri
from tianji.guardrails.slots.document import CallPlace, Calls, Choice, Document, Place, Tools
from tianji.guardrails.slots.texts import Json, Path, encoded, leaves

OPAQUE: Final = frozenset(
    {
        "type", "id", "role", "object", "status", "format", "detail", "index", "data", "file_data", "file_id",
        "signature", "thought_signature", "thoughtSignature", "thought_signatures", "encrypted_content",
        "encrypted_index", "cache_control", "media_type", "mime_type", "mimeType", "tool_call_id", "tool_use_id",
        "call_id", "item_id", "phase", "finish_reason", "stop_reason",
    }
)  # fmt: skip
"""Members that are no text for a model or a reader: names of things, and what is encoded."""
_HOLDING: Final = ("file", "input_file", "input_image", "image_file", "container_upload")
"""Types of parts whose `file_id` is an attachment, and no citation."""


class Voice(Struct, frozen=True):
    """Whose texts are read: role and kind, the number of the message, and what echoes them."""

    role: str = "user"
    kind: Kind = Kind.SAID
    message: int = 0
    echo: Path = ()


_TOLD: Final = Voice("system", Kind.DESCRIPTION, -1)
_DESCRIBING: Final = frozenset(
    {
        "description", "title", "default", "const", "enum", "examples", "input_examples", "instructions", "definition",
        "server_description", "$comment",
    }
)  # fmt: skip
"""Members of declared tools and schemas that hold words for the model."""
_NAMING: Final = frozenset({"properties", "patternProperties", "$defs", "definitions"})
"""Members whose own members are named as whoever wrote the schema liked."""


class Sheet:
    """What was found so far."""

    def __init__(self, direction: Direction) -> None:
        self.direction = direction
        self._texts: list[Text] = []
        self._places: list[Place] = []
        self._images: list[str] = []
        self._files: list[str] = []
        self._calls: list[ToolCall] = []
        self._call_places: list[CallPlace] = []
        self._tools: Tools | None = None

    @property
    def role(self) -> str:
        """Who speaks where nothing says it."""
        return "assistant" if self.direction is Direction.RESPONSE else "user"

    @property
    def found(self) -> Iterator[tuple[Path, str]]:
        """The texts that were found, each with its place."""
        return ((place.path, text.text) for place, text in zip(self._places, self._texts, strict=True))

    def text(self, text: str, path: Path, voice: Voice) -> None:
        """Take one text; an empty one says nothing."""
        if text:
            self._texts.append(Text(text, voice.role, voice.kind, voice.message))
            self._places.append(Place(path, echo=voice.echo))

    def image(self, url: object, path: Path, voice: Voice) -> None:
        """Take the address of an image that stands at `path`, as it is or in an object."""
        if isinstance(url, dict):
            url, path = url.get("url"), (*path, "url")
        if isinstance(url, str) and url and not self._attached(url, path, voice):
            self._images.append(url)

    def file(self, name: object) -> None:
        """Take the address or id of a file, whose content is elsewhere."""
        if isinstance(name, str) and name:
            self._files.append(name)

    def data(self, media: object, data: object, path: Path, voice: Voice) -> None:
        """Take an attachment in base64 that stands at `path`, by the type that is said of it."""
        if isinstance(data, str):
            kind = media if isinstance(media, str) else ""
            self._take(of_data(kind, data), f"data:{kind};base64,{data}", path, voice)

    def _attached(self, value: str, path: Path, voice: Voice) -> bool:
        """Take an attachment, if a text is one; return whether it is."""
        found = of_uri(value)
        if found is not None:
            self._take(found, value, path, voice)
        return found is not None

    def _take(self, found: Attached, uri: str, path: Path, voice: Voice) -> None:
        if found.image:
            self._images.append(uri)
        elif found.text is None or self.direction is Direction.RESPONSE:
            self._files.append(uri)
        elif found.text:
            self._texts.append(Text(found.text, voice.role, voice.kind, voice.message))
            self._places.append(Place(path, attached=found))

    def said(self, value: object, path: Path, voice: Voice, opaque: frozenset[str] = OPAQUE) -> None:
        """Take every text of a value, whatever its form: a string, parts of a content, or what nobody foresaw."""
        if isinstance(value, str):
            self.text(value, path, voice)
        elif isinstance(value, list):
            for number, part in enumerate(value):
                self.said(part, (*path, number), voice, opaque)
        elif isinstance(value, dict):
            self._part(value, path, voice, opaque)

    def _part(self, part: Json, path: Path, voice: Voice, opaque: frozenset[str]) -> None:
        if part.get("type") in _HOLDING and self.direction is Direction.REQUEST:
            self.file(part.get("file_id"))
        for name, value in part.items():
            at: Path = (*path, name)
            if name == "image_url":
                self.image(value, at, voice)
            elif isinstance(value, str):
                if name not in opaque or name == "file_data":
                    self._string(name, value, at, voice)
            elif name == "source":
                self._source(value, at, voice, part.get("type"))
            elif name == "input_audio" and isinstance(value, dict):
                self.data(f"audio/{value.get('format')}", value.get("data"), (*at, "data"), voice)
            elif name == "file" and isinstance(value, dict):
                self.said({"type": name, **value}, at, voice, opaque)
            elif name not in opaque:
                self.said(value, at, voice, opaque)

    def _string(self, name: str, value: str, path: Path, voice: Voice) -> None:
        if self._attached(value, path, voice):
            return
        if name == "file_data":  # in base64, and nobody says of what
            self.file(value)
        else:
            self.text(value, path, voice)
            if name == "file_url":
                self.file(value)

    def _source(self, source: object, path: Path, voice: Voice, block: object) -> None:
        """Take where Anthropic's images and documents come from. `block`: which of both it is."""
        if not isinstance(source, dict):
            self.said(source, path, voice)
            return
        kind, data = source.get("type"), source.get("data")
        if kind == "base64":
            self.data(source.get("media_type"), data, (*path, "data"), voice)
        elif kind == "text" and isinstance(data, str):
            self.text(data, (*path, "data"), voice)
        elif kind == "url" and block == "document":
            self.file(source.get("url"))
        elif kind == "url":
            self.image(source, path, voice)
        elif kind == "file":
            self.file(source.get("file_id"))
        else:
            self.said(source, path, voice)

    def noticed(self, call: ToolCall, place: CallPlace) -> None:
        """Take a call whose texts are read by others."""
        self._calls.append(call)
        self._call_places.append(place)

    def call(self, call: ToolCall, place: CallPlace, arguments: object = None) -> None:
        """Take a call, its arguments leaf by leaf. `arguments`: the object that stands there, where it is no string."""
        self.noticed(call, place)
        string = place.string
        for leaf in leaves_in(call.arguments) if string else leaves_of(arguments, place.arguments):
            fixed = leaf.inner is None
            self._texts.append(Text(leaf.text, "assistant", Kind.TOOL_ARGUMENTS, call.message, fixed))
            if leaf.inner is None:
                self._places.append(Place(place.arguments, fixed=True))
            else:
                self._places.append(Place(place.arguments, leaf.inner) if string else Place(leaf.inner))

    def described(self, declared: object, path: Path) -> None:
        """Take what declared tools, or a schema, say of themselves: models read it. Names cannot be changed."""
        names: list[str] = []
        waiting: list[tuple[Path, object]] = [(path, declared)]
        while waiting:
            at, node = waiting.pop()
            inner = list(node.items()) if isinstance(node, dict) else list(enumerate(listed(node)))
            for name, value in reversed(inner):
                if name in _NAMING and isinstance(value, dict):
                    names += value
                if name not in _DESCRIBING:
                    waiting.append(((*at, name), value))
                    continue
                for place, text in leaves(value, (*at, name)):
                    self.text(text, place, _TOLD)
        if said := "\n".join(names):
            self._texts.append(Text(said, _TOLD.role, _TOLD.kind, _TOLD.message, fixed=True))
            self._places.append(Place(path, fixed=True))

    def declared(self, tools: Tools) -> None:
        """Take the tools that a request declares."""
        self._tools = tools

    def document(self, body: bytes, advise: Callable[[Json, str], tuple[str, bytes] | None]) -> Document:
        """Return what was found."""
        content = Content(
            self.direction,
            tuple(self._texts),
            tuple(self._images),
            tuple(self._files),
            tuple(tool for tool, _ in self._tools.originals) if self._tools else (),
            tuple(self._calls),
        )
        return Document(body, content, self._places, self._call_places, self._tools, advise)


def choice_of(body: Json, member: str, none: bytes = b'"none"', *beside: str) -> Choice:
    """Return what a member of a body says of the tool to be called. `beside`, `none`: see Choice."""
    chosen = body.get(member)
    if chosen is None:
        return Choice(beside=tuple((name,) for name in beside if name in body))
    names = frozenset(text for path, text in leaves(chosen, ()) if path and path[-1] == "name")
    return Choice((member,), names, none, tuple((name,) for name in beside if name in body))


def listed(value: object) -> list[Any]:
    """Return a list as it is, and nothing of anything else."""
    return value if isinstance(value, list) else []


def call_of(
    name: object, arguments: object, call_id: object, message: int, kinds: tuple[str, ...] = FUNCTION
) -> ToolCall:
    """Return a call. Arguments that are an object become its JSON text."""
    written = arguments if isinstance(arguments, str) else encoded(arguments).decode() if arguments is not None else ""
    return ToolCall(str(name or ""), written, call_id if isinstance(call_id, str) else "", message, kinds)


def tools_of(
    found: object, read: Callable[[Any], Mapping[str, Any] | None]
) -> tuple[tuple[Mapping[str, Any], Any], ...]:
    """Return declared tools in OpenAI's form, each with what stands there."""
    return tuple((read(tool) or tool, tool) for tool in listed(found) if isinstance(tool, dict))


NO_CALLS: Final = Calls()

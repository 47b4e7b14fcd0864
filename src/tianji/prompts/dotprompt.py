"""`.prompt` files: YAML between two lines of dashes, then a template of Jinja whose text becomes messages.

https://google.github.io/dotprompt describes the head; the body is Jinja's, as LiteLLM reads it. Who writes such a file
is not who runs the gateway: templates reach nothing but their variables, and what they can use up is bounded. What a
variable brings is text wherever it stands; a line of it that looks like the beginning of a message begins none.
"""

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml
from msgspec import Struct

from tianji.errors import ConfigurationError, InvalidRequest
from tianji.lazy import load
from tianji.prompts.template import Filled, Message, Variables

LONGEST: Final = 1 << 20  # characters, of a file and of what comes of it
_HEAD: Final = re.compile(
    r"\A---[ \t]*\r?\n(?P<head>.*?)^---[ \t]*(?:\r?\n|\Z)(?P<body>.*)\Z", re.DOTALL | re.MULTILINE
)
_ROLE: Final = re.compile(r"^[ \t]*(system|developer|user|assistant):[ \t]*", re.IGNORECASE | re.MULTILINE)
_ABOUT: Final = frozenset({"model", "config", "input", "output", "name", "variant", "version", "description", "ext"})
"""Members of a head that are no parameters of a request."""
_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    **dict.fromkeys(("string", "str"), (str,)),
    **dict.fromkeys(("integer", "int"), (int,)),
    **dict.fromkeys(("number", "float"), (int, float)),
    **dict.fromkeys(("boolean", "bool"), (bool,)),
    **dict.fromkeys(("array", "list"), (list,)),
    **dict.fromkeys(("object", "dict"), (dict,)),
}


class Unreadable(ConfigurationError):  # noqa: N818 - named like its neighbours in the error tree
    """A file that is no prompt."""


class File(Struct, frozen=True):
    """One file. `schema`: the types of variables; defaults: those that a request need not bring; content: its body."""

    content: str
    metadata: Mapping[str, Any]
    template: Any
    model: str | None
    params: Mapping[str, Any]
    schema: Mapping[str, str] = {}
    defaults: Mapping[str, Any] = {}

    def fill(self, variables: Variables) -> Filled:
        """Put variables into it. Raises InvalidRequest for those of another type, and for too much text."""
        for name, kind in self.schema.items():
            if name in variables and not _is(variables[name], _TYPES[kind]):
                raise InvalidRequest(f"the variable {name!r} must be of type {kind}", param="prompt_variables")
        text = _jinja().rendered(self.template, {**self.defaults, **variables}, LONGEST)
        return Filled(list(messages_of(text)), self.model, self.params)


@functools.lru_cache(maxsize=256)
def read(text: str) -> File:
    """Return the prompt of a file's text. Raises Unreadable."""
    if len(text) > LONGEST:
        raise Unreadable(f"the file has more than {LONGEST} characters")
    found = _HEAD.match(text)
    head, body = ({}, text) if found is None else (_mapping(found["head"]), found["body"])
    return made(head, body)


def made(head: Mapping[str, Any], body: str) -> File:
    """Return the prompt of a head and a body, as `prompt_data` has them. Raises Unreadable."""
    model, given, config = head.get("model"), head.get("input"), head.get("config")
    if model is not None and not isinstance(model, str):
        raise Unreadable("`model` must be text")
    asked = given if isinstance(given, Mapping) else {}
    schema, defaults = asked.get("schema"), asked.get("default")
    params = {name: value for name, value in head.items() if name not in _ABOUT}
    return File(
        content=body,
        metadata=head,
        template=_jinja().compiled(body),
        model=model,
        params={**params, **(config if isinstance(config, Mapping) else {})},
        schema=_schema(schema) if isinstance(schema, Mapping) else {},
        defaults=defaults if isinstance(defaults, Mapping) else {},
    )


def messages_of(text: str) -> Iterator[Message]:
    """Yield the messages that lines which name a role begin; text without one is a user's."""
    marks = list(_ROLE.finditer(text))
    plain = _jinja().plain
    early = text[: marks[0].start()] if marks else text
    if early.strip():
        yield {"role": "user", "content": plain(early).strip("\r\n")}
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    for mark, end in zip(marks, ends, strict=False):  # without a mark there is an end all the same
        said = text[mark.end() : end]
        yield {"role": mark[1].lower(), "content": plain(said).strip("\r\n")}


def _jinja() -> Any:
    try:
        return load("tianji.prompts.rendering")
    except ModuleNotFoundError as error:
        raise ConfigurationError("files of prompts need jinja2: pip install 'tianji[prompts]'") from error


def _mapping(head: str) -> Mapping[str, Any]:
    try:
        found = yaml.safe_load(head)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Unreadable(f"what stands between the lines of dashes is not YAML: {error}") from error
    if found is not None and not isinstance(found, dict):
        raise Unreadable("what stands between the lines of dashes must be a mapping")
    return found or {}


def _schema(written: Mapping[str, Any]) -> dict[str, str]:
    """Return the types that are known. What follows a type is its description, and all may be missing, as `name?`."""
    found = {str(name).rstrip("?"): str(kind).partition(",")[0].strip() for name, kind in written.items()}
    return {name: kind for name, kind in found.items() if kind in _TYPES}


def _is(value: object, types: tuple[type, ...]) -> bool:
    return isinstance(value, types) and (not isinstance(value, bool) or bool in types)

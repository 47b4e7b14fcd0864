"""One change to a decoded body, and when it is needed."""

from collections.abc import Callable, Iterator, Mapping

from msgspec import Struct

from tianji.errors import UnsupportedParams
from tianji.providers.upstream import Body


class Step(Struct, frozen=True):
    """`run` changes the body it is given, which is a private copy.

    It is needed when a name of `on` is in the body (`"*"`: always), or when all needles of one group of `needles`
    are in the raw body. It must do nothing to a body that does not concern it.
    """

    run: Callable[[Body], None]
    on: frozenset[str] = frozenset()
    needles: tuple[tuple[bytes, ...], ...] = ()


class Judge(Struct, frozen=True):
    """What a step knows of its deployment. `allowed` holds the names that the operator forwards whatever we think."""

    provider: str
    model: str
    drop_params: bool
    allowed: frozenset[str] = frozenset()

    def reject(self, body: Body, name: str, why: str) -> None:
        """Remove `name` when drop_params is on, else raise UnsupportedParams."""
        if name in self.allowed:
            return
        if not self.drop_params:
            raise UnsupportedParams(
                f"{self.provider} model {self.model!r} does not take this {name!r}: {why}. "
                "Remove it, or set drop_params: true to have it removed.",
                param=name,
            )
        body.pop(name, None)


Maker = Callable[[Judge], Step]


def messages(body: Body) -> Iterator[dict[str, object]]:
    """Yield the messages that are objects; a body without a list of messages has none."""
    return _objects(body.get("messages"))


def tools(body: Body) -> Iterator[dict[str, object]]:
    """Yield the tools that are objects."""
    return _objects(body.get("tools"))


def functions(body: Body) -> Iterator[dict[str, object]]:
    """Yield the `function` member of every function tool."""
    for tool in tools(body):
        function = tool.get("function")
        if isinstance(function, dict):
            yield function


def parts(message: Mapping[str, object]) -> Iterator[dict[str, object]]:
    """Yield the content parts that are objects; text content has none."""
    return _objects(message.get("content"))


def _objects(value: object) -> Iterator[dict[str, object]]:
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))

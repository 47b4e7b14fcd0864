"""The hooks of a configuration in their order, and what follows from an error of one."""

import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

from msgspec import Struct, field

from tianji.errors import TianjiError
from tianji.hooks.calling import called, place
from tianji.hooks.roles import REQUEST_HOOKS, methods
from tianji.hooks.standins import DualCache, GuardrailRaisedException, HTTPException

log: Final = logging.getLogger("tianji.hooks")


class HookRefused(TianjiError):  # noqa: N818 - named like its neighbours in the error tree
    """A hook refuses a request, or the answer to it, with a status of its own choice."""

    status = 400
    type: ClassVar[str] = "invalid_request_error"


class HookFailed(TianjiError):  # noqa: N818 - likewise
    """A hook that has a say in a request has failed, so the request is stopped. The log says where."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the hook {name} of this gateway failed, so this was stopped")


class Method(Struct, frozen=True):
    """One method of one object. `name`: what the configuration calls the object; folder: where its file is."""

    name: str
    call: Callable[..., Any]
    folder: Path

    async def __call__(self, given: Mapping[str, Any]) -> Any:
        """Call it with what it names. Raises HookRefused and HookFailed."""
        try:
            return await called(self.call, given)
        except Exception as error:
            raise self.ending(error) from error

    async def stream(self, given: Mapping[str, Any]) -> AsyncIterator[Any]:
        """Return the pieces of a stream as it has them. Raises what it raises."""
        found: AsyncIterator[Any] = await called(self.call, given)
        return found

    def ending(self, error: Exception) -> TianjiError:
        """Return what ends a request: a refusal as the hook says it; a failure, which is logged, without its text."""
        if isinstance(error, TianjiError):
            return error
        found = refusal(error)
        if found is None:
            self.complain(error)
            return HookFailed(self.name)
        return found

    def encoded(self, encode: Callable[[], bytes]) -> bytes:
        """Return what it has left as JSON. Raises HookFailed where that is none."""
        try:
            return encode()
        except (TypeError, ValueError) as error:
            raise self.ending(TypeError(f"what hooks left is no JSON: {error}")) from error

    def complain(self, error: Exception) -> None:
        """Log where it failed."""
        log.error("the hook %s failed at %s", self.name, place(error, self.folder), exc_info=error)


class Registered(Struct, frozen=True):
    """All hooks that are overridden, by the methods that they are. `unsendable`: headers of which that was said."""

    methods: Mapping[str, tuple[Method, ...]]
    cache: DualCache
    unsendable: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.methods)

    def of(self, name: str) -> tuple[Method, ...]:
        """Return those of one method."""
        return self.methods.get(name, ())


def registered(targets: Iterable[tuple[str, Any]], folder: Path, names: Iterable[str] = REQUEST_HOOKS) -> Registered:
    """Return those hooks of objects that have these names, in the order of the objects."""
    wanted = tuple(names)
    found: dict[str, tuple[Method, ...]] = {}
    for name, target in targets:
        for hook, call in methods(target, wanted).items():
            found[hook] = (*found.get(hook, ()), Method(name, call, folder))
    return Registered(found, DualCache())


def refusal(error: BaseException) -> HookRefused | None:
    """Return what the client gets where an error is meant for him: one with a status, and what files raise to refuse.

    None for any other, which is a failure of the code.
    """
    status = getattr(error, "status_code", None)
    told = isinstance(error, HTTPException | GuardrailRaisedException | ValueError) or type(error) is Exception
    if not isinstance(status, int):
        status = 400 if told else None
    if status is None or not 400 <= status <= 599:
        return None
    detail = getattr(error, "detail", None)
    said = detail.get("error", detail) if isinstance(detail, Mapping) else detail
    found = HookRefused(str(said or error) or type(error).__name__)
    found.status = status
    found.specific = {str(name): value for name, value in detail.items()} if isinstance(detail, Mapping) else None
    return found

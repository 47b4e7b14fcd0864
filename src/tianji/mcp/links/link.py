"""What all ways to a server have in common."""

from typing import Any, Final, Protocol

from tianji.mcp.messages import METHOD_NOT_FOUND, RpcError, answer, refusal

LONGEST: Final = 64 * 1024 * 1024  # bytes of one message


class SessionLost(Exception):  # noqa: N818 - it never leaves a session
    """The server knows no more of what was begun with it, and wants to be greeted again."""


class Link(Protocol):
    """Carries messages to one server, as one caller.

    version: of the protocol, once that was agreed on
    """

    version: str | None

    @property
    def broken(self) -> bool:
        """Whether it carries nothing any more, so that another one is needed."""

    async def ask(self, request: dict[str, Any]) -> Any:
        """Return the answer to a request. Raises UpstreamFailure, and SessionLost."""

    async def tell(self, message: dict[str, Any]) -> None:
        """Send what has no answer. Raises UpstreamFailure."""

    async def close(self) -> None:
        """End it."""


def reply(message: dict[str, Any]) -> dict[str, Any] | None:
    """Return what a server is told that asks a client: it is alive, and does nothing else for it."""
    if message.get("id") is None:
        return None
    if message["method"] == "ping":
        return answer(message["id"], {})
    return refusal(message["id"], RpcError(METHOD_NOT_FOUND, "a gateway asks nobody"))

"""What goes wrong upstream. Statuses and types are those that clients of LiteLLM's proxy have always got."""

from typing import ClassVar

from tianji.errors.root import TianjiError


class UpstreamFailure(TianjiError):
    """The upstream gave no usable answer. `sent` says whether it may have seen the request."""

    status = 502
    type: ClassVar[str] = "upstream_error"

    def __init__(self, message: str, *, sent: bool = True) -> None:
        super().__init__(message)
        self.sent = sent


class UpstreamConnectFailed(UpstreamFailure):
    """No connection could be had: name resolution, TCP or TLS failed, or the pool's queue was full."""

    status = 500
    type: ClassVar[str] = "internal_server_error"

    def __init__(self, message: str) -> None:
        super().__init__(message, sent=False)


class UpstreamTimeout(UpstreamFailure):
    """A timeout ran out. `phase` is connect, first_byte, between_chunks or total."""

    status = 408
    type: ClassVar[str] = "invalid_request_error"

    def __init__(self, message: str, phase: str, *, sent: bool = True) -> None:
        super().__init__(message, sent=sent)
        self.phase = phase


class UpstreamProtocolError(UpstreamFailure):
    """The upstream broke HTTP/1.1 framing or the dialect it speaks; its connection was closed.

    `excerpt` is the beginning of what it sent, for the client alone: it may quote the prompt, so no log may hold it.
    `told` is the message without it, `payload` what it is an excerpt of, for whoever knows more secrets.
    """

    def __init__(self, message: str, *, excerpt: str = "", payload: bytes = b"") -> None:
        super().__init__(f"{message}. It begins: {excerpt!r}" if excerpt else message)
        self.told = message
        self.payload = payload


class UpstreamDisconnected(UpstreamFailure):
    """The upstream closed its connection before its answer was complete."""


class UpstreamSilent(UpstreamDisconnected):
    """The upstream closed its connection before it answered anything: no broken answer, but none."""

    status = 500
    type: ClassVar[str] = "internal_server_error"


class StreamFailed(UpstreamFailure):
    """The upstream said in the middle of its stream that it failed. `payload` is the JSON that says so."""

    def __init__(self, payload: bytes) -> None:
        super().__init__("the upstream failed in the middle of its stream")
        self.payload = payload


class UpstreamRefused(UpstreamFailure):
    """The upstream answered with an error of its own, handed on in OpenAI's shape; `said` is its message alone."""

    def __init__(
        self, status: int, message: str, wire_type: str, *, code: str | None, param: str | None, said: str = ""
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param
        self.said = said
        self._wire_type = wire_type

    @property
    def wire_type(self) -> str:
        """The upstream's own `type`, or the one its status maps to."""
        return self._wire_type

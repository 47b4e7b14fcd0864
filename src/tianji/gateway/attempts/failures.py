"""Errors on the request path, as clients get them."""

from collections.abc import Callable, Iterable

import msgspec

from tianji._core.routing.router import Deployment
from tianji.errors import (
    Overloaded,
    TianjiError,
    UpstreamDisconnected,
    UpstreamFailure,
    UpstreamProtocolError,
    UpstreamRefused,
    UpstreamSilent,
)
from tianji.protocol.chat.support import excerpt_of
from tianji.protocol.openai_errors import error_body, error_event, refused, refused_in_band

Doubt = Callable[[Iterable[str]], None]


class Failures:
    """What the compiled path asks when something goes wrong. One per worker.

    `doubt` is told the credentials of a deployment whose upstream does not know who asks (401).
    """

    def __init__(self, doubt: Doubt = lambda _secrets: None) -> None:
        self._doubt = doubt

    def body(self, error: TianjiError, request_id: str | None = None) -> bytes:  # noqa: ARG002 - it is in the head
        """Return the JSON text of the error object."""
        return error_body(error)

    def event(self, error: TianjiError) -> bytes:
        """Return the server-sent event that ends a broken stream."""
        return error_event(error)

    def unready(self, deployment: Deployment) -> TianjiError:
        """Return the error of a deployment that cannot be called as it is configured."""
        return Overloaded(f"model {deployment.group} cannot be called: {deployment.unready}", retry_after=60)

    def refused(self, status: int, body: bytes, deployment: Deployment) -> UpstreamRefused:
        """Map an error answer of the upstream; its text never shows the deployment's credentials."""
        if status == 401:
            self._doubt(deployment.secrets)
        return refused(status, body, provider=deployment.provider, model=deployment.model, secrets=deployment.secrets)

    def unreadable(self, status: int, body: bytes, fault: TianjiError, deployment: Deployment) -> UpstreamProtocolError:
        """Return the error of an answer that is no JSON object."""
        why = f"{deployment.provider} answered {status} with a body that is no JSON object: {fault.message}"
        return UpstreamProtocolError(why, excerpt=excerpt_of(body, deployment.secrets))

    def lost(self, status: int, deployment: Deployment) -> UpstreamProtocolError:
        """Return the error of a request that referred to what the upstream had promised to keep."""
        why = f"{deployment.provider} answered {status}: the beginning of the request, which it kept, is gone"
        return UpstreamProtocolError(why)

    def lacking(self, member: bytes, status: int, body: bytes, deployment: Deployment) -> UpstreamProtocolError:
        """Return the error of an answer without the member in which such answers say what was asked for."""
        why = f"{deployment.provider} answered {status} with a body that has no {member.decode()}"
        return UpstreamProtocolError(why, excerpt=excerpt_of(body, deployment.secrets))

    def named(self, error: TianjiError, deployment: Deployment, *, answered: bool = True) -> TianjiError:
        """Return an error that says whose upstream it was, and quotes nothing of the deployment's credentials.

        answered: whether the head of an answer came
        """
        if not isinstance(error, UpstreamFailure) or isinstance(error, UpstreamRefused):
            return error
        if isinstance(error, UpstreamDisconnected) and not answered:
            error = UpstreamSilent(error.message, sent=error.sent)
        if isinstance(error, UpstreamProtocolError) and error.payload:
            error.message = f"{error.told}. It begins: {excerpt_of(error.payload, deployment.secrets)!r}"
        if not error.message.startswith(deployment.provider):
            error.message = f"{deployment.provider}: {error.message}"
        return error

    def in_band(self, payload: bytes, deployment: Deployment) -> UpstreamFailure:
        """Map an error that came as an event inside a stream. `payload`: its text."""
        try:
            event = msgspec.json.decode(payload, type=dict[str, object])
        except (msgspec.DecodeError, RecursionError):
            event = {"error": payload.decode("utf-8", "replace")}
        return refused_in_band(event, provider=deployment.provider, model=deployment.model, secrets=deployment.secrets)

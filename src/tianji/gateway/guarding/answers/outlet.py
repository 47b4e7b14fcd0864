"""The client of a request that is watched, as the answer gets there: its head waits for its first piece."""

from collections.abc import Sequence

from tianji._core.edges.exchange import Exchange
from tianji._core.upstreams.headers import begin_answer, name_request
from tianji.errors import Header, TianjiError
from tianji.gateway.guarding.request import Request
from tianji.guardrails.records import headers
from tianji.guardrails.running import Outcome
from tianji.protocol.openai_errors import error_body

_OF_BODY = frozenset({b"content-type", b"content-length", b"transfer-encoding", b"content-encoding"})
_JSON = (b"content-type", b"application/json")
_EVENTS = b"text/event-stream"
_SAYING = frozenset({b"application/json", _EVENTS, b"application/vnd.amazon.eventstream"})


class Outlet:
    """Writes to the client. `outcomes`: what guardrails have done until the head goes out, which says it."""

    def __init__(self, client: Exchange, request: Request, outcomes: Sequence[Outcome], *, compat: bool) -> None:
        self._client = client
        self._request = request
        self._outcomes = outcomes
        self._compat = compat
        self._headers: list[Header] = []
        self.status = 0

    @property
    def begun(self) -> bool:
        """Whether the client has got something."""
        return bool(self._client.status)

    @property
    def full(self) -> bool:
        """Whether it reads more slowly than it gets."""
        return self._client.full

    @property
    def streams(self) -> bool:
        """Whether what comes is a stream of events."""
        return any(name == b"content-type" and value.startswith(_EVENTS) for name, value in self._headers)

    @property
    def says(self) -> bool:
        """Whether what comes is JSON, or events, or does not say what it is: somebody may read something in it."""
        kind = next((value for name, value in self._headers if name == b"content-type"), b"")
        kind = kind.partition(b";")[0].strip().lower()
        return not kind or kind in _SAYING or kind.endswith(b"+json")

    @property
    def encoded(self) -> bool:
        """Whether what comes is compressed."""
        return any(name == b"content-encoding" and value.lower() != b"identity" for name, value in self._headers)

    def head(self, status: int, headers: list[Header]) -> None:
        """Take the head of the answer."""
        self.status, self._headers = status, headers

    def send(self, chunk: bytes, *, last: bool) -> None:
        """Hand on a piece of the answer."""
        client = self._client
        if self.begun:
            if last:
                client.finish(chunk)
            else:
                client.write(chunk)
        elif last and chunk:
            client.respond(self.status, [*self._headers, *self._own()], chunk)
        else:
            client.start(self.status, [*self._headers, *self._own()])
            client.write(chunk)
            if last:
                client.finish()

    def refuse(self, error: TianjiError, told: bytes) -> None:
        """Answer with an error; `told`: the event that says so in a stream that was begun."""
        client, request = self._client, self._request
        if self.begun:
            client.write(told)
            client.finish()
            return
        fields = [pair for pair in self._headers if pair[0] not in _OF_BODY]
        if not fields:
            fields = begin_answer(False, request.call_id, self._compat)[1:]
        errors, told_of = request.errors, [_JSON, *fields, *error.headers, *self._own()]
        named = name_request(told_of, request.call_id)
        client.respond(error.status, told_of, error_body(error) if errors is None else errors.body(error, named))

    def _own(self) -> list[Header]:
        plan = self._request.plan
        return headers(plan.names, plan.sources, self._outcomes, self._compat)

    def abort(self) -> None:
        """Cut the answer off: the client notices."""
        self._client.abort()

    def close(self) -> None:
        """Let go of the client, who may know of whoever answers."""
        del self._client

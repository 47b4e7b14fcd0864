"""How a guardrail's vendor is asked: one connection pool for all, few at once, again where that may help.

A vendor that failed often in a row is left alone for a while: whoever asks hears at once that it is away.
"""

import asyncio
import random
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from msgspec import Struct

from tianji._core.upstreams.http1 import Timeouts
from tianji._core.upstreams.origin import Origin
from tianji._core.upstreams.pool import Pool
from tianji.clock import SYSTEM, Clock
from tianji.egress.address import AddressPolicy
from tianji.egress.pool import encode_request, fetch
from tianji.errors import TianjiError, UpstreamFailure
from tianji.guardrails.proving import Proofs
from tianji.guardrails.vendor import Call, Question, Reply, Type
from tianji.guardrails.verdict import Unavailable
from tianji.lazy import load

CONNECT: Final = 5.0  # seconds
AT_ONCE: Final = 128  # calls of one guardrail that a worker has under way
LONGEST: Final = 16 * 1024 * 1024  # bytes of a reply
PAUSE: Final = 0.1  # seconds before a call is sent again, twice as long each time, with jitter
FAILURES: Final = 10  # in a row, after which a vendor is left alone
REST: Final = 5.0  # seconds for which it is


class Breaker:
    """Knows whether one vendor answers. `clock` is monotonic."""

    def __init__(self, clock: Clock = SYSTEM) -> None:
        self._clock = clock
        self._failed = 0
        self._until = 0.0

    def admit(self) -> None:
        """Let one ask. Raises Unavailable while the vendor is left alone; afterwards one may see whether it is back."""
        if self._failed < FAILURES:
            return
        now = self._clock.monotonic()
        if now < self._until:
            raise Unavailable("it failed too often, and is asked again in a few seconds")
        self._until = now + REST

    def heard(self) -> None:
        """Note that it answered."""
        self._failed = 0

    def missed(self) -> None:
        """Note that it did not."""
        self._failed += 1
        if self._failed == FAILURES:
            self._until = self._clock.monotonic() + REST


class Line(Struct, frozen=True):
    """What the calls of one guardrail share."""

    breaker: Breaker
    slots: asyncio.Semaphore


class Caller:
    """Makes the calls of one worker.

    pool: for hosts that the operator named; strangers: makes the pool for those that only the database names, which
    have to be public unless they are among `allowed`
    models: asks the gateway's own, and raises UpstreamFailure where there is no answer
    """

    allowed: frozenset[str] = frozenset()

    def __init__(
        self,
        pool: Pool,
        strangers: Callable[[], Pool],
        environ: Mapping[str, str],
        models: Callable[[Question], Awaitable[Reply]],
        clock: Clock = SYSTEM,
    ) -> None:
        self._pool = pool
        self._models = models
        self._make_strangers = strangers
        self._strangers: Pool | None = None
        self._proofs = Proofs(environ)
        self._clock = clock
        self._origins: dict[tuple[str, str, int, bool], Origin] = {}
        self._lines: dict[str, Line] = {}

    def line(self, guardrail: str) -> Line:
        """Return what the calls of a guardrail share, by its id."""
        found = self._lines.get(guardrail)
        if found is None:
            found = self._lines[guardrail] = Line(Breaker(self._clock), asyncio.Semaphore(AT_ONCE))
        return found

    async def ask(self, call: Call, kind: Type[Any], line: Line, *, stored: bool) -> Reply:
        """Make a call, again where that may help. `stored`: only a public address may be asked. Raises Unavailable."""
        if call.after:
            await asyncio.sleep(call.after)
        tries = kind.attempts if call.again else 1
        for number in range(1, tries + 1):
            try:
                async with line.slots:
                    reply = await self._proved(call, stored=stored)
            except UpstreamFailure as error:
                if error.sent or number == tries:
                    raise Unavailable(error.message) from error
            except (TianjiError, ValueError) as error:
                raise Unavailable(getattr(error, "message", "its address or a header is not usable")) from error
            else:
                if reply.status not in kind.transient or number == tries:
                    return reply
            await asyncio.sleep(PAUSE * 2 ** (number - 1) * (1 + random.random()))  # noqa: S311 - no secret
        raise Unavailable("it was not asked")  # no type has no attempts

    async def consult(self, question: Question, line: Line) -> Reply:
        """Ask a model of the gateway's own, whose routing asks again where that may help. Raises Unavailable."""
        try:
            async with line.slots:
                return await self._models(question)
        except TianjiError as error:
            raise Unavailable(error.message) from error

    async def _proved(self, call: Call, *, stored: bool) -> Reply:
        """Send a call with the proof of who it is from; a token that is refused is fetched anew, once."""
        if call.auth is None:
            return await self._send(call, call.headers, stored=stored)
        reply = await self._send(call, {**call.headers, **await self._proofs.headers(call)}, stored=stored)
        if reply.status == 401 and self._proofs.forget(call.auth):
            reply = await self._send(call, {**call.headers, **await self._proofs.headers(call)}, stored=stored)
        return reply

    async def _send(self, call: Call, headers: Mapping[str, str], *, stored: bool) -> Reply:
        parts = urlsplit(call.url)
        stored = stored and (parts.hostname or "") not in self.allowed
        if stored:
            AddressPolicy().accept(call.url)
        origin = self._origin(parts.scheme, parts.hostname or "", parts.port, verify=call.verify)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        fields = {"host": parts.netloc.rpartition("@")[2], "accept": "application/json", "accept-encoding": "identity"}
        fields |= {name.lower(): value for name, value in headers.items()}
        request = encode_request(
            call.method.encode(),
            target.encode("ascii"),
            [(name.encode("latin-1"), value.encode("utf-8")) for name, value in fields.items()],
            call.body,
        )
        pool = self._pool if not stored else self._public()
        answer = await fetch(pool, origin, request, Timeouts(connect=CONNECT), max_body=LONGEST)
        found = {name.decode("latin-1"): value.decode("latin-1") for name, value in answer.headers}
        return Reply(answer.status, answer.body, found)

    def _origin(self, scheme: str, host: str, port: int | None, *, verify: bool) -> Origin:
        key = (scheme, host, port or (443 if scheme == "https" else 80), verify)
        found = self._origins.get(key)
        if found is None:
            context = load("tianji.egress.tls").client_context() if scheme == "https" else None
            if context is not None and not verify:
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            found = self._origins[key] = Origin(host, key[2], context)
        return found

    def _public(self) -> Pool:
        if self._strangers is None:
            self._strangers = self._make_strangers()
        return self._strangers

    def close(self) -> None:
        """Close the connections that are its own."""
        if self._strangers is not None:
            self._strangers.close()

"""What the ledger gets to know of requests: an entry for each attempt, kept before the answer's last byte goes out.

An entry is a list here, its members in the order of `tianji.ledger.entry.Entry`: nothing is made for it that is not
encoded at once. A request that was refused before any attempt has one, too, without a cost; of a flood of refusals only
some have, since a client gets them for nothing.
"""

import cython

from tianji._core.clock cimport monotonic
from tianji._core.meter cimport Rates
from tianji._core.router cimport Deployment
from tianji._core.spans cimport ObjectSpans

cdef extern from "realtime.h":
    long long realtime_microseconds() noexcept nogil

cdef double REFUSALS = 20   # entries of refused requests: so many a second, and at once
cdef int LONGEST_MESSAGE = 2000  # characters
cdef str SUCCESS = "success"
cdef str FAILURE = "failure"


@cython.final
cdef class Entries:
    """Makes the entries of one worker; see entries.pxd for what it is given."""

    def __init__(self, *, object prepare, object keep, object party, object said, dict call_types not None):
        self.prepare = prepare
        self.keep = keep
        self.party = party
        self.said = said
        self.call_types = call_types
        self.refusals = REFUSALS

    cdef int meet(self, Asked asked) except -1:
        """Note whom a request is for. Called before its first attempt: of a stream nothing is there at the end."""
        identity = asked.exchange.identity
        if self.prepare is not None:
            self.prepare()
            self.prepare = None
        if (
            self.says or asked.steer is not None or (identity is not None and identity.noted)
            or names_somebody(asked.asked)
        ):
            asked.party = self.party(asked)
        return 0

    cdef int attempted(self, Asked asked, Attempt attempt, int status) except -1:
        """Keep the entry of an attempt that was closed with `status`."""
        return self._keep(asked, attempt, attempt.usage, attempt.answer or attempt.said, status, monotonic())

    cdef int refused(self, Asked asked, int status) except -1:
        """Keep the entry of a request that ends with `asked.error` and without an attempt."""
        cdef double now = monotonic()
        self.refusals = min(REFUSALS, self.refusals + (now - self.refilled_at) * REFUSALS)
        self.refilled_at = now
        if self.refusals < 1:
            return 0
        self.refusals -= 1
        self.meet(asked)
        return self._keep(asked, None, None, None, status, now)

    cdef int recalled(self, Asked asked, Usage usage, object answer) except -1:
        """Keep the entry of a request whose answer was there already. `usage`: what making it used, which is paid."""
        self.meet(asked)
        return self._keep(asked, None, usage, answer, 200, monotonic())

    cdef int ended(self, Asked asked, int status) except -1:
        """Keep the end of a request that has an entry and whose trace callbacks are told of; it is in no book."""
        if asked.entry_id is None or not asked.trace.records:
            return 0
        asked.trace.close(asked.exchange, status)
        return self._keep(asked, None, None, None, status, monotonic())

    cdef int _keep(
        self, Asked asked, Attempt attempt, Usage usage, object answer, int status, double now
    ) except -1:
        cdef Deployment deployment = None if attempt is None else attempt.deployment
        cdef long long ended = realtime_microseconds()
        cdef Rates rates = None
        cdef bint failed = status >= 300
        cdef object error = asked.error if attempt is None else attempt.error
        cdef int number = 0 if attempt is None else attempt.number
        cdef list items = []
        cdef tuple place = None
        cdef bint over = asked.trace is not None and asked.trace.end is not None
        identity, party, payload, answered = asked.exchange.identity, asked.party, None, None
        if asked.entry_id is None:
            asked.entry_id = asked.pipeline.new_call_id().decode() if asked.named else asked.exchange.call_id
        if attempt is not None and attempt.first_byte_at > 0:
            answered = ended - microseconds(now - attempt.first_byte_at)
        if attempt is not None and attempt.rates is not None and attempt.billed_at:
            rates = attempt.rates._at(attempt.billed_at)
            items = rates.itemized(usage, attempt.billed_at, attempt.made(), attempt.tier)
        if asked.trace is not None and asked.trace.records:
            place = asked.trace.told(number)
        if party is not None and (self.says or (identity is not None and identity.owner)):
            payload = self.said(party.request, answer)
            if over:
                payload = (b"", b"", b"", *payload[3:])  # its attempts have what was said
        entry = [
            f"{asked.entry_id}-{number}",
            asked.exchange.call_id,
            ended - microseconds(now - (asked.began if attempt is None else attempt.began)),
            ended,
            FAILURE if failed else SUCCESS,
            self.call_types.get(asked.operation.name, asked.operation.name),
            answered,
            number,
            "" if asked.group is None else asked.model,
            "" if deployment is None else deployment.model if attempt.model is None else attempt.model,
            "" if deployment is None else deployment.provider,
            "" if deployment is None else deployment.id,
            "" if deployment is None else deployment.api_base,
            "" if identity is None else identity.key,
            None if identity is None else identity.key_alias,
            None if identity is None else identity.user_id,
            None if identity is None else identity.team_id,
            None if identity is None else identity.organization_id,
            None if party is None else party.end_user,
            None if identity is None else identity.agent_id,
            None if party is None else party.session_id,
            None if asked.exchange.peer is None else asked.exchange.peer[0],
            () if party is None else party.tags,
            0 if usage is None else max(0, usage.prompt_tokens),
            0 if usage is None else max(0, usage.completion_tokens),
            0 if usage is None else max(0, usage.cached_tokens),
            0 if usage is None else max(0, usage.written_tokens),
            0 if usage is None else max(0, usage.reasoning_tokens),
            0 if attempt is None else attempt.nano_dollars,
            items,
            None if rates is None else rates.factor,
            "" if rates is None else attempt.rates.catalogue,
            rates is not None and usage is not None and usage.reported >= 0 and rates.believes,
            asked.stream,
            attempt is None and not failed and not over,  # it was there already
            usage is not None and usage.estimated,
            usage is not None and usage.suspect,
            str(status) if failed else None,
            named(error, asked.exchange.gone) if failed else None,
            None if error is None else error.message[:LONGEST_MESSAGE],
            payload,
            place,
            0 if number == 0 else microseconds(attempt.began - asked.began),
            0 if attempt is None or attempt.ended_at <= 0 or attempt.sent_at <= 0
            else microseconds(attempt.ended_at - attempt.sent_at),
        ]
        if self.reads_limits and attempt is not None and attempt.headers is not None:
            remaining = left_of(attempt.headers)
            if remaining is not None:
                entry.append(b"")  # the runs of guardrails
                entry.append(remaining)
        if asked.guard is None:
            self.keep(entry)
        else:
            asked.guard.note(entry, self.keep)
        return 0


cdef tuple left_of(list headers):
    """Return (requests, tokens) that are left, as an answer says: -1 where one is not said, None for neither."""
    cdef long long requests = -1, tokens = -1
    cdef bytes name
    for name, value in headers:
        if len(name) >= 28 and name.startswith(b"x-ratelimit-remaining-"):
            if name == b"x-ratelimit-remaining-requests":
                requests = number_of(value)
            elif name == b"x-ratelimit-remaining-tokens":
                tokens = number_of(value)
    return None if requests < 0 and tokens < 0 else (requests, tokens)


cdef long long number_of(bytes value) except -2:
    return <long long>int(value) if 0 < len(value) <= 15 and value.isdigit() else -1


cdef str named(object error, bint gone):
    if error is not None:
        return type(error).__name__
    return "ClientGone" if gone else "GivenUp"  # for another attempt that was quicker


cdef long long microseconds(double seconds) noexcept:
    return <long long>(seconds * 1e6)


cdef bint names_somebody(ObjectSpans body) except -1:
    return body is not None and (body.find(b"user") >= 0 or body.find(b"safety_identifier") >= 0)
